"""Tests of several processes that serve."""
