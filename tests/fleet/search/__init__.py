"""Tests of `twistecho.fleet.search`."""
