"""What both houses stand on: replies, notation, chance, timers, sockets, processes, files."""
