"""A service is steered while it runs: what can be asked of it, and HTTP to ask it."""
