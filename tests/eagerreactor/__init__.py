"""Tests of the eager reactor."""
