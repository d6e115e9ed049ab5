"""The probe: a process with this folder on its PYTHONPATH reports its resources at SIGUSR2."""
