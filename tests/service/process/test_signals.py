"""Signals that come before the service has begun to stop."""

import signal
from unittest import TestCase

from twistecho.service.process.serving import heed_first_signal

BOTH = (signal.SIGUSR1, signal.SIGUSR2)


class FirstSignalTests(TestCase):
    """Two of them in one turn of the reactor."""

    def setUp(self) -> None:
        """Have signals noted by handlers as a reactor would have set."""
        self.handled: list[int] = []
        for number in BOTH:
            before = signal.signal(number, lambda number, _: self.handled.append(number))
            self.addCleanup(signal.signal, number, before)

    def test_only_the_first_is_handed_on(self) -> None:
        """Whichever it is."""
        heed_first_signal(BOTH)
        for number in (signal.SIGUSR2, signal.SIGUSR1, signal.SIGUSR2):
            signal.raise_signal(number)
        assert self.handled == [signal.SIGUSR2]

    def test_what_is_ignored_stays_so(self) -> None:
        """As nohup and shells ask for."""
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        heed_first_signal(BOTH)
        signal.raise_signal(signal.SIGUSR1)
        signal.raise_signal(signal.SIGUSR2)
        assert self.handled == [signal.SIGUSR2]
        assert signal.getsignal(signal.SIGUSR1) is signal.SIG_IGN
