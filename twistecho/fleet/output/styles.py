"""The styles of lines on a terminal."""

Line = tuple[str, str]
"""A line of text, or a piece of one, and its style on a terminal."""

BAD, GOOD, DOUBTFUL, ASIDE = "bold red", "bold green", "bold yellow", "dim"
