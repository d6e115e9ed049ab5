"""The tests, one folder per package of the product; pytest and trial both run them."""

import signal

# A shell's background jobs ignore Ctrl-C, and so would every child process of the tests.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
