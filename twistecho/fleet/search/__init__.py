"""Questions that take more than one load: how much a target takes, and which of two is faster."""
