"""Steps through the life of a ticket for tests: facts as captures bring them, and a ticket at each stage."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from tests.clock import StillClock
from tests.shop import FAST_HASHER
from tests.ticket_yard import Yard, build_yard

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Grade, Outcome
from quarterdeck.evidence.guard import open_guard
from quarterdeck.kernel.actors import system
from quarterdeck.kernel.decision import Refused
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.models import MaintenanceTicket, PolicyVersion
from quarterdeck.workflows import close_ticket, open_window, request

__all__ = ["MaintenanceTicket", "close_ticket", "open_guard", "request"]
TICKER = system("ticker")
OF_ASSETS = (
    "backup.verified", "precheck.reachable", "precheck.disk", "precheck.clock", "precheck.dependencies",
    "precheck.defined", "sole_path.proven", "baseline.before",
)  # fmt: skip
BEFORE_OPEN = (*OF_ASSETS, "recorder.healthy")
AFTER_WORK = ("baseline.after", "drift.explained", "postcheck.passed", "leftovers.none")
ENDED = ("session.ended", "access.revoked", "network.terminated", "session.recorded")
OF_TICKETS = {*ENDED, "recorder.healthy"}


@pytest.fixture
def quick_passwords(settings: Any) -> None:
    """The strength of the hash is not under test here."""
    settings.PASSWORD_HASHERS = FAST_HASHER


@pytest.fixture
def yard(clock: StillClock, quick_passwords: None) -> Yard:
    """A shop with a CUI server, a printer, one technique and Max of a vendor, authorised and enrolled."""
    return build_yard(clock)


def codes(call: Callable[..., object], *args: object, **kwargs: object) -> tuple[str, ...]:
    """The codes with which the call is refused."""
    with pytest.raises(Refused) as refusal:
        call(*args, **kwargs)
    for reason in refusal.value.decision.reasons:
        assert reason.sentence.endswith((".", ")."))
        assert reason.next_step
    return refusal.value.decision.codes


def bring(
    yard: Yard, number: str, kinds: Iterable[str], *, outcome: Outcome = Outcome.PASSED, grade: Grade = Grade.CAPTURED
) -> None:
    """Record these facts about the ticket, as the captures do."""
    with evidence.act(TICKER, yard.clock) as act:
        entry = act.record("checks.ran", evidence.ObjectRef("ticket", number), ticket=number)
        for kind in kinds:
            asset = None if kind in OF_TICKETS else yard.server
            act.fact(kind, entry=entry, outcome=outcome, grade=grade, ticket=number, asset=asset)


def to_window(yard: Yard, number: str) -> None:
    """Move the clock to the beginning of the ticket's window."""
    wait = tickets.ticket(number).window.from_ - yard.clock.now()
    yard.clock.advance(seconds=max(0.0, wait.total_seconds()))


def opened(yard: Yard, **changes: object) -> str:
    """A ticket in its window with all that it takes, opened by its technician."""
    number = yard.scheduled(**changes).number
    to_window(yard, number)
    bring(yard, number, BEFORE_OPEN)
    open_window.open_ticket(yard.actor("max"), yard.clock, number)
    return number


def verified(yard: Yard, number: str) -> str:
    """End the work and bring what verification finds."""
    close_ticket.end_work(yard.actor("max"), yard.clock, number)
    bring(yard, number, (*AFTER_WORK, *ENDED))
    return number


def closed(yard: Yard, **changes: object) -> str:
    """A ticket from draft to closed."""
    number = verified(yard, opened(yard, **changes))
    close_ticket.close(yard.actor("iris"), yard.clock, number, summary="The fix is in.")
    return number


def holds(number: str, at: Any) -> dict[str, tickets.HoldPointView]:
    """The hold points of the ticket by their id."""
    return {hold.id: hold for hold in tickets.hold_points(number, at)}


def kept(data: bytes = b"Tried in staging.", role: str = "attachment") -> evidence.ArtifactRef:
    """A stored file."""
    return evidence.store_artifact(data, media_type="text/plain", role=role, name="attached.txt", may_contain_cui=False)


def forget_policy() -> None:
    """Take every version of the policy away, as a damaged database would."""
    with open_guard():
        PolicyVersion.objects.all().delete()
