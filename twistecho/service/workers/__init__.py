"""The service in several processes that share the same ports."""
