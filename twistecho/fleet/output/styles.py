"""How lines look on a terminal."""

Line = tuple[str, str]
"""A line of text, or a piece of one, and the style that it has on a terminal."""

BAD, GOOD, DOUBTFUL, ASIDE = "bold red", "bold green", "bold yellow", "dim"
