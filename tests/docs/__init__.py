"""Tests of the documentation: its code blocks, what is written from the code, and the site."""
