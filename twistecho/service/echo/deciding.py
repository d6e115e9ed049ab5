"""Decides about connections and messages by a service's scenario, and counts the faults."""

from collections import Counter
from collections.abc import Callable
from typing import Protocol

from twistecho.base.networks import Address
from twistecho.base.reply_formats import ReplyFormat, writer_of
from twistecho.base.sockets import ip_of
from twistecho.service.scenario.deciding import never_plain
from twistecho.service.scenario.decision import Decision
from twistecho.service.scenario.fault import Fault
from twistecho.service.scenario.faults import Bandwidth
from twistecho.service.scenario.framing import check_size
from twistecho.service.scenario.scenario import Scenario

from .allowances import Allowances
from .limits import Limits
from .reply_queue import Answer
from .state import FRAMED, LOGGED, RECORDED, WRITTEN


class Decided(Protocol):
    """The members of a connection that decisions need."""

    peer: object
    number: int
    turns: dict[int, int] | None

    def pace(self, bandwidth: Bandwidth) -> None:
        """Limit the bandwidth from now on."""


class Decisions:
    """Decides by a scenario, within ``limits``, and caches the values that every message needs.

    ``answer``, if there is one, makes the replies; ``ctime`` the text of the time for stamps.
    ``log_payload`` and ``record`` are whether messages are logged and recorded.
    """

    def __init__(
        self,
        scenario: Scenario,
        limits: Limits,
        answer: Answer | None,
        ctime: Callable[[], str],
        *,
        log_payload: bool,
        record: bool,
    ) -> None:
        self.limits, self.answer = limits, answer
        self.allowances = Allowances(scenario)
        self.faults_met: Counter[str] = Counter()
        self.control_words: Counter[str] = Counter()
        self._ctime = ctime
        self._log_payload = log_payload
        self._recording = record
        self._follow(scenario)

    def _follow(self, scenario: Scenario) -> None:
        """Cache the values that every message needs. Raises FieldError."""
        check_size(scenario.framing, self.limits.longest_message)
        self.scenario = scenario
        # The decision about every message, where it is always the same and there is no `answer`.
        same = self.same_for_all = scenario.same_for_all if self.answer is None else None
        self.plain_delay = scenario.plain_delay() if self.answer is None else never_plain
        self.delays_replies, self.holds = scenario.delays_replies, scenario.holds
        self.may_fail = scenario.may_fail
        itself = same == Decision(0.0) and scenario.reply is ReplyFormat.RAW
        self.state = (
            (0 if itself else WRITTEN)
            | (LOGGED if self._log_payload else 0)
            | (RECORDED if self._recording else 0)
            | (0 if scenario.framing.is_read else FRAMED)
        )
        self.several_may_wait = self.limits.waiting_messages > 1
        self.write_reply = writer_of(scenario.reply, self._ctime)

    def decide(self, connection: Decided, number: int, message: bytes) -> Decision:
        """Decide about a message that has arrived, and count its fault."""
        if self.scenario.takes_turns and connection.turns is None:
            connection.turns = {}
        decision = self.scenario.decide(
            connection.number,
            number,
            message,
            peer=self._peer_of(connection),
            take=self.allowances.take,
            turns=connection.turns,
        )
        if decision.obeyed is not None:
            self.control_words["obeyed" if decision.obeyed else "not-understood"] += 1
        if decision.fault is not None:
            self.count_fault(decision.fault)
        return decision

    def greet(self, connection: Decided) -> Decision:
        """Decide about the banner of a connection, and count its fault."""
        peer = self._peer_of(connection)
        decision = self.scenario.greeting(connection.number, peer, self.allowances.take)
        if decision.fault is not None:
            self.count_fault(decision.fault)
        return decision

    def refuses(self, connection: Decided) -> bool:
        """Return whether a fault refuses a connection as it is accepted, and count it."""
        peer = self._peer_of(connection)
        fault = self.scenario.refusal(connection.number, peer, self.allowances.take)
        if fault is not None:
            self.count_fault(fault)
        return fault is not None

    def bound(self, connection: Decided) -> None:
        """Limit a connection to the bandwidth that its faults allow, and count these."""
        peer = self._peer_of(connection)
        bandwidth = self.scenario.bandwidth(connection.number, peer, self.allowances.take)
        for fault in bandwidth.met:
            self.count_fault(fault)
        connection.pace(bandwidth)

    def _peer_of(self, connection: Decided) -> Address | None:
        """Return the address of a peer; None where the scenario does not use it."""
        return ip_of(connection.peer) if self.scenario.looks_at_peers else None

    def count_fault(self, fault: Fault) -> None:
        """Count a fault that applied, by its kind."""
        self.faults_met[str(fault.kind)] += 1
