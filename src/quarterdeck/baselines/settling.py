"""Record a comparison, let people settle its items, and read what is still open."""

from collections.abc import Iterable, Mapping, Sequence

from quarterdeck.baselines import posture_rules, rules
from quarterdeck.baselines.diff import ChangeKind
from quarterdeck.baselines.manifest import display
from quarterdeck.baselines.models import DriftComparison, DriftItem
from quarterdeck.baselines.recording import baseline_view
from quarterdeck.baselines.rules import Disposition, DriftClass, Severity
from quarterdeck.baselines.terms import Comparison, DriftItemView, DriftLine, DriftView
from quarterdeck.evidence.api import (
    Act,
    ArtifactRef,
    Grade,
    JsonValue,
    ObjectRef,
    Outcome,
    entries_of,
    row_digest,
)
from quarterdeck.evidence.api import (
    entry as sealed_entry,
)
from quarterdeck.kernel.actors import ActorKind
from quarterdeck.kernel.decision import Decision, Refused, all_of, refuse
from quarterdeck.personnel import api as personnel
from quarterdeck.tickets import api as tickets

_POSTURE_FACTS = {"access": "postcheck.access", "encryption": "postcheck.encryption"}


def record_comparison(act: Act, comparison: Comparison, document: ArtifactRef) -> DriftView:
    """Record the differences of an asset as rows and facts; the same difference keeps its earlier explanation.

    `document` is the stored list of every change.
    """
    ticket, asset = comparison.after.ticket, comparison.after.asset
    tickets.lock(act, ticket)
    settled = {
        item.fingerprint: item
        for item in DriftItem.objects.filter(comparison__ticket_id=ticket, comparison__asset=asset)
        .exclude(disposition="")
        .order_by("id")
        .select_related("comparison")
    }
    are_genuine(settled.values()).require()
    row = DriftComparison(
        ticket_id=ticket,
        asset=asset,
        before_id=comparison.before.id,
        after_id=comparison.after.id,
        touched=comparison.touched,
        posture=dict(comparison.posture),
        document_sha256=document.sha256,
        compared_at=act.at,
    )
    items = [item_row(row, line, settled) for line in comparison.lines]
    counts = {one.value: sum(item.drift_class == one.value for item in items) for one in DriftClass}
    row.entry = act.record(
        "drift.compared",
        ObjectRef("asset", asset),
        ticket=ticket,
        data={
            **counts,
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
    _facts(act, row, row.entry, items)
    return drift_view(row)


def fingerprints(items: Iterable[DriftItem]) -> str:
    """Return one digest over the fingerprints and classes of items, which an entry carries for them."""
    told: list[JsonValue] = list(sorted(f"{item.fingerprint} {item.drift_class}" for item in items))
    return row_digest({"items": told})


def are_genuine(items: Iterable[DriftItem]) -> Decision:
    """Decide whether every disposition is the one that a person's sealed entry carries (attacks.md row 28)."""
    wanted: dict[str, list[DriftItem]] = {}
    for item in items:
        if item.disposition:
            wanted.setdefault(item.entry, []).append(item)
    return rules.drift_is_sealed(all(_is_carried(entry, said) for entry, said in wanted.items()))


def _is_carried(entry_id: str, said: Sequence[DriftItem]) -> bool:
    """The entry names the differences that a person settled; later comparisons of the ticket repeat its word."""
    told = sealed_entry(entry_id)
    if told is None or told.event != "drift.disposed" or told.ticket != said[0].comparison.ticket_id:
        return False
    rows = list(DriftItem.objects.filter(entry=entry_id).select_related("comparison"))
    compared = entries_of({row.comparison.entry for row in rows})
    first = [row for row in rows if row.comparison.entry in compared and compared[row.comparison.entry].seq < told.seq]
    word = (told.data.get("how"), told.actor_id, told.data.get("explained_by", ""))
    return (
        fingerprints(first) == told.data.get("row")
        and {item.fingerprint for item in said} <= {row.fingerprint for row in first}
        and all((row.disposition, row.disposed_by, row.explained_by) == word for row in rows)
    )


def is_whole(comparison: DriftComparison) -> Decision:
    """Decide whether the comparison still has exactly the differences that were recorded."""
    told = sealed_entry(comparison.entry)
    items = list(comparison.items.all())
    return all_of(
        (
            rules.drift_is_sealed(
                told is not None
                and told.data.get("row") == fingerprints(items)
                and told.data.get("before") == comparison.before_id
                and told.data.get("after") == comparison.after_id
            ),
            are_genuine(items),
        )
    )


def item_row(row: DriftComparison, line: DriftLine, settled: Mapping[str, DriftItem]) -> DriftItem:
    """Return the row of one difference, not saved yet; the same difference in `settled` lends its explanation."""
    item = DriftItem(
        comparison=row,
        source=line.source,
        path=line.path,
        kind=line.kind.value,
        drift_class=line.drift_class.value,
        severity=line.severity.value,
        codes=list(line.codes),
        package=line.package,
        count=line.count,
        fingerprint=line.fingerprint,
    )
    earlier = settled.get(line.fingerprint)
    if earlier is not None and line.drift_class is not DriftClass.EXPECTED:
        for name in ("disposition", "disposed_by", "disposed_at", "reason_sha256", "entry"):
            setattr(item, name, getattr(earlier, name))
    return item


def is_open(item: DriftItem) -> bool:
    """True while somebody still has to explain the difference."""
    return item.drift_class != DriftClass.EXPECTED and not item.disposition


def _facts(act: Act, row: DriftComparison, entry: str, items: Sequence[DriftItem]) -> None:
    waiting = sum(is_open(item) for item in items)
    act.fact(
        "drift.explained",
        entry=entry,
        outcome=Outcome.FAILED if waiting else Outcome.PASSED,
        grade=Grade.CAPTURED,
        ticket=row.ticket_id,
        asset=row.asset,
        detail={
            "open": waiting,
            "items": len(items),
            "findings": sum(item.disposition == Disposition.FINDING for item in items),
        },
    )
    names = {"access": rules.ACCESS_POSTURE, "encryption": rules.ENCRYPTION_POSTURE}
    for area, kind in _POSTURE_FACTS.items():
        told = row.posture.get(area, Outcome.UNKNOWN.value)
        changed = [item for item in items if item.source == "posture" and _fact_of(item) in names[area]]
        explained = (
            told == Outcome.FAILED
            and changed
            and not any(is_open(item) or item.disposition == Disposition.FINDING for item in changed)
        )
        act.fact(
            kind,
            entry=entry,
            outcome=Outcome.PASSED if explained else Outcome(told),
            grade=Grade.CAPTURED,
            ticket=row.ticket_id,
            asset=row.asset,
            detail={"changed": len(changed), "explained": bool(explained)},
        )


def _fact_of(item: DriftItem) -> str:
    return posture_rules.fact_name(bytes(item.path).decode("utf-8", "surrogatepass"))


def dispose(act: Act, items: Iterable[int], *, how: Disposition, reason: str, document: ArtifactRef) -> list[str]:
    """Settle differences of one ticket with one reason, stored before as `document`; returns the assets concerned.

    Raises Refused for an empty reason, items of several tickets, items that are not current or settled already, and for
    who did the work or lacks the role (800-171A 3.4.3[b], 3.1.4[c]).
    """
    rows = _disposable(act, sorted(set(items)), reason)
    is_settled_by_words(rows, how).require()
    ticket = rows[0].comparison.ticket_id or ""
    entry = act.record(
        "drift.disposed",
        ObjectRef("ticket", ticket),
        ticket=ticket,
        data={
            "how": how.value,
            "items": len(rows),
            "row": fingerprints(rows),
        },
        artifacts=(document,),
    )
    settle_rows(act, rows, how=how, document=document, entry=entry)
    touched = {row.comparison_id: row.comparison for row in rows}
    for comparison in touched.values():
        _facts(act, comparison, entry, list(comparison.items.all()))
    return sorted(comparison.asset for comparison in touched.values())


def is_settled_by_words(rows: Iterable[DriftItem], how: Disposition) -> Decision:
    """Decide whether a person's word of this kind may settle these differences."""
    return posture_rules.may_be_settled({code for row in rows for code in row.codes}, how)


def settle_rows(
    act: Act, rows: Sequence[DriftItem], *, how: Disposition, document: ArtifactRef, entry: str, ticket: str = ""
) -> None:
    """Write one person's word on these differences; `entry` is the one that carries it, `ticket` one that explains."""
    for row in rows:
        row.disposition, row.disposed_by, row.disposed_at = how.value, act.actor.id, act.at
        row.reason_sha256, row.explained_by, row.entry = document.sha256, ticket, entry
    names = ["disposition", "disposed_by", "disposed_at", "reason_sha256", "explained_by", "entry"]
    DriftItem.objects.bulk_update(rows, names, batch_size=200)


def _disposable(act: Act, wanted: list[int], reason: str) -> list[DriftItem]:
    of_tickets = DriftItem.objects.select_related("comparison").filter(comparison__ticket__isnull=False)
    rows = list(of_tickets.filter(id__in=wanted))
    numbers = {row.comparison.ticket_id or "" for row in rows}
    rules.disposable(found=len(rows), wanted=len(wanted), tickets=len(numbers)).require()
    ticket = numbers.pop()
    tickets.lock(act, ticket)
    seen = tickets.ticket(ticket)
    if act.actor.kind is not ActorKind.PERSON:
        raise Refused(refuse("drift.person", "Only a person explains a difference.", "Log in and explain it."))
    current = {row.id for row in _newest(ticket)}
    all_of(
        (
            rules.check_reason(reason),
            rules.may_settle_now(final=seen.is_final),
            rules.may_dispose(act.actor.id, tickets.workers(seen), personnel.roles_of(act.actor.id, act.at)),
            rules.not_settled_yet(sum(bool(row.disposition) for row in rows)),
            rules.are_current(
                all(row.comparison_id in current and row.drift_class != DriftClass.EXPECTED for row in rows)
            ),
            *(is_whole(comparison) for comparison in {row.comparison_id: row.comparison for row in rows}.values()),
        )
    ).require()
    return rows


def _newest(ticket: str) -> list[DriftComparison]:
    rows = DriftComparison.objects.filter(ticket_id=ticket).select_related("before", "after").order_by("id")
    return sorted({row.asset: row for row in rows}.values(), key=lambda row: row.asset)


def drift(ticket: str, asset: str | None = None) -> list[DriftView]:
    """Return the newest comparison of each asset of a ticket with all its items, ordered by asset."""
    return [drift_view(row) for row in _newest(ticket) if asset in (None, row.asset)]


def drift_item(item_id: int) -> DriftItemView:
    """Return one difference of a ticket; Refused when there is none of this number."""
    rows = DriftItem.objects.select_related("comparison").filter(comparison__ticket__isnull=False)
    row = rows.filter(id=item_id).first()
    if row is None:
        raise Refused(refuse("drift.unknown", "There is no such difference.", "Open the ticket's page again."))
    return item_view(row, row.comparison)


def drift_view(row: DriftComparison) -> DriftView:
    """Return a comparison and its items as a value: the worst first, then by path."""
    items = [item_view(item, row) for item in row.items.all()]
    worst = {Severity.FORBIDDEN: 0, Severity.SENSITIVE: 1, Severity.ORDINARY: 2}
    items.sort(key=lambda item: (not item.is_open, worst[item.severity], item.source, item.path_bytes))
    return DriftView(
        ticket=row.ticket_id or "",
        asset=row.asset,
        before=baseline_view(row.before),
        after=baseline_view(row.after),
        items=tuple(items),
        touched=row.touched,
        document_sha256=row.document_sha256,
        compared_at=row.compared_at,
        entry=row.entry,
        id=row.pk,
        plan=row.plan,
    )


def item_view(item: DriftItem, row: DriftComparison) -> DriftItemView:
    """Return one difference as a value."""
    path = bytes(item.path)
    return DriftItemView(
        id=item.id,
        ticket=row.ticket_id or "",
        asset=row.asset,
        source=item.source,
        path=display(path),
        path_bytes=path,
        kind=ChangeKind(item.kind),
        drift_class=DriftClass(item.drift_class),
        severity=Severity(item.severity),
        codes=tuple(item.codes),
        package=item.package,
        count=item.count,
        disposition=Disposition(item.disposition) if item.disposition else None,
        disposed_by=item.disposed_by,
        disposed_at=item.disposed_at,
        reason_sha256=item.reason_sha256,
        explained_by=item.explained_by,
    )
