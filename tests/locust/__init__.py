"""Tests of the fleet on Locust."""
