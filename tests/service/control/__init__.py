"""Tests of how a service is steered while it runs."""
