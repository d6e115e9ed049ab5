"""Searches that need more than one load: the highest rate of a target, and the faster of two."""
