"""``python -m bench --modes``: what a message costs in each mode that people use."""
