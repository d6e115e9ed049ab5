"""Tests of what both houses stand on."""
