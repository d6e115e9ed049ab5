"""How a reader's command becomes one that tests can run, and how its output is compared.

Ports become free ones and times become short, by the rules here and never by hand. Of output only
the shape is compared: figures differ from run to run.
"""

import re
from collections.abc import Callable

_PORTS = re.compile(
    r"(?:--(?:port|control|metrics)[ =]|--port[ =](?:tcp6?|ssl):|http\.server |-p |-port |"
    r"(?:localhost|127\.0\.0\.1|\[::1\]|tls:localhost):)(\d{4,5})\b"
)

_SHORTER: list[tuple[str, str]] = [
    (r"(--duration|--slice)[ =]\S+", r"\1 0.5s"),
    (r"(?<= )(-n|--repeat)[ =]\d{3,}\b", r"\1 20"),
    (r"(--warmup)[ =]\S+", r"\1 0.2s"),
    (r"(--step-duration)[ =]\S+", r"\1 1s"),
    (r"(--rate|--clients)[ =](\S*:\S+)", r"\1 \2"),
    (r"(?<=[\dk.]):\d+(?:s|min)\b", ":0.5s"),
    (r"(--workers)[ =]auto\b", r"\1 2"),
    (r"^curl ", "curl -sS --fail-with-body "),
]

_JUDGED = re.compile(r"--require|--rate\b|twistecho (?:find|ab|diff|compare|report)\b")


def ports_in(text: str) -> set[str]:
    """Return the ports that a page names: after an option for one, or after a local host."""
    return set(_PORTS.findall(text)) - {"0"}


def mapper(ports: dict[str, str]) -> Callable[[str], str]:
    """Return the function that replaces the ports of a text."""
    if not ports:
        return lambda text: text
    pattern = re.compile(rf"(?<![\w.])({'|'.join(sorted(ports))})(?![\w.]\w)(?!\w)")
    return lambda text: pattern.sub(lambda match: ports[match[1]], text)


def shorter(command: str) -> str:
    """Shorten the times of a command's load, and have curl fail for an error of the server."""
    for pattern, replacement in _SHORTER:
        command = re.sub(pattern, replacement, command)
    return command


def judged(command: str) -> bool:
    """Return whether a command's exit code depends on how fast the machine is."""
    return _JUDGED.search(command) is not None


def first_line(output: str) -> str:
    """Return the first line that shows something; ``...`` stands for lines left out."""
    lines = (line for line in output.splitlines() if line.strip() not in ("", "...", "…"))
    return next(lines, "")


def shape(line: str) -> str:
    """Return what a line has in every run: its first cell, with ``#`` for figures."""
    mark = re.match(r"[✓✗!] [A-Z]+ +", line)  # a verdict: its text is the first cell
    text = line[mark.end() :] if mark else line.strip()
    cell = (mark[0] if mark else "") + re.split(r" {3,}", text)[0]
    cell = re.sub(r"[█▏▎▍▌▋▊▉─·]+", "~", cell)
    cell = re.sub(r"\d[\d,.]*(?: ?(?:us|ms|s|KiB|MiB|B)\b)?(?:/s)?", "#", cell)
    return " ".join(cell.split())


def same_shape(shown: str, printed: str, *, is_judged: bool = False) -> bool:
    """Return whether a line of the output has the shape of the first line that a page shows.

    Where the verdict depends on the machine, any line that a page shows is enough.
    """
    wanted = [line for line in shown.splitlines() if len(line.split()) > 1] if is_judged else []
    wanted = wanted or [first_line(shown)]
    found = [shape(line) for line in printed.splitlines()]
    return wanted == [""] or any(shape(each) in line for each in wanted for line in found)
