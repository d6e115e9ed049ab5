"""Tests of what clients do."""
