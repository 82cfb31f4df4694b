"""What is on record of one asset over time: maintenance by month, baselines and differences, backups and drills."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.urls import reverse

from quarterdeck.backups import api as backups
from quarterdeck.backups.api import Source
from quarterdeck.baselines import api as baselines
from quarterdeck.controls.api import fact_kind, is_fact_kind
from quarterdeck.entrypoints.web.backup_logs import KEPT, kept_words
from quarterdeck.entrypoints.web.words import called
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Fact
from quarterdeck.kernel.decision import Refused
from quarterdeck.tickets.api import State, TicketView

MONTHS = 12
SHOWN_FACTS = 8
SHOWN_BASELINES = 6


def context(
    asset_id: str, named: Sequence[TicketView], readable: set[str], now: datetime, zone: ZoneInfo
) -> dict[str, Any]:
    """Return coverage, captures and known facts for the asset's page; `named` are all tickets that name the asset."""
    facts = evidence.facts(asset=asset_id)
    known = _newest(facts)
    return {
        "coverage": coverage(named, readable, now, zone),
        "baselines": _baselines(asset_id, readable),
        "drifts": _drifts(asset_id, named, readable),
        "backup": _backup(asset_id, facts, now),
        "facts": known[:SHOWN_FACTS],
        "older_facts": known[SHOWN_FACTS:],
    }


def coverage(named: Sequence[TicketView], readable: set[str], now: datetime, zone: ZoneInfo) -> list[dict[str, Any]]:
    """Return the last twelve months, oldest first: what closed tickets say was done, and windows that never opened.

    It is what is on record, not what was due: there is no maintenance plan to compare it with.
    """
    months: dict[date, dict[str, list[TicketView]]] = {
        first: {"done": [], "undone": []} for first in _months(now.astimezone(zone).date())
    }
    for one in named:
        at, what = _ended(one)
        first = at.astimezone(zone).date().replace(day=1) if at is not None else None
        if first in months:
            months[first][what].append(one)
    return [_month(first, found["done"], found["undone"], readable) for first, found in months.items()]


def _months(today: date) -> list[date]:
    found = [today.replace(day=1)]
    while len(found) < MONTHS:
        found.append((found[-1] - timedelta(days=1)).replace(day=1))
    return found[::-1]


def _ended(one: TicketView) -> tuple[datetime | None, str]:
    if one.state is State.CLOSED:
        return one.closed_at, "done"
    if one.state in (State.EXPIRED, State.ROLLED_BACK):
        return one.state_at, "undone"
    return None, ""


def _month(first: date, done: Sequence[TicketView], undone: Sequence[TicketView], readable: set[str]) -> dict[str, Any]:
    code = "done" if done else "undone" if undone else "none"
    said = [f"{len(done)} done"] if done else []
    said += [f"{len(undone)} not carried out"] if undone else []
    return {
        "first": first,
        "code": code,
        "count": len(done),
        "said": ", ".join(said) or "nothing on record",
        "tickets": [one.number for one in (*done, *undone) if one.number in readable],
    }


def _baselines(asset_id: str, readable: set[str]) -> list[dict[str, Any]]:
    found = baselines.baselines(asset=asset_id)[-SHOWN_BASELINES:]
    return [
        {
            "phase": called(one.phase.value), "at": one.finished_at, "entries": one.entries,
            "unreadable": one.unreadable, "complete": one.complete, "sha256": one.manifest_sha256,
            "ticket": one.ticket if one.ticket in readable else "",
        }
        for one in reversed(found)
    ]  # fmt: skip


def _drifts(asset_id: str, named: Sequence[TicketView], readable: set[str]) -> list[dict[str, Any]]:
    found = []
    for ticket in named[:SHOWN_BASELINES]:
        for one in baselines.drift(ticket.number, asset_id):
            left = len(one.open_items)
            found.append({
                "url": f"{reverse('ticket', args=[ticket.number])}?tab=drift#tabs" if ticket.number in readable else "",
                "number": ticket.number, "at": one.compared_at, "count": sum(item.count for item in one.items),
                "left": left, "word": f"{left} unexplained" if left else "All explained",
            })  # fmt: skip
    return found


def _backup(asset_id: str, facts: Sequence[Fact], now: datetime) -> dict[str, Any]:
    source = _source(asset_id)
    newest = next(iter(backups.proofs(asset=asset_id)), None)
    drills = [fact for fact in facts if fact.kind == "restore.drilled"]
    return {
        "source": None if source is None else {"product": called(source.product.value), "max_age": source.max_age},
        "proof": newest,
        "kept": [(KEPT[kind], said) for kind, said in kept_words(list(facts)).items()] if source or newest else [],
        "reimage": next((one for one in backups.reimage_plans() if asset_id in one.assets), None),
        "plan": next(iter(backups.register(now, asset=asset_id)), None),
        "fresh": newest is not None and newest.verified and now <= newest.valid_until,
        "drill": drills[-1] if drills else None,
    }


def _source(asset_id: str) -> Source | None:
    """Return the source of the backups, none for one whose row is not what the ledger says."""
    try:
        return backups.source(asset_id)
    except Refused:
        return None


def _newest(facts: Sequence[Fact]) -> list[dict[str, Any]]:
    newest = {fact.kind: fact for fact in facts}
    return [
        {
            "label": fact_kind(fact.kind).label if is_fact_kind(fact.kind) else fact.kind,
            "outcome": fact.outcome.value, "word": fact.outcome.value.capitalize(), "grade": fact.grade.value,
            "at": fact.at, "ticket": fact.ticket,
        }
        for fact in sorted(newest.values(), key=lambda fact: fact.at, reverse=True)
    ]  # fmt: skip
