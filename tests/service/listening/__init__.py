"""Tests of where the service listens."""
