"""The ledger's last whole check over the wire: contradictions, what is missing; and a new check in the background."""

from datetime import datetime

from django.http import HttpRequest
from ninja import Router, Schema

from quarterdeck import wiring
from quarterdeck.entrypoints.api.callers import actor_of
from quarterdeck.entrypoints.api.evidence_store import JobOut
from quarterdeck.entrypoints.api.ticket_schemas import RefusedOut
from quarterdeck.personnel import api as personnel
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import Reading
from quarterdeck.workflows import check_ledger, keep_store

router = Router(tags=["ledger check"])


class MissingOut(Schema):
    """Something that one would expect: what kind, where, and a sentence."""

    code: str
    where: str
    sentence: str


class LedgerCheckOut(Schema):
    """What the last whole check found; `checked_at` is null before the first. `missing` has at most 500."""

    checked_at: datetime | None
    entries: int
    problems: list[str]
    missing: list[MissingOut]
    missing_total: int


def _answers(body: object) -> dict[int, object]:
    return {200: body, 401: RefusedOut, 403: RefusedOut, 409: RefusedOut}


@router.get("", response=_answers(LedgerCheckOut))
def show_check(request: HttpRequest) -> LedgerCheckOut:
    """Tell what the ledger lacks as last checked: the IT lead and the assessor."""
    actor = actor_of(request)
    roles = personnel.roles_of(actor.id, wiring.clock().now())
    tickets.may_read(Reading.LEDGER, roles=roles, takes_part=False).require()
    last = check_ledger.last_check()
    if last is None:
        return LedgerCheckOut(checked_at=None, entries=0, problems=[], missing=[], missing_total=0)
    missing = [MissingOut(code=gap.code, where=gap.where, sentence=gap.sentence) for gap in last.missing]
    return LedgerCheckOut(
        checked_at=last.at, entries=last.size, problems=list(last.problems), missing=missing,
        missing_total=last.missing_total,
    )  # fmt: skip


@router.post("", response=_answers(JobOut))
def order_check(request: HttpRequest) -> JobOut:
    """Have the whole ledger read again in the background: the IT lead. Cancelled like work on the store."""
    return JobOut.of(keep_store.order_check(actor_of(request, "write"), wiring.clock()))
