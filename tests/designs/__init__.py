"""Tests of the notebook's servers."""
