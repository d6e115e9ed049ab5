"""How each message is answered: replies, delays and faults, as pure values."""
