"""The ``twistecho`` command."""
