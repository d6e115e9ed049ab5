"""What is changed in a module, and what is left alone."""

import ast
import unittest
from pathlib import Path
from tempfile import TemporaryDirectory

from .fork_server import changed_functions
from .mutants import Mutant, mutants_of
from .report import sample


class _Case(unittest.TestCase):
    def mutants(self, text: str) -> list[Mutant]:
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = Path(folder.name, "module.py")
        path.write_text(text, encoding="utf-8")
        return mutants_of(str(path))

    def changes(self, text: str) -> list[str]:
        return [mutant.after for mutant in self.mutants(text)]


class ChangesTests(_Case):
    """One text, and what it becomes."""

    def test_each_kind_of_change(self) -> None:
        """As the statement reads afterwards."""
        for text, expected in (
            ("a = b < c", ["a = b <= c"]),
            ("a = b <= c != d", ["a = b < c != d", "a = b <= c == d"]),
            ("a = b and c", ["a = b or c", "a = c", "a = b"]),
            ("a = b or c or d", ["a = b and c and d", "a = c or d", "a = b or d", "a = b or c"]),
            ("a = not b", ["a = b"]),
            ("a = b // 2", ["a = b * 2", "a = b // 3"]),
            ("a = True", ["a = False"]),
            ("a = max(b, c)", ["a = min(b, c)"]),
            ("a = b if c else d", ["a = b if False else d", "a = b if True else d"]),
            ("f(b)", ["pass"]),
            ("a.b = c", ["pass"]),
            ("a += b", ["pass", "a -= b"]),
            ("while a:\n    b", ["while False:"]),
            ("for a in b:\n    if a:\n        break", ["if False:", "if True:", "continue"]),
            ("def f():\n    return a", ["return None"]),
            ("raise ValueError(1)", ["pass", "raise ValueError(2)"]),
        ):  # fmt: skip
            with self.subTest(text=text):
                self.assertEqual(self.changes(text), expected)

    def test_what_is_no_behaviour_is_left_alone(self) -> None:
        """Texts, annotations, decorators, names for tools."""
        self.assertEqual(
            self.changes(
                '"""Text."""\nimport a\n__all__ = ["b"]\nif TYPE_CHECKING:\n    c = 1\n'
                '@dataclass(frozen=True)\nclass D(E, f=1):\n    """Text."""\n    g: Literal[1]\n'
                'def h(i: Literal[2]) -> Literal[3]:\n    j = f"{k + 1}"\n'
            ),
            [],
        )

    def test_every_change_is_of_one_place(self) -> None:
        """Each tree is another program, and a program; its lines are those of the module."""
        for mutant in mutants_of("twistecho/base/timers.py")[::20]:
            original = Path(__file__).parents[2] / mutant.path
            tree = ast.parse(original.read_text(encoding="utf-8"))
            before, after = ast.unparse(tree).splitlines(), ast.unparse(mutant.tree).splitlines()
            self.assertNotEqual(before, after)
            compile(mutant.tree, mutant.path, "exec")
            self.assertLessEqual(len(changed_functions(mutant)), 1)
            self.assertLessEqual(mutant.lines[0], mutant.lines[1])


class NameTests(_Case):
    """How changes are named, and drawn."""

    def test_a_name_outlives_what_is_written_elsewhere(self) -> None:
        """Lines above it, comments, another function."""
        text = "def f(a):\n    return a + 1\n"
        (one, two) = self.mutants(text)[-2:]
        moved = self.mutants(f"# moved\ndef g(a):\n    return a\n\n{text}")[-2:]
        self.assertEqual([each.key[1:] for each in moved], [one.key[1:], two.key[1:]])
        self.assertEqual(one.where, "f")

    def test_a_sample_changes_as_far_as_the_code_does(self) -> None:
        """One changed function changes the drawn changes of that function alone."""
        all_of_them = mutants_of("twistecho/base/timers.py")
        drawn = sample(all_of_them, 50, seed=0)
        without = [each for each in all_of_them if each.where != drawn[0].where]
        fewer = [each for each in drawn if each.where != drawn[0].where]
        self.assertEqual(sample(without, len(fewer), seed=0), fewer)
        self.assertNotEqual(sample(all_of_them, 50, seed=1), drawn)


class CodeTests(_Case):
    """What a fork server puts in a function's place."""

    def test_the_code_that_is_changed_is_found(self) -> None:
        """A method, by its name and line; nothing where the module itself is changed."""
        mutants = self.mutants(
            "A = 1\nclass B:\n    @c\n    def d(self):\n        return self.e + 1\n"
        )
        self.assertEqual(changed_functions(mutants[0]), [])
        ((name, code),) = changed_functions(mutants[-1])
        self.assertEqual(name, ("B.d", 3))
        self.assertIn(2, code.co_consts)
