"""Some of Twisted's own reactor tests; all of them: ``python -m tests.other_suites``."""

import importlib.util
from collections.abc import Sequence
from unittest import TestCase

from tests.other_suites import compare
from tests.support.reactor_suite import QUICK_MODULES, Results, read_results, run, worse

_NEEDED = ("OpenSSL", "service_identity", "hamcrest")


class SuiteTests(TestCase):
    """No test that passes under Twisted's epoll reactor fails under the eager one."""

    def test_results_are_read_from_what_trial_says(self) -> None:
        """Also if a test prints text, and if an error follows its end."""
        text = (
            "twisted.a.B.test_c ... [OK]\n"
            "twisted.a.B.test_d ... noise\n[more] noise\n [ERROR]\n [OK]\n"
            "twisted.a.B.test_e ... [SKIPPED]\n"
        )
        results = read_results(text)
        assert list(results.values()) == ["OK", "ERROR", "SKIPPED"]
        assert worse(results, Results(results)) == []
        assert worse(Results(dict.fromkeys(results, "OK")), results) == list(results)[1:]

    def test_what_is_worse_only_once_is_no_finding(self) -> None:
        """Other projects have tests that fail now and then; other differences are named too."""
        right = {"a.B.c": "OK", "a.B.d": "OK"}
        once, again = {"a.B.c": "FAIL", "a.B.d": "ERROR"}, {"a.B.c": "FAIL", "a.B.d": "OK"}
        runs = iter((right, once, right, again))
        asked: list[tuple[str, list[str]]] = []

        def execute(reactor: str, modules: Sequence[str]) -> Results:
            asked.append((reactor, list(modules)))
            return Results(next(runs))

        compared = compare("a", ["a"], execute)
        assert asked == [(name, ["a"]) for name in ("epoll", "eager")] * 2
        assert compared.found == ["a.B.c"]
        assert list(compared.other) == ["a.B.d: OK under epoll, ERROR under eager"]

    def test_what_passes_under_epoll_passes_under_eager(self) -> None:
        """The most useful modules that take little time."""
        missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
        if missing:
            self.skipTest(f"Twisted's own tests need {', '.join(missing)}")
        epoll, eager = run("epoll", QUICK_MODULES), run("eager", QUICK_MODULES)
        assert epoll.count("OK") > 150
        assert worse(epoll, eager) == []
