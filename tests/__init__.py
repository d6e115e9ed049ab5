"""The tests: one file a room; pytest and trial both run them."""
