"""``python -m bench.reactors``: the cost of other Twisted programs on the eager reactor."""
