"""The documentation: pages, examples, and in `generate` what writes the reference from the code."""
