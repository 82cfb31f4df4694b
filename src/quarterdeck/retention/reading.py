"""How long each file is kept, which holds stand, which proposals wait: from entries alone."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime

from quarterdeck.assessor import api as assessor
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Entry, NamedUse
from quarterdeck.kernel.decision import Refused, refuse
from quarterdeck.retention.rules import DEFAULT_RULES, PROPOSAL_LASTS, kept_until, latest
from quarterdeck.retention.terms import (
    REDACTED_ROLE,
    EndKind,
    Hold,
    HoldScope,
    Kept,
    KeptClass,
    Proposal,
    ProposalState,
    Rule,
    Standing,
    class_of,
)

ADOPTED = "retention.adopted"
PLACED, RELEASED = "hold.placed", "hold.released"
PROPOSED, CONFIRMED, REFUSED = "disposal.proposed", "disposal.confirmed", "disposal.refused"
ENDED = {"artifact.disposed": Standing.DISPOSED, "artifact.redacted": Standing.REDACTED}


def rules_ever() -> tuple[Rule, ...]:
    """Return the rules of every policy that was ever in force, the built-in ones first."""
    return (*DEFAULT_RULES, *(rule for entry in evidence.entries(events=[ADOPTED]) for rule in _rules(entry)))


def rules_now() -> tuple[Rule, ...]:
    """Return the rules in force: those of the last adopted policy, the built-in ones before the first."""
    newest = evidence.last_entry([ADOPTED])
    return DEFAULT_RULES if newest is None else tuple(_rules(newest))


def _rules(entry: Entry) -> list[Rule]:
    told = entry.data["rules"]
    return [
        Rule(
            KeptClass(one["class"]),
            int(one["days"]),
            int(one["closing_years"]),
            date.fromisoformat(one["contract_until"]) if one["contract_until"] else None,
        )
        for one in told
    ]


def holds() -> list[Hold]:
    """Return every legal hold, newest first."""
    found: dict[str, Hold] = {}
    said = list(evidence.entries(events=[PLACED, RELEASED]))
    reasons = evidence.openings([str(entry.data["reason"]) for entry in said])
    for entry in said:
        reason = reasons.get(str(entry.data["reason"]), (b"", ""))[1]
        if entry.event == PLACED:
            scope = HoldScope(str(entry.data["scope"]))
            of = str(entry.data["of"])
            found[entry.object.id] = Hold(entry.object.id, scope, of, reason, entry.actor_id, entry.at)
        elif entry.object.id in found:
            found[entry.object.id] = replace(
                found[entry.object.id], released_by=entry.actor_id, released_at=entry.at, released_because=reason
            )
    return list(found.values())[::-1]


def hold(hold_id: str) -> Hold:
    """Return one hold; Refused(hold.unknown)."""
    found = next((one for one in holds() if one.id == hold_id), None)
    if found is None:
        raise Refused(refuse("hold.unknown", "There is no such hold.", "See Holds under Evidence."))
    return found


def proposals(now: datetime) -> list[Proposal]:
    """Return every proposal as it stands at `now`, newest first."""
    found: dict[str, Proposal] = {}
    said = list(evidence.entries(events=[PROPOSED, CONFIRMED, REFUSED]))
    reasons = evidence.openings([str(entry.data["reason"]) for entry in said])
    for entry in said:
        if entry.event == PROPOSED:
            found[entry.object.id] = _proposal(entry, reasons.get(str(entry.data["reason"]), (b"", ""))[1], now)
        elif entry.object.id in found:
            state = ProposalState.CONFIRMED if entry.event == CONFIRMED else ProposalState.REFUSED
            found[entry.object.id] = replace(
                found[entry.object.id], state=state, decided_by=entry.actor_id, decided_at=entry.at
            )
    return list(found.values())[::-1]


def _proposal(entry: Entry, reason: str, now: datetime) -> Proposal:
    lapsed = now - entry.at > PROPOSAL_LASTS
    copies = [str(item["sha256"]) for item in entry.artifacts]
    return Proposal(
        entry.object.id,
        EndKind(str(entry.data["kind"])),
        tuple(map(str, entry.data["files"])),
        reason,
        entry.actor_id,
        entry.at,
        ProposalState.LAPSED if lapsed else ProposalState.WAITING,
        copy=copies[0] if copies else "",
    )


def proposal(proposal_id: str, now: datetime) -> Proposal:
    """Return one proposal; Refused(disposal.unknown)."""
    found = next((one for one in proposals(now) if one.id == proposal_id), None)
    if found is None:
        raise Refused(refuse("disposal.unknown", "There is no such proposal.", "See Retention under Evidence."))
    return found


def kept_files(now: datetime) -> list[Kept]:
    """Return every stored file that an entry names, with how long it is kept; Refused(ledger.altered)."""
    index = evidence.artifact_index()
    reckoning = _Reckoning(now, index.endings)
    return [reckoning.of(sha256, _whole(sha256, uses, index.uses)) for sha256, uses in list(index.uses.items())]


def kept_some(files: Sequence[str], now: datetime) -> list[Kept]:
    """Return these files; Refused(artifact.unknown) when no entry names one of them."""
    index = evidence.artifact_index()
    reckoning = _Reckoning(now, index.endings)
    for sha256 in files:
        if sha256 not in index.uses:
            raise Refused(refuse("artifact.unknown", "No entry names such a file.", "See Retention under Evidence."))
    return [reckoning.of(sha256, _whole(sha256, index.uses[sha256], index.uses)) for sha256 in files]


def kept_file(sha256: str, now: datetime) -> Kept:
    """Return one file; Refused(artifact.unknown)."""
    return kept_some([sha256], now)[0]


def _whole(sha256: str, uses: list[NamedUse], all_uses: Mapping[str, list[NamedUse]]) -> list[NamedUse]:
    """Return the uses of a file, with those of what it is the redacted copy of: it is kept as long."""
    copied_from = {use.about for use in uses if use.role == REDACTED_ROLE and use.event in ENDED} - {sha256}
    return [
        *(use for use in uses if use.role != REDACTED_ROLE or not copied_from),
        *(use for original in copied_from for use in all_uses.get(original, [])),
    ]


class _Reckoning:
    """What is the same for every file, read once."""

    def __init__(self, now: datetime, endings: Mapping[str, datetime]) -> None:
        self._now, self._endings = now, endings
        self._rules = rules_ever()
        self._marks = evidence.stored_marks()
        self._holds = [one for one in holds() if one.stands]
        self._status: dict[str, list[datetime | None]] = defaultdict(list)
        for assessment in assessor.assessments():
            for number in assessment.tickets:
                self._status[number].extend(assessment.status_dates or (None,))
        self._waiting = {
            sha256
            for one in proposals(now)
            if one.state is ProposalState.WAITING
            for sha256 in one.files
        }  # fmt: skip

    def of(self, sha256: str, uses: list[NamedUse]) -> Kept:
        """Return how long a file is kept."""
        tickets = tuple(sorted({use.ticket for use in uses if use.ticket is not None}))
        arrived = min(use.at for use in uses)
        classes = sorted({class_of(use.role, of_ticket=use.ticket is not None) for use in uses})
        until, because = latest([
            kept_until(
                one, arrived, endings=[self._endings.get(number) for number in tickets],
                status_dates=[at for number in tickets for at in self._status.get(number, [])], rules=self._rules,
            )
            for one in classes
        ])  # fmt: skip
        held = tuple(one.id for one in self._holds if one.holds(sha256, tickets))
        first = uses[0]
        return Kept(
            sha256,
            first.name,
            first.size,
            tuple(classes),
            tickets,
            arrived,
            until,
            because,
            held,
            self._standing(sha256, until, held=bool(held)),
            self._marks.get(sha256, (True, None))[0],
        )

    def _standing(self, sha256: str, until: datetime | None, *, held: bool) -> Standing:
        ended = evidence.given_up(sha256)
        if ended is not None:
            return ENDED[ended.event]
        if held:
            return Standing.HELD
        if sha256 in self._waiting:
            return Standing.PROPOSED
        if until is None:
            return Standing.ENDLESS
        return Standing.DUE if until <= self._now else Standing.KEPT
