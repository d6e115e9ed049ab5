"""What clients do, when, and which service they connect to."""
