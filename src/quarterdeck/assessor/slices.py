"""Which entries a package holds: its tickets' whole chains, and what of the organisation bears on them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from quarterdeck.assessor.consents import consents
from quarterdeck.assessor.terms import Scope, ScopeKind
from quarterdeck.controls.api import kinds_for, practice
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Entry, Fact
from quarterdeck.kernel.ids import ticket_number
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import TicketView

# Who was who and by whose word, what the rules were, which keys signed: always in the slice.
ORGANISATION_EVENTS = (
    "access.epoch_begun", "account.closed", "account.opened", "account.renewed", "agreement.added", "agreement.ended",
    "authorisation.granted", "authorisation.withdrawn", "change.cancelled", "deputy.named", "email.change_applied",
    "email.change_confirmed", "email.change_requested", "email.changed", "entry_point.added", "entry_point.changed",
    "entry_point.withdrawn", "factor.enrolled", "factor.removed", "factor.reset", "factor.reset_confirmed",
    "factor.reset_requested", "inventory.imported", "key.registered", "key.replaced", "key.rotated", "ledger.restored",
    "passkey.registered", "passkey.removed",
    "person.added", "person.deactivated", "policy.adopted", "pool.changed", "role.granted", "role.requested",
    "role.revoked", "roster.founded", "sealer.key_acknowledged", "sealer.key_installed", "sealer.key_replaced",
)  # fmt: skip
# In the slice when they are about something that a ticket of the package names.
OBJECT_EVENTS = (
    "artifact.cui_cleared", "artifact.cui_marked", "artifact.disposed", "artifact.redacted",
    "asset.added", "asset.changed", "asset.retired", "backup_source.set", "connection.changed", "connection.removed",
    "drill_plan.ended", "drill_plan.set",
    "item.inspected", "item.listed", "item.reviewed", "item.withdrawn", "recording.consent_asked",
    "recording.consent_refused", "recording.consent_withdrawn", "recording.consented",
    "reimage_plan.ended", "reimage_plan.set",
    "template.added", "template.approved", "template.withdrawn",
)  # fmt: skip
LOGIN_EVENTS = ("login.accepted", "login.stepped_up", "token.issued", "token.stepped_up")
LOGIN_BEFORE = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Slice:
    """The tickets of a package, its entries in ledger order and the ranges of numbers given out in its period.

    `left_out` are tickets of the period that were not chosen. `supporting` are the entries of no ticket whose facts
    speak to the objectives of an assessment: their files are in the package. `consented` are the tickets whose
    recordings may leave by the CUI owner's word as it stood then.
    """

    tickets: tuple[TicketView, ...]
    entries: tuple[Entry, ...]
    ranges: tuple[tuple[str, str], ...]
    left_out: tuple[str, ...] = ()
    supporting: frozenset[str] = frozenset()
    consented: frozenset[str] = frozenset()

    @property
    def heads(self) -> dict[str, int]:
        """How many entries of each ticket the slice has."""
        return {entry.ticket: entry.ticket_seq or 0 for entry in self.entries if entry.ticket is not None}


def cut(scope: Scope) -> Slice:
    """Return the slice of a scope as the ledger is now."""
    named = scope.kind in (ScopeKind.TICKET, ScopeKind.SET)
    touched = list(scope.tickets) if named else touched_in(scope.since, scope.until)
    speaking = _speaking(scope) if scope.kind is ScopeKind.ASSESSMENT else []
    chosen = sorted(scope.tickets or ({fact.ticket for fact in speaking if fact.ticket} if speaking else touched))
    if scope.kind is ScopeKind.ASSESSMENT and not speaking:
        chosen = []
    views = tuple(_genuine(number) for number in chosen)
    mine = [entry for number in chosen for entry in evidence.entries(ticket=number)]
    supporting = {fact.entry for fact in speaking if not fact.ticket}
    others = {entry.seq: entry for entry in _organisation(views, mine, scope)}
    others |= {entry.seq: entry for entry in evidence.entries_of(supporting).values() if entry.ticket is None}
    entries = sorted([*mine, *others.values()], key=lambda entry: entry.seq)
    ranges = () if named else ranges_of(given_out_in(scope.since, scope.until))
    left_out = tuple(sorted(set(touched) - set(chosen)))
    consented = frozenset(number for number in chosen if consents(number))
    return Slice(views, tuple(entries), ranges, left_out, frozenset(supporting), consented)


def _speaking(scope: Scope) -> list[Fact]:
    """Return the facts, whatever their outcome, that speak to an objective of the assessment's practices."""
    kinds = {kind.code for name in scope.practices for one in practice(name).objectives for kind in kinds_for(one.id)}
    return [
        fact
        for fact in (evidence.facts(kinds=sorted(kinds)) if kinds else ())
        if (scope.since is None or scope.since <= fact.at) and (scope.until is None or fact.at < scope.until)
    ]


