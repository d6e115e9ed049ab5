"""Equal targets are reported as different as rarely as promised, and other ones are found."""

import unittest

from bench.equals import BACKGROUNDS, MOST, SIMULATIONS, main, share_that_differs

_CHANCE = 0.03  # that a hundred comparisons are more than two thousand


class EqualsTests(unittest.TestCase):
    """A small part of the simulation that ``python -m bench.equals`` makes, from one seed."""

    def test_equals_seldom_differ_whatever_else_the_machine_does(self) -> None:
        """In turn and one after the other, with noise, a slow drift, and waves."""
        for kind in SIMULATIONS:
            for other in BACKGROUNDS:
                with self.subTest(kind=kind, other=other):
                    assert share_that_differs(kind, other, 100, 20, 110) <= MOST + _CHANCE

    def test_a_difference_is_found(self) -> None:
        """In turn even where the machine drifts by more than that."""
        assert share_that_differs("ab", "drift", 20, 30, 110, slower=1.1) >= 0.9
        assert share_that_differs("diff", "noise", 20, 60, 110, slower=1.5) >= 0.9

    def test_the_command_tells_of_all_kinds(self) -> None:
        """It ends with 0 if all shares are within the limit."""
        assert main(["--comparisons=20", "--pairs=20", "--messages=20"]) == 0
