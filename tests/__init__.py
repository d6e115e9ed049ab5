"""The tests, one folder per package of the product; pytest and trial both run them."""

import signal

# A shell's background jobs ignore Ctrl-C, and so would every child that the tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
