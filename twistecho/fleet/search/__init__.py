"""Questions that take more than one load: which of two targets is the faster one."""
