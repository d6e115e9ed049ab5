"""Some of Twisted's own reactor tests; all of them: ``python -m tests.support.reactor_suite``."""

import importlib.util
from unittest import TestCase

from tests.support.reactor_suite import QUICK_MODULES, Results, read_results, run, worse

_NEEDED = ("OpenSSL", "service_identity", "hamcrest")


class SuiteTests(TestCase):
    """No test that passes under Twisted's epoll reactor fails under the eager one."""

    def test_results_are_read_from_what_trial_says(self) -> None:
        """Also where a test prints something, and where an error follows its end."""
        text = (
            "twisted.a.B.test_c ... [OK]\n"
            "twisted.a.B.test_d ... noise\n[more] noise\n [ERROR]\n [OK]\n"
            "twisted.a.B.test_e ... [SKIPPED]\n"
        )
        results = read_results(text)
        assert list(results.values()) == ["OK", "ERROR", "SKIPPED"]
        assert worse(results, Results(results)) == []
        assert worse(Results(dict.fromkeys(results, "OK")), results) == list(results)[1:]

    def test_what_passes_under_epoll_passes_under_eager(self) -> None:
        """The modules that say most in little time."""
        missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
        if missing:
            self.skipTest(f"Twisted's own tests need {', '.join(missing)}")
        epoll, eager = run("epoll", QUICK_MODULES), run("eager", QUICK_MODULES)
        assert epoll.count("OK") > 150
        assert worse(epoll, eager) == []
