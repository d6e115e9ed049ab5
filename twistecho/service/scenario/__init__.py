"""What becomes of a message: delays and faults, as pure values."""
