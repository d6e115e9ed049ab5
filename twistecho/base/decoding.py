"""Strict reading of JSON from elsewhere into the dataclasses that it was written from.

All fields must be present, with their types; unknown fields are ignored. Numbers are finite and 0
or more, integers at most `MOST`; text has no lone surrogates. msgspec checks all this. It is
imported only when something is read, since importing it takes 30 ms.
"""

import json
import math
import re
from collections.abc import Callable
from dataclasses import is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from .notation import FieldError, escaped

if TYPE_CHECKING:
    import msgspec

MOST = 2**63 - 1
"""The largest count: it fits the counters of every system and format."""

_LONGEST = 1e12
"""The largest float: as seconds, thirty thousand years."""

_LONGEST_LINE = 300

DEEPEST = 32
"""The deepest nesting of arrays and objects that `parse_strictly` accepts."""

_HALF = re.compile(r"[\ud800-\udfff]")

_VALUE = "value of the form"

_Kind = TypeVar("_Kind")
_Own = tuple[dict[str, Any], Callable[..., Any]]
_OWN: dict[type, _Own] = {}


def written_as(kind: type, **fields: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register the decorated function as the maker of a dataclass whose JSON fields differ.

    ``fields`` are those that differ: a type, None for a field that is not written, or a type and a
    default for a field that older files lack. The function may raise FieldError or ValueError.
    """

    def register(make: Callable[..., Any]) -> Callable[..., Any]:
        _OWN[kind] = fields, make
        return make

    return register


def parse(text: str, what: str) -> Any:
    """Return the value of a JSON text. Raises ValueError, in one line, if it is not JSON."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError(f"not {what}: nested too deep") from None
    except ValueError as error:
        raise ValueError(f"not {what}: {error}") from None


def parse_strictly(data: bytes, what: str) -> Any:
    """Return the value of JSON in UTF-8 that all JSON readers would read alike.

    Raises ValueError, in one line, if it is not JSON, and for numbers that are not finite, names
    given twice, lone surrogates and nesting deeper than `DEEPEST`.
    """
    hooks: dict[str, Any] = {
        "parse_constant": _refused_number,
        "parse_float": _finite,
        "object_pairs_hook": _once_each,
    }
    try:
        value = json.loads(data.decode(), **hooks)
        _check_inside(value, DEEPEST)
    except UnicodeDecodeError:
        raise ValueError(f"not {what}: not UTF-8") from None
    except RecursionError:
        raise ValueError(f"not {what}: nested too deep") from None
    except ValueError as error:
        raise ValueError(f"not {what}: {_in_line(str(error))}") from None
    return value


def _refused_number(text: str) -> None:
    raise ValueError(f"{text} is not a finite number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        _refused_number(text[:40])
    return value


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"{name[:40]!r} is given twice")
        found[name] = value
    return found


def _check_inside(value: Any, depth: int) -> None:
    """Raise ValueError for deeper nesting and for text that cannot be encoded."""
    if isinstance(value, str) and _HALF.search(value):
        raise ValueError("a lone surrogate is not text")
    if isinstance(value, (dict, list)):
        if not depth:
            raise ValueError("nested too deep")
        for each in (*value, *value.values()) if isinstance(value, dict) else value:
            _check_inside(each, depth - 1)


def check_schema(data: Any, schema: int, what: str, *older: int) -> None:
    """Raise ValueError unless the data is of one of these schemas."""
    if not isinstance(data, dict):
        raise ValueError(f"not {what}: not an object")  # noqa: TRY004 - as documented
    if "schema" not in data:
        raise ValueError(f"not {what}: schema: it is missing")
    if type(data["schema"]) is not int or data["schema"] not in (schema, *older):
        raise ValueError(f"schema {_in_line(str(data['schema'])[:40])} is not {schema}")


def decode(data: Any, kind: type[_Kind], what: str) -> _Kind:
    """Make a dataclass of JSON data.

    Raises ValueError with one line that names the path in the data, ``outcomes[3].start``. Only one
    thread at a time may call this: when two decode a type for the first time at once, msgspec 0.22
    crashes.
    """
    import msgspec  # noqa: PLC0415 - see the module's docstring

    try:
        form = msgspec.convert(data, _form(kind))  # type: ignore[arg-type]
    except msgspec.ValidationError as error:
        raise ValueError(f"not {what}: {_in_line(_told(error))}") from None
    except RecursionError:
        raise ValueError(f"not {what}: nested too deep") from None
    return _value(form)  # type: ignore[no-any-return]


@cache
def _form(kind: type) -> "type[msgspec.Struct]":
    """Return the msgspec struct of a dataclass: its JSON fields, with the limits of numbers."""
    import msgspec  # noqa: PLC0415 - see the module's docstring

    own, make = _OWN.get(kind, ({}, kind))
    types = {**_own_types(kind), **own}
    hints = [(name, hint if isinstance(hint, tuple) else (hint,)) for name, hint in types.items()]
    fields = [(name, _strict(hint[0]), *hint[1:]) for name, hint in hints if hint[0] is not None]

    def finish(form: Any) -> None:
        known = {name: _value(getattr(form, name)) for name, *_ in fields}
        form.__dict__[_VALUE] = make(**known)

    namespace = {"__post_init__": finish}
    return msgspec.defstruct(kind.__name__, fields, namespace=namespace, dict=True, kw_only=True)


def _own_types(kind: type) -> dict[str, Any]:
    return {name: get_type_hints(kind)[name] for name in kind.__dataclass_fields__}  # type: ignore[attr-defined]


def _strict(hint: Any) -> Any:
    """Return the type by which msgspec checks a field of this type."""
    from msgspec import Meta  # noqa: PLC0415 - see the module's docstring

    limited = {
        int: Annotated[int, Meta(ge=0, le=MOST)],
        float: Annotated[float, Meta(ge=0, le=_LONGEST)],
        str: Annotated[str, Meta(pattern=r"\A[^\ud800-\udfff]*\Z")],
    }
    if hint in limited:
        return limited[hint]
    if isinstance(hint, type) and is_dataclass(hint):
        return _form(hint)
    inner = tuple(part if part in (NoneType, ...) else _strict(part) for part in get_args(hint))
    origin = get_origin(hint)
    if origin in (UnionType, Union):
        return Union[inner]  # noqa: UP007 - these are values
    return origin[inner] if inner else hint


def _value(found: Any) -> Any:
    """Return the dataclass that was made of a struct; of a tuple or dict, of each member."""
    if isinstance(found, tuple):
        return tuple(map(_value, found))
    if isinstance(found, dict):
        return {key: _value(value) for key, value in found.items()}
    return getattr(found, "__dict__", {}).get(_VALUE, found)


def _in_line(text: str) -> str:
    """Return text from elsewhere as one line, shortened and without control characters."""
    shown = escaped(text)
    return shown if len(shown) <= _LONGEST_LINE else shown[: _LONGEST_LINE - 3] + "..."


_AT = re.compile(r"(?P<problem>.*?)(?: - at (?P<key>key in )?`\$\.?(?P<path>.*)`)?", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.*)`")


def _told(error: Exception) -> str:
    """Return msgspec's error in this program's words, with the path in the data."""
    match = _AT.fullmatch(str(error))
    assert match is not None  # noqa: S101 - the pattern matches any text
    problem, path = match["problem"], match["path"] or ""
    if isinstance(error.__cause__, FieldError):
        return f"{path}{'.' if path else ''}{problem}"
    if missing := _MISSING.fullmatch(problem):
        path, problem = f"{path}{'.' if path else ''}{missing[1]}", "it is missing"
    elif "matching regex" in problem:
        problem = "a lone surrogate is not text"
    elif error.__cause__ is None:
        problem = problem[:1].lower() + problem[1:].replace("`", "")
    return f"{path}: {problem}" if path else problem
