"""Shared by service and fleet: replies, notation, random numbers, timers, sockets, processes."""
