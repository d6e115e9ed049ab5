"""``python -m twistecho``: the ``twistecho`` command."""

from .cli import main

main()
