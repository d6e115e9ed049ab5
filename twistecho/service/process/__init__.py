"""``twist echo`` as one process: options, signals, metrics, and notifications for systemd."""
