"""The look ahead: half an hour before a window opens everything without which no session starts is tried.

Recorder, disk, signer, sealer, clock and each target's ssh port. What fails is a failed fact that the hold point shows;
technicians and approvers are told while there is still time to mend it. Nothing here stops or opens anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from quarterdeck.access import api as access
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Act, Grade, JsonValue, ObjectRef, Outcome, act
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Decision, Reason, Refused
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import Method, State, TicketView

LEAD = timedelta(minutes=30)
AGAIN = timedelta(minutes=10)
EVENT = "window.looked_ahead"


class Readiness(Protocol):
    """The gate and what it needs, as somebody outside sees it."""

    def look(self) -> Decision:
        """Return every reason why no session could start or be recorded now."""


class Knocker(Protocol):
    """Somebody who looks whether an ssh server greets."""

    def speaks_ssh(self, address: str, port: int) -> bool:
        """Return whether an ssh server greets on this port."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found for one ticket: reasons about the gate, and the assets whose ssh port does not greet."""

    gate: Decision
    silent: tuple[access.Destination, ...] = ()
    silent_assets: tuple[str, ...] = ()

    @property
    def codes(self) -> list[str]:
        """Short codes of all that is wrong, in a stable order."""
        return sorted({*self.gate.codes, *(["target.silent"] if self.silent else [])})

    @property
    def sentences(self) -> list[str]:
        """A sentence and a next step for each."""
        told = [f"{reason.sentence} {reason.next_step}".strip() for reason in self.gate.reasons]
        return told + [
            f"{one.hostname} does not answer on its ssh port. Check that it is up and lets the gate in."
            for one in self.silent
        ]


def look_ahead(actor: Actor, clock: Clock, readiness: Readiness, knocker: Knocker) -> int:
    """Look at every ticket whose window opens within half an hour, at most once in ten minutes; return how many."""
    now = clock.now()
    due = [view for view in tickets.tickets(states=[State.SCHEDULED]) if _is_due(view, now)]
    if not due:
        return 0
    gate = readiness.look()
    for view in due:
        _record(actor, clock, view, _looked(view, gate, knocker))
    return len(due)


def _is_due(view: TicketView, now: datetime) -> bool:
    if view.content.method is not Method.SSH or not now < view.window.from_ <= now + LEAD:
        return False
    last = evidence.last_entry([EVENT], object=ObjectRef("ticket", view.number))
    return last is None or now - last.at >= AGAIN


def _looked(view: TicketView, gate: Decision, knocker: Knocker) -> Looked:
    silent: list[tuple[str, access.Destination]] = []
    reasons: list[Reason] = []
    for named in view.assets:
        if not named.connection_id:
            continue
        try:
            place = access.destination_of(named.asset_id, named.connection_id)
        except Refused as refused:
            reasons += refused.decision.reasons
            continue
        if not knocker.speaks_ssh(place.address, place.port):
            silent.append((named.asset_id, place))
    return Looked(
        Decision((*gate.reasons, *reasons)), tuple(place for _, place in silent), tuple(asset for asset, _ in silent)
    )


def _record(actor: Actor, clock: Clock, view: TicketView, found: Looked) -> None:
    last = evidence.last_entry([EVENT], object=ObjectRef("ticket", view.number))
    known = last.data.get("codes") if last is not None else []
    codes: list[JsonValue] = list(found.codes)
    with act(actor, clock) as current:
        data: dict[str, JsonValue] = {"codes": codes, "silent": len(found.silent)}
        entry = current.record(EVENT, ObjectRef("ticket", view.number), ticket=view.number, data=data)
        current.fact(
            "recorder.healthy",
            entry=entry,
            outcome=Outcome.PASSED if found.gate.allowed else Outcome.FAILED,
            grade=Grade.CAPTURED,
            ticket=view.number,
        )
        for asset in found.silent_assets:
            current.fact(
                "precheck.reachable",
                entry=entry,
                outcome=Outcome.FAILED,
                grade=Grade.CAPTURED,
                ticket=view.number,
                asset=asset,
            )
        if codes != known:
            _tell(current, view, found.sentences)


def _tell(current: Act, view: TicketView, wrong: Sequence[str]) -> None:
    people = (*view.technicians, *(one.person for one in view.approvals), view.requester)
    if wrong:
        subject = f"not ready, the window opens at {view.window.from_:%H:%M} UTC"
        text = "No session can start as things are:\n" + "\n".join(f"- {sentence}" for sentence in wrong) + "\n"
    else:
        subject, text = "ready again", "What was not ready for the window is mended.\n"
    tickets.tell_people(current, view.number, people, subject, text)
