"""Comparison of server designs: the same plan against each of them."""
