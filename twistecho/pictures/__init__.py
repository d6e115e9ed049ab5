"""Charts as values, drawn as SVG on any installation, and by matplotlib as PNG and PDF."""
