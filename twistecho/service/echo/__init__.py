"""The connections of the echo service."""
