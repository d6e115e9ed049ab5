"""``python -m twistecho``: the ``twistecho`` command."""

from twistecho.cli.main import main

main()
