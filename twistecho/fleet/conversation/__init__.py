"""One client's side of a conversation, without I/O."""
