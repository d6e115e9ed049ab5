"""The echo service's connections."""
