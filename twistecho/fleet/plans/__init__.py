"""What clients do, when, and whom they talk to."""
