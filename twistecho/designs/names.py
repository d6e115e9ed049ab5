"""The names of the notebook's designs, in the order in which they run; see `catalogue`."""

NAMES = ("sequential", "threaded", "forking", "select")
