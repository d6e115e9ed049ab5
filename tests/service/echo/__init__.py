"""Tests of the connections of the echo service."""
