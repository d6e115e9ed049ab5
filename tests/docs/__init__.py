"""The pages of the documentation: every code block runs, as a reader would run it."""
