"""Echo services for other people's tests."""
