"""Equal targets are called different as seldom as is said, and others are found."""

import unittest

from bench.equals import MOST, main, share_that_differs


class EqualsTests(unittest.TestCase):
    """A small part of the simulation that ``python -m bench.equals`` makes, from one seed."""

    def test_equals_seldom_differ_whatever_else_the_machine_does(self) -> None:
        """In turn and one after the other, with a slow drift and without."""
        for kind in ("ab", "diff"):
            for drift in (False, True):
                with self.subTest(kind=kind, drift=drift):
                    assert share_that_differs(kind, 100, 30, 110, drift=drift) <= MOST

    def test_a_difference_is_found(self) -> None:
        """In turn even where the machine drifts by more than that."""
        assert share_that_differs("ab", 20, 30, 110, drift=True, slower=1.1) >= 0.9
        assert share_that_differs("diff", 20, 60, 110, drift=False, slower=1.5) >= 0.9

    def test_the_command_tells_of_all_kinds(self) -> None:
        """And ends with 0 where all is as it should be."""
        assert main(["--comparisons=20", "--pairs=20", "--messages=20"]) == 0
