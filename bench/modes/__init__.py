"""``python -m bench --modes``: the cost of a message in each mode."""
