"""Tests of the package that service and fleet share."""
