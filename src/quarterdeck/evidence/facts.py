"""Reading facts: from the entries that carry them, and from nowhere else."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from quarterdeck.evidence.terms import Entry, Fact, Grade, Outcome
from quarterdeck.evidence.watch import ledger
from quarterdeck.kernel.clock import parse_rfc3339

_log = logging.getLogger(__name__)


def facts(*, ticket: str | None = None, asset: str | None = None, kinds: Sequence[str] = ()) -> list[Fact]:
    """Return facts in the order in which they were captured; Refused(ledger.altered)."""
    log = ledger()
    return [
        fact
        for carrier in log.fetch(log.find.with_facts(ticket, asset, kinds))
        for fact in carried_by(carrier)
        if (ticket is None or fact.ticket == ticket)
        and (asset is None or fact.asset == asset)
        and (not kinds or fact.kind in kinds)
    ]


def carried_by(carrier: Entry) -> Iterator[Fact]:
    """Yield the facts of an entry; a malformed one, which no act of ours writes, says nothing and is logged."""
    told = carrier.data.get("facts")
    for document in told if isinstance(told, list) else ():
        try:
            yield _fact(document, carrier)
        except (KeyError, TypeError, ValueError):
            _log.error("a fact of entry %s is malformed and was ignored", carrier.seq)


def _fact(told: Mapping[str, Any], carrier: Entry) -> Fact:
    until = told["valid_until"]
    return Fact(
        told["kind"],
        told["ticket"],
        told["asset"],
        carrier.at,
        None if until is None else parse_rfc3339(until),
        Outcome(told["outcome"]),
        Grade(told["grade"]),
        carrier.event_id,
        told["detail"],
    )
