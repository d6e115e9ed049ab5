"""The same plan against every design of server."""
