"""Tests of designs side by side."""
