"""Findings between tickets: what differs and no ticket explains, until a person says why or names the ticket.

"Work that matches no ticket is found and must be explained" (design section 1). A finding is a comparison under a
monitoring plan; its differences are settled like those of a ticket, by the same roles (CM.L2-3.4.3[a]).
"""

from collections.abc import Collection, Iterable

from django.db.models import Exists, OuterRef, QuerySet

from quarterdeck.baselines import rules, watch_rules
from quarterdeck.baselines.models import DriftComparison, DriftItem
from quarterdeck.baselines.rules import Disposition, DriftClass
from quarterdeck.baselines.settling import (
    drift_view,
    fingerprints,
    is_open,
    is_settled_by_words,
    is_whole,
    item_row,
    settle_rows,
)
from quarterdeck.baselines.terms import Comparison, DriftLine, DriftView
from quarterdeck.baselines.working import worked_between
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Act, ArtifactRef, Grade, ObjectRef, Outcome
from quarterdeck.kernel.actors import ActorKind
from quarterdeck.kernel.decision import Decision, Refused, all_of, refuse
from quarterdeck.personnel import api as personnel
from quarterdeck.tickets import api as tickets

_FOUND = "drift.found"


def record_finding(
    act: Act, comparison: Comparison, document: ArtifactRef, *, plan: str, known: Collection[str]
) -> int:
    """Record what differs as a finding and return how many differences wait; nothing is recorded when none differs.

    `known` are the unreadable objects that were found before: they stay in their own finding and are not asked twice.
    """
    lines = [line for line in comparison.lines if not _is_known(line, known)]
    if not lines:
        return 0
    asset = comparison.after.asset
    row = DriftComparison(
        plan=plan,
        asset=asset,
        before_id=comparison.before.id,
        after_id=comparison.after.id,
        touched=comparison.touched,
        posture=dict(comparison.posture),
        document_sha256=document.sha256,
        compared_at=act.at,
    )
    items = [item_row(row, line, {}) for line in lines]
    counts = {one.value: sum(item.drift_class == one.value for item in items) for one in DriftClass}
    row.entry = act.record(
        _FOUND,
        ObjectRef("asset", asset),
        data={
            **counts,
            "plan": plan,
            "before": row.before_id,
            "after": row.after_id,
            "touched": row.touched,
            "rules": comparison.rules_sha256,
            "row": fingerprints(items),
        },
        artifacts=(document,),
    )
    row.save(force_insert=True)
    DriftItem.objects.bulk_create(items, batch_size=rules.MOST_ROWS)
    return sum(is_open(item) for item in items)


def _is_known(line: DriftLine, known: Collection[str]) -> bool:
    """Only what could not be read is told once; a change that comes again is a new change."""
    return line.drift_class is DriftClass.UNREADABLE and line.fingerprint in known


def _rows(asset: str = "") -> QuerySet[DriftComparison]:
    rows = DriftComparison.objects.exclude(plan="").select_related("before", "after").prefetch_related("items")
    return rows.filter(asset=asset) if asset else rows


def unreadable_before(asset: str) -> frozenset[str]:
    """Return the fingerprints of what was found unreadable on the asset in earlier findings."""
    return frozenset(
        item.fingerprint
        for row in _rows(asset)
        for item in row.items.all()
        if item.drift_class == DriftClass.UNREADABLE
    )


def check_findings(asset: str) -> Decision:
    """Decide whether the asset's findings, and what was said about them, are what the ledger says (row 28)."""
    rows = list(_rows(asset))
    found = {one.event_id for one in evidence.entries(events=[_FOUND], object=ObjectRef("asset", asset))}
    complete = watch_rules.findings_are_sealed({row.entry for row in rows} == found)
    return all_of((complete, *(is_whole(row) for row in rows)))


def waiting_in(asset: str) -> int:
    """Return how many differences of the asset's findings wait for an explanation."""
    return sum(is_open(item) for row in _rows(asset) for item in row.items.all())


