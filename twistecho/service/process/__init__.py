"""``twist echo`` as one process: its options, signals, metrics, and what systemd is told."""
