"""The answer of a run, which is shown first: verdict, requirements, reasons, and remedies."""

from collections.abc import Iterator
from enum import Enum, auto

from rich.text import Text

from twistecho.base.notation import escaped, written
from twistecho.fleet.plans.arrivals import Arrivals
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.target import is_unverified
from twistecho.fleet.reports.figures import Reading, Unit, doubt_of
from twistecho.fleet.reports.remedies import remedies
from twistecho.fleet.reports.report import Report
from twistecho.fleet.reports.requirements import Result
from twistecho.fleet.reports.verdict import Verdict

from .causes import explanation_lines
from .headline import kept_each, load_in_words, payload_in_words, replies_in_words
from .layout import Layout, in_columns
from .styles import ASIDE, BAD, DOUBTFUL, GOOD, Line
from .words import count, per_second, span

_GAPS = (8, 3)  # the widest and the narrowest gap between the verdict and the run's description


class Answer(Enum):
    """The answer of a run, as one word."""

    OK = auto()
    FAILED = auto()
    INTERRUPTED = auto()
    INVALID = auto()


_STYLES = {
    Answer.OK: GOOD,
    Answer.FAILED: BAD,
    Answer.INTERRUPTED: DOUBTFUL,
    Answer.INVALID: BAD,
}


def answer_of(verdict: Verdict) -> Answer:
    """Return the answer of a run; if several apply, the worst."""
    report = verdict.report
    missed = any(result.missed for result in verdict.results)
    if verdict.invalid:
        return Answer.INVALID
    if missed or (not verdict.passed and (report.failures or not report.interrupted)):
        return Answer.FAILED
    return Answer.INTERRUPTED if report.interrupted else Answer.OK


def sentence_of(verdict: Verdict) -> str:
    """Return the answer of a run as a sentence, without a full stop."""
    said, report = _sentence(verdict, answer_of(verdict)), verdict.report
    if report.interrupted and answer_of(verdict) is not Answer.INTERRUPTED:
        said += f", interrupted after {written(report.makespan)}"
    return said


def _sentence(verdict: Verdict, answer: Answer) -> str:
    report, required = verdict.report, count(len(verdict.results), "requirement")
    if answer is Answer.INVALID:
        return "these figures cannot be believed"
    if answer is Answer.INTERRUPTED:
        return f"after {written(report.makespan)}, without a failure"
    if answer is Answer.FAILED:
        return _what_failed(verdict, required)
    if verdict.results:
        said = f"{required} met"
    elif report.messages:
        said = f"all {count(report.messages, 'message')} answered right"
    else:
        return "there were no messages to send"
    failed = sum(report.failures.values())
    return said + f", though {count(failed, 'client')} failed" * bool(failed)


def _what_failed(verdict: Verdict, required: str) -> str:
    report = verdict.report
    missed = sum(result.missed for result in verdict.results)
    if missed:
        return f"{missed:,} of {required} missed"
    spoken_of = [cause for cause in verdict.intolerable if cause in report.failures]
    failed = sum(verdict.intolerable[cause] for cause in spoken_of)
    clients = f"{failed:,} of {count(report.plan.clients, 'client')} failed"
    if failed:
        return f"{clients} by causes that no requirement covers" if verdict.results else clients
    if len(report.replies_found) > 1:
        return "the clients found different formats of replies"
    return "not every message was answered right"


def interruption_lines(report: Report) -> Iterator[Line]:
    """Yield, for an interrupted run, a line with how many clients it ended; it comes first."""
    if not report.interrupted:
        return
    ended = sum(report.interruptions.values())
    said = f" {count(ended, 'client')} still ran, without a failure." if ended else ""
    yield f"Interrupted: these are the results until then.{said}", DOUBTFUL


