"""Tests of the documentation: what is written from the code, and the site around it."""
