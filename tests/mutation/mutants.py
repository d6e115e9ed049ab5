"""The possible changes of a module: one comparison, condition, number, call or statement. Pure."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import sha256
from itertools import islice
from pathlib import Path

ROOT = Path(__file__).parents[2]

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
_CALLS = {"min": "max", "max": "min", "any": "all", "all": "any"}
# Texts, and code for type checkers, are not behaviour.
_TEXT = (ast.JoinedStr, ast.Raise, ast.Assert, ast.Import, ast.ImportFrom)
_NOT_BEHAVIOUR = {"annotation", "returns", "decorator_list", "bases", "keywords of a class"}
_NAMES_FOR_TOOLS = {"__all__", "__slots__"}


@dataclass(frozen=True)
class Mutant:
    """One change of one module.

    `path` is relative to the project, `where` the qualified name of the function or class that
    contains it ("" for the module itself), `lines` the first and last line of the changed
    statement, `before` and `after` its texts, `number` the place among the module's changes.
    """

    path: str
    where: str
    lines: tuple[int, int]
    before: str
    after: str
    number: int

    @property
    def key(self) -> tuple[str, str, str, str]:
        """Return the name of the change, which stays if its statement moves unchanged."""
        return self.path, self.where, self.before, self.after

    def rank(self, seed: int) -> bytes:
        """Return the place in a drawn order, which does not depend on other code."""
        return sha256(repr((seed, self.key)).encode()).digest()

    @cached_property
    def tree(self) -> ast.Module:
        """Return the changed module; its line numbers are those of the original module."""
        tree = ast.parse(_source(self.path))
        next(islice(_changes(tree), self.number, None)).make()
        return ast.fix_missing_locations(tree)


@dataclass(frozen=True)
class _Change:
    parent: ast.AST
    field: str
    index: int | None
    new: ast.AST
    statement: ast.stmt
    where: str

    def make(self) -> None:
        """Put the new node in the old one's place."""
        if self.index is None:
            setattr(self.parent, self.field, self.new)
        else:
            getattr(self.parent, self.field)[self.index] = self.new


def mutants_of(path: str) -> list[Mutant]:
    """Return every change of a module, in the order of its lines."""
    tree = ast.parse(_source(path))
    found = []
    for number, change in enumerate(_changes(tree)):
        before, lines = _head(change.statement), _lines(change.statement)
        old = _get(change)
        change.make()
        after = _head(change.statement) if change.new is not change.statement else ""
        if change.statement is old:
            after = ast.unparse(change.new)
        found.append(Mutant(path, change.where, lines, before, after, number))
        _Change(change.parent, change.field, change.index, old, change.statement, "").make()
    return found


@lru_cache(maxsize=4)
def _source(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def _get(change: _Change) -> ast.AST:
    held = getattr(change.parent, change.field)
    node: ast.AST = held if change.index is None else held[change.index]
    return node


def _head(statement: ast.stmt) -> str:
    """Return a statement in one line; of one with a body, only the part before the body."""
    text = ast.unparse(statement)
    if isinstance(getattr(statement, "body", None), list):
        text = next(line for line in text.splitlines() if not line.startswith("@"))
    return " ".join(text.split())


def _lines(statement: ast.stmt) -> tuple[int, int]:
    body = getattr(statement, "body", None)
    last = body[0].lineno - 1 if isinstance(body, list) else statement.end_lineno or 0
    return statement.lineno, max(statement.lineno, last)


def _changes(tree: ast.Module) -> Iterator[_Change]:
    """Yield each change of a module; after making one, do not continue the iteration."""
    todo: list[tuple[ast.AST, str, int | None, ast.AST, ast.stmt | None, str]] = [
        (tree, "body", at, node, None, "") for at, node in enumerate(tree.body)
    ]
    todo.reverse()
    while todo:
        parent, field, index, node, statement, where = todo.pop()
        if isinstance(node, ast.stmt):
            statement = node
        if statement is None or _is_no_behaviour(node):
            continue
        for new in _others(node, parent, field):
            if not hasattr(new, "lineno"):  # an existing node keeps its own place
                ast.copy_location(new, node)
            yield _Change(parent, field, index, new, statement, where)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            where = f"{where}.{node.name}".removeprefix(".")
        inside = [(node, name, at, each, statement, where) for name, at, each in _children(node)]
        todo += reversed(inside)


def _children(node: ast.AST) -> Iterator[tuple[str, int | None, ast.AST]]:
    for name, value in ast.iter_fields(node):
        if name in _NOT_BEHAVIOUR or (isinstance(node, ast.ClassDef) and name == "keywords"):
            continue
        if isinstance(value, ast.AST):
            yield name, None, value
        elif isinstance(value, list):
            yield from (
                (name, at, each) for at, each in enumerate(value) if isinstance(each, ast.AST)
            )


def _is_no_behaviour(node: ast.AST) -> bool:
    if isinstance(node, _TEXT) and not isinstance(node, ast.Raise):
        return True
    if isinstance(node, ast.Assign):
        return any(
            isinstance(each, ast.Name) and each.id in _NAMES_FOR_TOOLS for each in node.targets
        )
    if isinstance(node, ast.If):
        return "TYPE_CHECKING" in ast.unparse(node.test)
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _others(node: ast.AST, parent: ast.AST, field: str) -> Iterator[ast.AST]:
    """Yield the replacements of a node."""
    if isinstance(node, ast.expr):
        yield from _other_expressions(node)
        if field == "test" and isinstance(parent, ast.If | ast.IfExp | ast.While):
            yield from (
                ast.Constant(value)
                for value in (False, True)
                if not (value and isinstance(parent, ast.While))
            )
    elif isinstance(node, ast.stmt):
        yield from _other_statements(node)


def _other_expressions(node: ast.expr) -> Iterator[ast.expr]:
    match node:
        case ast.Compare(left, ops, comparators):
            for at, op in enumerate(ops):
                yield ast.Compare(
                    left, [*ops[:at], _COMPARISONS[type(op)](), *ops[at + 1 :]], comparators
                )
        case ast.BoolOp(op, values):
            yield ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
            for at in range(len(values)):
                rest = [*values[:at], *values[at + 1 :]]
                yield rest[0] if len(rest) == 1 else ast.BoolOp(op, rest)
        case ast.UnaryOp(ast.Not(), operand):
            yield operand
        case ast.BinOp(left, op, right) if type(op) in _ARITHMETIC:
            yield ast.BinOp(left, _ARITHMETIC[type(op)](), right)
        case ast.Constant(bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(int(value) | float(value)):
            yield ast.Constant(value + 1)
        case ast.Call(ast.Name(name), args, keywords) if name in _CALLS:
            yield ast.Call(ast.Name(_CALLS[name], ast.Load()), args, keywords)


def _other_statements(node: ast.stmt) -> Iterator[ast.stmt]:
    match node:
        case ast.Expr(ast.Call() | ast.Await()) | ast.Raise() | ast.Delete():
            yield ast.Pass()
        case ast.Assign([ast.Attribute() | ast.Subscript()], _):
            yield ast.Pass()
        case ast.AugAssign(target, op, value):
            yield ast.Pass()
            if type(op) in _ARITHMETIC:
                yield ast.AugAssign(target, _ARITHMETIC[type(op)](), value)
        case ast.Return(ast.Constant(None)):
            return
        case ast.Return(ast.expr()):
            yield ast.Return(ast.Constant(None))
        case ast.Return(None) | ast.Continue():
            yield ast.Pass()
        case ast.Break():
            yield ast.Continue()
