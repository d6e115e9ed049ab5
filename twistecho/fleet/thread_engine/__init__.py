"""The fleet on plain blocking sockets, one thread per client, without Twisted."""
