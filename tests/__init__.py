"""The tests, one folder per package of the product; pytest and trial both run them."""
