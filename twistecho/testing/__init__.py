"""Echo services for the tests of other projects."""
