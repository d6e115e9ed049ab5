"""What a process runs that has this folder on its PYTHONPATH: it tells of itself at SIGUSR2."""
