"""The fleet on a Twisted reactor."""
