"""One client's side of a conversation, without input or output."""