def _genuine(number: str) -> TicketView:
    """Return a ticket whose row is what the ledger says: from another one nothing is told in anybody's report."""
    tickets.is_sealed(number).require()
    return tickets.ticket(number)


def touched_in(since: datetime | None, until: datetime | None) -> list[str]:
    """Return the numbers of the tickets of which an entry stands in [since, until), by the ledger's word alone."""
    return sorted({entry.ticket for entry in _of_tickets(since, until) if entry.ticket is not None})


def given_out_in(since: datetime | None, until: datetime | None) -> list[str]:
    """Return the ticket numbers that were given out in [since, until): those of which the first entry stands there."""
    return sorted(entry.ticket or "" for entry in _of_tickets(since, until) if entry.ticket_seq == 1)


def _of_tickets(since: datetime | None, until: datetime | None) -> Iterator[Entry]:
    for entry in evidence.entries():
        if until is not None and entry.at >= until:
            return
        if entry.ticket is not None and (since is None or since <= entry.at):
            yield entry


def ranges_of(numbers: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Return the first and last number of each year: numbers are contiguous, so that a missing one shows."""
    spans = []
    for year in sorted({number[:7] for number in numbers}):
        mine = [int(number[8:]) for number in numbers if number.startswith(year)]
        spans.append((ticket_number(int(year[3:]), min(mine)), ticket_number(int(year[3:]), max(mine))))
    return tuple(spans)


def _organisation(views: Sequence[TicketView], mine: Sequence[Entry], scope: Scope) -> Iterator[Entry]:
    named = {place.asset_id for view in views for place in view.assets}
    named |= {place.connection_id for view in views for place in view.assets}
    named |= {item for view in views for item in view.content.items}
    named |= {view.number for view in views} | {view.template_id for view in views}
    named |= {str(item["sha256"]) for entry in mine for item in entry.artifacts}
    named |= {entry.object.id for entry in mine if entry.event == "backup.plan_attached"}
    for entry in evidence.entries(events=(*ORGANISATION_EVENTS, *OBJECT_EVENTS)):
        bears = entry.event in ORGANISATION_EVENTS or entry.object.id in named or scope.kind is ScopeKind.ASSESSMENT
        if entry.ticket is None and bears:
            yield entry
    yield from _logins(mine)
    numbers = {view.number for view in views}
    for entry in evidence.entries(events=("evidence.viewed",)):
        if entry.ticket is None and entry.data.get("of") in numbers:
            yield entry
    for entry in evidence.entries(events=("period.sealed",)):
        if _seals(entry, numbers, scope):
            yield entry


def _logins(mine: Sequence[Entry]) -> Iterator[Entry]:
    """Logins and second factors of those who acted, around the time in which they did."""
    actors = {entry.actor_id for entry in mine if entry.actor_kind == "person"}
    if not actors:
        return
    begin, end = mine[0].at, mine[0].at
    for entry in mine:
        begin, end = min(begin, entry.at), max(end, entry.at)
    for entry in evidence.entries(events=LOGIN_EVENTS):
        if entry.ticket is None and entry.actor_id in actors and begin - LOGIN_BEFORE <= entry.at <= end:
            yield entry


def _seals(entry: Entry, numbers: set[str], scope: Scope) -> bool:
    """True for the seal of a month that lies in the period, or one that names the ticket of a package of one ticket."""
    if scope.kind is not ScopeKind.PERIOD or scope.since is None or scope.until is None:
        heads = entry.data.get("heads")
        return isinstance(heads, list) and any(head.get("ticket") in numbers for head in heads)
    begin, end = month_of(str(entry.data.get("period")))
    return scope.since <= begin and end <= scope.until


def month_of(text: str) -> tuple[datetime, datetime]:
    """Return the beginning and the end (UTC) of a month such as `2026-11`."""
    year, month = int(text[:4]), int(text[5:7])
    following = (year + 1, 1) if month == 12 else (year, month + 1)
    return datetime(year, month, 1, tzinfo=UTC), datetime(*following, 1, tzinfo=UTC)
