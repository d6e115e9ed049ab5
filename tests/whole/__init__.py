"""Tests of the product as a whole: its layers, and many parts at once."""
