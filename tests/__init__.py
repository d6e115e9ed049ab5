"""The tests: one file a room, for pytest and for trial."""
