"""Reads the texts of ``twist echo``'s options: limits, scenario, and ports."""

import re
import secrets
from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.python import usage

from twistecho.base.escapes import unescape
from twistecho.base.files import lines_of
from twistecho.base.notation import FieldError, parse_seconds
from twistecho.base.processes import cores
from twistecho.base.reply_formats import ReplyFormat
from twistecho.base.seeding import parse_seed
from twistecho.service.control.authority import parse_host
from twistecho.service.control.bearer import read_token
from twistecho.service.echo.limits import Limits, parse_workers, shares_of
from twistecho.service.listening.endpoint import describe_port, is_tls
from twistecho.service.listening.proxy_header import TrustedProxies, parse_trusted
from twistecho.service.scenario.delay import AskedDelay
from twistecho.service.scenario.delay_per import DelayPer
from twistecho.service.scenario.escapes import parse_on
from twistecho.service.scenario.framing import check_size, parse_framing
from twistecho.service.scenario.parsing import parse_delays, parse_faults
from twistecho.service.scenario.scenario import Scenario
from twistecho.service.scenario.values import read_message_fault

from .bounds import BOUNDS, OPTION_OF
from .scenario_file import scenario_from

_PARSERS: dict[str, Callable[[Any], object]] = {
    **{name: parse for name, _, parse, _ in BOUNDS},
    "seed": parse_seed,
    "drain": parse_seconds,
    "metrics": lambda text: (text, describe_port(text, "127.0.0.1")),
    "control": lambda text: (text, describe_port(text, "127.0.0.1")),
    "control-host": lambda texts: tuple(map(parse_host, texts)),
    "control-token-file": read_token,
    "proxy-from": parse_trusted,
    "workers": lambda text: parse_workers(text, cores()),
}


def _many(read: Callable[[str], Any]) -> Callable[..., list[Any]]:
    return lambda texts, seed: [read(text) for text in texts]  # noqa: ARG005 - as others


def _one(read: Callable[[Any], Any]) -> Callable[..., Any]:
    return lambda text, seed: read(text)  # noqa: ARG005 - as others


def _delay(text: str, seed: int) -> AskedDelay:
    return parse_delays(text, seed=seed, lines_of=lines_of)


_FIELDS: dict[str, tuple[str, Callable[..., Any]]] = {
    "framing": ("framing", _one(lambda text: parse_framing(unescape(text)))),
    "banner": ("banner", _one(unescape)),
    "banner-delay": ("banner_delay", _delay),
    "banner-fault": ("banner_fault", _one(read_message_fault)),
    "on": ("on", _many(lambda text: parse_on(text, lines_of=lines_of))),
    "reply": ("reply", _one(ReplyFormat.parse)),
    "delay": ("delay", _delay),
    "delay-per": ("delay_per", _one(DelayPer.parse)),
    "fault": ("faults", lambda texts, seed: parse_faults(texts, seed=seed)),
    "in-band": ("in_band", _one(bool)),
}
"""The field of a scenario that each option sets, and its parser."""


def read_values(options: usage.Options) -> None:
    """Turn texts into values. Raises UsageError, which names the option."""
    for name, parse in _PARSERS.items():
        if options[name] is not None:
            options[name] = _parsed(name, parse, options[name])
    try:
        options["limits"] = Limits(**{field: options[name] for field, name in OPTION_OF.items()})
        shares_of(options["limits"], options["workers"] or 1)
    except FieldError as error:
        problem = error.said(lambda field: f"--{OPTION_OF[field]}")
        raise usage.UsageError(problem) from None
    options["scenario"] = _scenario(options)
    for name in ("control-host", "control-token-file"):
        if options[name] and options["control"] is None:
            raise usage.UsageError(f"--{name}: needs --control")
    options["endpoints"] = {
        text: _parsed("port", lambda port: describe_port(port, options["host"]), text)
        for text in options["port"] or ["5000"]
    }
    for text, description in options["endpoints"].items():
        if options["proxy-from"] != TrustedProxies() and is_tls(description):
            raise usage.UsageError(
                f"--port {text}: no TLS with --proxy-from; the proxy must terminate TLS"
            )
        if options["scenario"].faults.unaccepted and description.startswith("unix:"):
            raise usage.UsageError(
                f"--fault: unaccepted: needs TCP ports, and --port {text} is not one"
            )


def _scenario(options: usage.Options) -> Scenario:
    """Make the scenario of the file, with the options taking precedence."""
    drawn = secrets.randbits(32)
    scenario = Scenario(seed=drawn)
    if options["scenario"] is not None:
        name = options["scenario"]
        scenario = _parsed("scenario", lambda name: scenario_from(name, seed=drawn), name)
    seed = scenario.seed if options["seed"] is None else options["seed"]
    changes = {
        field: _parsed(option, partial(read, seed=seed), options[option])
        for option, (field, read) in _FIELDS.items()
        if _is_given(options, option)
    }
    try:
        made = scenario.replace(**changes, seed=seed)
        check_size(made.framing, options["limits"].longest_message)
    except FieldError as error:
        raise usage.UsageError(_at_fault(options, error)) from None
    return made


def _is_given(options: usage.Options, option: str) -> bool:
    """Return whether an option of the scenario was given, even if empty."""
    return options[option] not in (None, [], 0)


def _at_fault(options: usage.Options, error: FieldError) -> str:
    """Return the message for a wrong field: it names the option, or else the file."""
    field = re.split(r"[.[]", error.field)[0]
    option = next((option for option, (name, _) in _FIELDS.items() if name == field), field)
    if options["scenario"] is not None and not _is_given(options, option):
        return f"--scenario: {options['scenario']}: {error}"
    return f"--{option}: {error.problem}"


def _parsed(name: str, parse: Callable[[Any], Any], text: Any) -> Any:
    try:
        return parse(text)
    except ValueError as error:
        raise usage.UsageError(f"--{name}: {error}") from None