def findings(asset: str = "", *, plan: str = "", open_only: bool = False) -> list[DriftView]:
    """Return findings, newest first: of one asset, of one plan, or all; only those that wait where asked."""
    rows = _rows(asset).order_by("-pk")
    if plan:
        rows = rows.filter(plan=plan)
    if open_only:
        waiting = DriftItem.objects.filter(comparison=OuterRef("pk"), disposition="")
        rows = rows.filter(Exists(waiting.exclude(drift_class=DriftClass.EXPECTED.value)))
    return [drift_view(row) for row in rows]


def finding(finding_id: int) -> DriftView:
    """Return one finding; Refused(finding.unknown)."""
    return drift_view(_row(finding_id))


def _row(finding_id: int) -> DriftComparison:
    row = _rows().filter(pk=finding_id).first() if 0 < finding_id < 1 << 62 else None
    if row is None:
        raise Refused(refuse("finding.unknown", "There is no such finding.", "See the list of findings."))
    return row


def tickets_in_between(finding_id: int) -> list[str]:
    """Return the tickets under which the asset was worked on between the two measurements of a finding."""
    return _between(_row(finding_id))


def settle_finding(
    act: Act,
    finding_id: int,
    items: Iterable[int],
    *,
    how: Disposition,
    reason: str,
    document: ArtifactRef,
    ticket: str = "",
) -> None:
    """Settle differences of a finding with one reason, stored before as `document`, perhaps by naming the ticket.

    Raises Refused for an empty reason, differences that are not this finding's or settled already, a ticket whose work
    does not lie in between, who did work in between, and who lacks the role (800-171A 3.4.3[b], 3.1.4[c]).
    """
    row, wanted = _row(finding_id), set(items)
    rows = [one for one in DriftItem.objects.select_for_update().filter(comparison_id=row.pk) if one.pk in wanted]
    settled = sum(not is_open(item) for item in rows)
    all_of(
        (
            rules.check_reason(reason),
            tickets.readable(reason),
            watch_rules.may_settle(chosen=len(wanted), found=len(rows), settled=settled),
            is_settled_by_words(rows, how),
            *_ticket_fits(row, ticket),
            _may_speak(act, row),
            check_findings(row.asset),
        )
    ).require()
    by_ticket = {"explained_by": ticket} if ticket else {}
    entry = act.record(
        "drift.disposed",
        ObjectRef("asset", row.asset),
        data={"how": how.value, "items": len(rows), "row": fingerprints(rows), "plan": row.plan, **by_ticket},
        artifacts=(document,),
    )
    settle_rows(act, rows, how=how, document=document, entry=entry, ticket=ticket)
    waiting = waiting_in(row.asset)
    act.fact(
        "drift.monitored",
        entry=entry,
        outcome=Outcome.FAILED if waiting else Outcome.PASSED,
        grade=Grade.CAPTURED,
        asset=row.asset,
        detail={"plan": row.plan, "open": waiting},
    )


def _may_speak(act: Act, row: DriftComparison) -> Decision:
    """A person of a settling role, who did none of the work on the asset that lies between the two measurements.

    Whether the word names that work's ticket does not matter: leaving it out makes nobody a stranger to it (3.1.4).
    """
    if act.actor.kind is not ActorKind.PERSON:
        return refuse("drift.person", "Only a person explains a difference.", "Log in and explain it.")
    workers = {person for number in _between(row) for person in tickets.workers(tickets.ticket(number))}
    return rules.may_dispose(act.actor.id, workers, personnel.roles_of(act.actor.id, act.at))


def _between(row: DriftComparison) -> list[str]:
    return worked_between(row.asset, row.before.started_at, row.after.finished_at)


def _ticket_fits(row: DriftComparison, ticket: str) -> list[Decision]:
    if not ticket:
        return []
    return [watch_rules.may_explain_by(ticket in _between(row), ticket)]
