"""Where the service listens."""
