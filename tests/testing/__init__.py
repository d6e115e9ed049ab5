"""Tests of services for other people's tests."""
