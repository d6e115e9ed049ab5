"""The control interface of a running service: its operations, and HTTP for them."""