def answer_lines(verdict: Verdict, layout: Layout, *, quiet: bool = False) -> Iterator[Text]:
    """Yield the answer in lines; if ``quiet``, only problems."""
    yield from _first(verdict, layout)
    yield from requirement_lines(verdict, layout, quiet=quiet)
    undecided = {str(result) for result in verdict.results if result.doubt}
    for reason in verdict.invalid:
        if reason not in undecided:
            yield from layout.prose(reason, BAD, head="! ")
    if helps := "; ".join(remedies(verdict)):
        yield from layout.prose(f"What helps: {helps}.", DOUBTFUL)
    for line in [] if verdict.passed else explanation_lines(verdict.report):
        yield from layout.prose(line, BAD)


def _first(verdict: Verdict, layout: Layout) -> Iterator[Text]:
    """Yield the answer and the description of the run, in one line if it fits."""
    answer, signs = answer_of(verdict), layout.signs
    sign = {Answer.OK: signs.met, Answer.FAILED: signs.missed}.get(answer, "!")
    said = f"{sign} {answer.name}   {sentence_of(verdict)}"
    about = subject_of(verdict.report)
    long = len(signs.between.join(text for text, _ in about))
    gap = min(_GAPS[0], layout.width - len(said) - long)
    style = _STYLES[answer]
    if gap >= _GAPS[1]:
        head = Text.assemble((said, style), " " * gap)
        yield from layout.flow(about, signs.between, head, "")
        return
    yield from layout.prose(said, style, 0)
    yield from layout.flow(about, signs.between, Text("  "), "  ")


def subject_of(report: Report) -> list[Line]:
    """Return pieces that describe the run: target, duration, number of clients, and load."""
    plan = report.plan
    doubt = [("certificate not verified", "yellow")] if is_unverified(report.target) else []
    return [(report.target, ASIDE), *doubt, *((piece, ASIDE) for piece in _pieces(plan, report))]


def _pieces(plan: Plan, report: Report) -> Iterator[str]:
    warm = f" + {span(plan.warmup)} warm-up" if plan.warmup else ""
    cut = f" of {span(plan.sends_for)}" if report.interrupted and plan.sends_for else ""
    yield f"{written(report.offered)}{cut}{warm}"
    if plan.client_stages is None:
        yield count(plan.clients, "client")
    else:
        yield f"{plan.client_stages} clients ({plan.clients:,} in all)"
    if plan.messages_per_client is not None:
        yield f"{count(plan.messages_per_client, 'message')} each"
    if plan.arrivals is Arrivals.POISSON and plan.rate is not None:
        yield "Poisson arrivals"
    yield from payload_in_words(plan)
    yield from load_in_words(plan)
    yield from kept_each(plan)
    found = " and ".join(map(str, report.replies_found))
    yield f"{found} replies" if found else replies_in_words(plan, report)


def requirement_lines(verdict: Verdict, layout: Layout, *, quiet: bool = False) -> Iterator[Text]:
    """Yield each requirement, whether it is met, and the figure; if ``quiet``, none that is met."""
    shown = [result for result in verdict.results if not (quiet and result.met)]
    names = in_columns([[escaped(str(result.requirement))] for result in shown], [False])
    wide = max(map(len, names), default=0)
    for name, result in zip(names, shown, strict=True):
        sign, style = {
            "met": (layout.signs.met, "green"),
            "missed": (layout.signs.missed, BAD),
        }.get(result.answer, (layout.signs.doubtful, DOUBTFUL))
        text = f"{name.ljust(wide)}   {_actual(verdict.report, result)}"
        yield from (
            layout.prose(text, style, head=f"{sign} ")
            if len(text) > layout.width - 4
            else [Text(f"  {sign} {text}", style=style)]
        )


def _actual(report: Report, result: Result) -> str:
    """Return the measured figure; a star marks one with a large share of the fleet's own."""
    marked = "*" * bool(doubt_of(report, result.requirement.name))
    said = f"{shown_reading(result.actual)}{marked}"
    own = f"   undecided: {result.doubt} of it is the fleet's own" if result.doubt else ""
    return said + own


def shown_reading(reading: Reading) -> str:
    """Return a figure as text; a rate with all its digits."""
    whole = reading.unit is Unit.RATE and reading.value is not None
    return per_second(reading.value or 0.0) if whole else str(reading)
