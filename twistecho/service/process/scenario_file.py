"""Scenarios in files, TOML or JSON by the suffix of the name."""

import tomllib
from pathlib import Path
from typing import Any

from twistecho.base.decoding import parse_strictly
from twistecho.base.files import lines_of
from twistecho.base.notation import FieldError
from twistecho.service.scenario.document import read_scenario
from twistecho.service.scenario.scenario import Scenario

LARGEST = 1024 * 1024
"""The most bytes that a scenario's file may have."""


def scenario_from(name: str, *, seed: int = 0) -> Scenario:
    """Read the scenario in a file. ``seed`` is the seed where the file has none.

    Raises ValueError with one line that names the file and the wrong line or key.
    """
    try:
        return read_scenario(data_in(name), seed=seed, lines_of=lines_of)
    except FieldError as error:
        where = f"{name}: {error.field}" if error.field else name
        raise ValueError(f"{where}: {error.problem}") from None


def data_in(name: str) -> Any:
    """Read the data in a file. Raises ValueError with one line."""
    path = Path(name)
    if path.suffix not in (".toml", ".json"):
        raise ValueError(f"{name}: the name must end with .toml or .json")
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
        return _read(path.suffix, data)
    except OSError as error:
        raise ValueError(f"{name}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{name}: not UTF-8 text") from None
    except RecursionError:
        raise ValueError(f"{name}: nested too deep") from None
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _read(suffix: str, data: bytes) -> Any:
    if len(data) > LARGEST:
        raise ValueError(f"more than {LARGEST} bytes")
    if suffix == ".toml":
        return tomllib.loads(data.decode())
    return parse_strictly(data, "JSON")
