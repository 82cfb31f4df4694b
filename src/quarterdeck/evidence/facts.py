"""Reading facts: each is compared with the sealed entry that carries it, so that a hand-written row says nothing."""

import logging
from collections.abc import Sequence

from quarterdeck.evidence.acting import fact_document
from quarterdeck.evidence.ledger import entries_of
from quarterdeck.evidence.models import FactRow
from quarterdeck.evidence.terms import Entry, Fact, Grade, Outcome

_log = logging.getLogger(__name__)


def facts(*, ticket: str | None = None, asset: str | None = None, kinds: Sequence[str] = ()) -> list[Fact]:
    """Return facts in the order they were captured; rows that no sealed entry carries are left out and logged."""
    rows = FactRow.objects.order_by("pk")
    if ticket is not None:
        rows = rows.filter(ticket=ticket)
    if asset is not None:
        rows = rows.filter(asset=asset)
    if kinds:
        rows = rows.filter(kind__in=list(kinds))
    known = entries_of([row.entry for row in rows])
    found: list[Fact] = []
    for row in rows:
        if _is_carried(row, known.get(row.entry)):
            found.append(_fact(row))
        else:
            _log.error("fact row %s is carried by no sealed entry and was ignored", row.pk)
    return found


def _is_carried(row: FactRow, sealed: Entry | None) -> bool:
    if sealed is None:
        return False
    carried = sealed.data.get("facts")
    document = fact_document(
        row.kind, row.ticket, row.asset, row.valid_until, Outcome(row.outcome), Grade(row.grade), row.detail
    )
    return isinstance(carried, list) and document in carried


def _fact(row: FactRow) -> Fact:
    return Fact(
        row.kind,
        row.ticket,
        row.asset,
        row.at,
        row.valid_until,
        Outcome(row.outcome),
        Grade(row.grade),
        row.entry,
        row.detail,
    )
