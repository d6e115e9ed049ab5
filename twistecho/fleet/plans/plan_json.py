"""A plan as JSON data: written in this schema, read in this one and in older ones."""

from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from twistecho.base.decoding import check_schema, parse, written_as
from twistecho.base.notation import FieldError

from .default_messages import NOTEBOOK_MESSAGE
from .payload import OF_FILE
from .plan_fields import shown
from .plan_stages import STAGED, parse_staged
from .protocol import importable_name_of
from .stages import Share
from .tokens import have_tokens

if TYPE_CHECKING:
    from .plan import Plan

SCHEMA = 4
"""The version of a plan's JSON form; it grows when a reader of the old form would misread it."""

_WITHOUT_PAYLOADS = 3
"""The version without ``size``, ``payload`` and ``weights``."""

_WITHOUT_TOKENS = 2
"""The version in which tokens were not replaced: all messages were literal."""

_OLDER = (_WITHOUT_PAYLOADS, _WITHOUT_TOKENS)

_ADDED: dict[str, tuple[object, object]] = {
    "size": ("", None), "payload": ("", None), "weights": (None, ()),
}  # fmt: skip
"""The fields that older files lack: what marks a missing one, and the value it then gets."""


def plan_to_dict(plan: "Plan") -> dict[str, Any]:
    """Return a plan as JSON data; see `Plan.to_dict`."""
    data = {name: getattr(plan, name) for name in plan.__dataclass_fields__}
    data["messages"] = [_message_to_json(message) for message in plan.messages]
    data["reply"], data["arrivals"] = str(plan.reply), str(plan.arrivals)
    data["sources"], data["weights"] = list(plan.sources), list(plan.weights)
    if isinstance(plan.payload, bytes):
        data["payload"] = _base64(plan.payload)
    data["protocol"] = importable_name_of(plan.protocol)
    for name, staged in STAGED.items():
        stages = data.pop(staged)
        data[name] = data[name] if stages is None else stages.to_json()
    return {"schema": SCHEMA, **data}


def _message_to_json(message: bytes) -> str | dict[str, str]:
    """Write UTF-8 as text, and other bytes as base64."""
    try:
        return message.decode()
    except UnicodeDecodeError:
        return _base64(message)


def _base64(data: bytes) -> dict[str, str]:
    return {"base64": b64encode(data).decode()}


def check_plan_schema(data: Any) -> None:
    """Raise ValueError for data that is not of a known schema of a plan."""
    check_schema(data, SCHEMA, "a plan", *_OLDER)


def filled(
    text: str, default: "Plan", *, bytes_of: Callable[[str], bytes] | None = None
) -> dict[str, Any]:
    """Return the JSON data of a plan file; missing fields are those of the default.

    ``bytes_of`` reads the file of a payload ``file:PATH``. Raises ValueError, in one line, if it is
    not a plan file, or of a newer schema.
    """
    data = parse(text, "a plan")
    check_plan_schema(data)
    fields = {"schema", *default.__dataclass_fields__} - {*STAGED.values()}
    unknown = [name for name in data if name not in fields]
    if unknown:
        raise ValueError(f"{shown(unknown[0])[1:-1]}: there is no such field")
    if data["schema"] == _WITHOUT_TOKENS:
        default = replace(default, messages=(NOTEBOOK_MESSAGE,))
    payload = data.get("payload")
    if bytes_of is not None and isinstance(payload, str) and payload.startswith(OF_FILE):
        data["payload"] = _base64(bytes_of(payload.removeprefix(OF_FILE)))
    return {**plan_to_dict(default), **data}


@dataclass(frozen=True)
class _Bytes:
    """A message that is not UTF-8, in its JSON form."""

    base64: str


@written_as(_Bytes)
def _bytes(base64: str) -> bytes:
    try:
        return b64decode(base64, validate=True)
    except ValueError as error:
        raise FieldError("base64", str(error)) from None


@dataclass(frozen=True)
class _Part:
    """One process's share of stages, in its JSON form."""

    stages: str
    part: int
    parts: int
    clients: int


@dataclass(frozen=True)
class _Shared:
    """One process's share of stages, as read from JSON."""

    text: str
    share: Share


@written_as(_Part)
def _shared(stages: str, **fields: int) -> _Shared:
    return _Shared(stages, Share(**fields))


PLAN_FORM: dict[str, Any] = {
    "schema": int,
    "clients": int | str | _Part,
    "rate": float | str | _Part | None,
    "rate_stages": None,
    "client_stages": None,
    "seed": Any,
    "messages": tuple[str | _Bytes, ...],
    "literal": (bool | None, None),
    "reconnect": (int | None, None),
    "protocol": str | None,
    "reply": str,
    "size": (str | int | None, ""),
    "payload": (str | _Bytes | None, ""),
    "weights": (tuple[float, ...] | None, None),
}
"""The JSON types of fields where they differ from the plan's own types; see `written_as`."""


def fields_of(schema: int, messages: tuple[str | bytes, ...], **fields: Any) -> dict[str, Any]:
    """Return the plan's fields for those of its JSON data. Raises ValueError for invalid ones."""
    if schema not in (SCHEMA, *_OLDER):
        raise ValueError(f"schema {schema} is not {SCHEMA}")
    _add_new(schema, fields)
    known = tuple(m.encode() if isinstance(m, str) else m for m in messages)
    if schema == _WITHOUT_TOKENS:
        fields["literal"] = have_tokens(known)
    elif fields["literal"] is None:
        raise FieldError("literal", "it is missing")
    for name in STAGED:
        fields[name] = _taken(name, fields[name])
    return {"messages": known, **fields}


def _add_new(schema: int, fields: dict[str, Any]) -> None:
    """Add the fields that an older schema lacks; raise FieldError where this one lacks them."""
    for name, (missing, otherwise) in _ADDED.items():
        if fields[name] == missing:
            if schema == SCHEMA:
                raise FieldError(name, "it is missing")
            fields[name] = otherwise


def _taken(name: str, value: Any) -> Any:
    """Return the value of a plan's field, rate or clients, for its value in JSON."""
    if not isinstance(value, _Shared):
        return value
    return replace(parse_staged(name, value.text), share=value.share)
