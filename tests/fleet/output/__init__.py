"""Tests of tables, pictures, pages and files."""
