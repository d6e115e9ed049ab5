"""Tests of one client's conversation."""
