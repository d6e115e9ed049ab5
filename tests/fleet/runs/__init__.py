"""Tests of a plan carried out."""
