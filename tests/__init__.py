"""Tests of twistecho, for pytest and for trial."""

import signal

# A shell's background jobs ignore Ctrl-C, and so would every child that the tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
