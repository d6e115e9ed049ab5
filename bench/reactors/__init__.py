"""``python -m bench.reactors``: what others' Twisted programs cost on the eager reactor."""
