"""More time for open work: asked for, decided by those who could approve the ticket, or taken once by who works.

A separate approval: what was approved stays as it is, `extended_until` stands beside it under the row's digest. The
rows of this module hold words; who asked, who decided and what holds is read from sealed entries alone (row 28).
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Act, Entry, JsonValue, ObjectRef
from quarterdeck.kernel.clock import rfc3339
from quarterdeck.kernel.decision import Decision, Refused, all_of, refuse, require_that
from quarterdeck.kernel.ids import new_id
from quarterdeck.kernel.windows import Window
from quarterdeck.personnel import api as personnel
from quarterdeck.tickets.deciding import ROLE_OF, may_approve
from quarterdeck.tickets.extension_rules import may_extend, may_extend_alone
from quarterdeck.tickets.models import Extension, ExtensionDecision, MaintenanceTicket
from quarterdeck.tickets.moving import locked, record
from quarterdeck.tickets.notices import tell
from quarterdeck.tickets.pictures import agreement_covers, conflicts, sealed_view, takes_part, workers
from quarterdeck.tickets.policies import policy
from quarterdeck.tickets.requesting import require_reason
from quarterdeck.tickets.rows import find, view
from quarterdeck.tickets.sealing import editors
from quarterdeck.tickets.standing import person_acts, stepped_up
from quarterdeck.tickets.terms import (
    ApprovalKind,
    ApprovalRole,
    ApprovalView,
    ExtensionDecisionView,
    ExtensionState,
    ExtensionView,
    State,
    TicketView,
    Verdict,
)

ASKED, DECIDED, REFUSED, EXTENDED = "extension.asked", "extension.decided", "extension.refused", "ticket.extended"
CERTIFICATE = "certificate"


def extend(act: Act, number: str, *, until: datetime, reason: str) -> ExtensionView:
    """Ask for a later end; within policy who works gets it at once, otherwise approvers are asked.

    Asking again replaces what waits. A second factor is wanted, or the ticketed certificate that the gate has checked.
    """
    row = locked(act, number)
    ticket = sealed_view(row)
    require_reason(reason)
    all_of(
        (
            person_acts(act.actor),
            takes_part(ticket, act.actor, act.at),
            Decision() if act.actor.auth == CERTIFICATE else stepped_up(act.actor, act.at),
            _possible(row, ticket, until, act.at),
        )
    ).require()
    asked = Extension.objects.create(
        id=new_id("ex"),
        ticket=row,
        person_id=act.actor.id,
        until_before=ticket.window.until,
        until=until,
        reason=reason.strip(),
        at=act.at,
        by_terminal=act.actor.auth == CERTIFICATE,
    )
    by_self = _alone(ticket, act.actor.id, until - ticket.window.until, act.at).allowed
    act.record(
        ASKED,
        ObjectRef("extension", asked.id),
        ticket=number,
        data={"row": _digest(asked), "until": rfc3339(until), "by_self": by_self, "reason": act.commitment(reason)},
    )
    if by_self:
        _grant(act, row, asked, {"by_self": True})
        _tell(act, row, [*_deciders(ticket, act.at), ticket.requester, ticket.escort], _granted_words(asked))
    else:
        _tell(act, row, _deciders(ticket, act.at), _asked_words(asked))
    state = ExtensionState.GRANTED if by_self else ExtensionState.WAITING
    return _view(asked, state, by_self=by_self, decisions=())


def decide_extension(
    act: Act, number: str, extension_id: str, *, role: ApprovalRole, verdict: Verdict, reason: str
) -> ExtensionState:
    """Decide in one role on exactly this extension; the last approval of the ticket's roles moves the end.

    The same people may decide as on the ticket (800-171A 3.1.4[b]), and the same roles must: an extension of work on
    CUI takes the CUI owner as well. Another end is another extension, so its id names what was shown.
    """
    row = locked(act, number)
    require_reason(reason)
    asked = _shown(number, extension_id)
    given = _decisions(asked.id)
    _may_decide(act, row, asked, given, role, verdict).require()
    entry = act.record(
        DECIDED,
        ObjectRef("extension", asked.id),
        ticket=number,
        data={
            "decision": {"role": role.value, "verdict": verdict.value, "until": rfc3339(asked.until)},
            "reason": act.commitment(reason),
        },
    )
    ExtensionDecision.objects.create(
        extension=asked, role=role.value, verdict=verdict.value, person_id=act.actor.id, reason=reason.strip(),
        at=act.at, entry=entry,
    )  # fmt: skip
    concerned = _concerned(view(row), asked)
    if verdict is Verdict.REFUSED:
        act.record(REFUSED, ObjectRef("extension", asked.id), ticket=number)
        _tell(act, row, concerned, ("no more time", "The window ends as it was approved.\n"))
        return ExtensionState.REFUSED
    if set(_wanted(row)) <= {*given, role}:
        _grant(act, row, asked, {"by_self": False})
        _tell(act, row, concerned, _granted_words(asked))
        return ExtensionState.GRANTED
    return ExtensionState.WAITING


def _shown(number: str, extension_id: str) -> Extension:
    asked = _waiting_row(number)
    if asked is None or asked.id != extension_id:
        raise Refused(
            refuse(
                "extension.moved",
                "This extension does not wait for a decision any more.",
                "Load the page again: other time was asked for, or somebody decided.",
            )
        )
    return asked


def _may_decide(
    act: Act,
    row: MaintenanceTicket,
    asked: Extension,
    given: Mapping[ApprovalRole, Entry],
    role: ApprovalRole,
    verdict: Verdict,
) -> Decision:
    ticket = sealed_view(row)
    decided = replace(ticket, approvals=_as_approvals(given))
    both = policy().flag("one_independent_person_may_hold_both_roles")
    return all_of(
        (
            person_acts(act.actor),
            stepped_up(act.actor, act.at),
            may_approve(decided, act.actor.id, role, one_may_hold_both=both, act=act),
            require_that(
                role in _wanted(row),
                "approval.not_needed",
                "None of these assets handles CUI.",
                "Decide as approver, or leave it.",
            ),
            require_that(
                verdict is Verdict.REFUSED or role not in given,
                "approval.given",
                "Somebody decided in this role already.",
                "Load the page again.",
            ),
            _possible(row, ticket, asked.until, act.at) if verdict is Verdict.APPROVED else Decision(),
        )
    )


def extensions(number: str) -> list[ExtensionView]:
    """Return every extension that was asked for under the ticket, oldest first, as the sealed entries tell of it."""
    asked = list(evidence.entries(ticket=number, events=[ASKED]))
    rows = {row.id: row for row in Extension.objects.filter(id__in=[entry.object.id for entry in asked])}
    found = [rows[entry.object.id] for entry in asked if _is_sealed(rows.get(entry.object.id), entry)]
    waiting = _waiting_row(number)
    granted = {str(e.data.get("extension")): e for e in evidence.entries(ticket=number, events=[EXTENDED])}
    refused = {entry.object.id for entry in evidence.entries(ticket=number, events=[REFUSED])}
    views = []
    for row in found:
        state = ExtensionState.LAPSED
        if row.id in granted:
            state = ExtensionState.GRANTED
        elif row.id in refused:
            state = ExtensionState.REFUSED
        elif waiting is not None and waiting.id == row.id:
            state = ExtensionState.WAITING
        by_self = row.id in granted and granted[row.id].data.get("by_self") is True
        views.append(_view(row, state, by_self=by_self, decisions=_told(row)))
    return views


def extension_waits_for(number: str, at: datetime) -> dict[ApprovalRole, tuple[str, ...]]:
    """Return for each decision that the waiting extension lacks the people who can take it; empty when none waits."""
    asked = _waiting_row(number)
    if asked is None:
        return {}
    given = _decisions(asked.id)
    free = _free_deciders(sealed_view(find(number)), at)
    busy: set[str] = set()
    if not policy().flag("one_independent_person_may_hold_both_roles"):
        busy = {entry.actor_id for entry in given.values()}
    return {role: tuple(p for p in people if p not in busy) for role, people in free.items() if role not in given}


def may_ask_alone(number: str, person_id: str, minutes: int, at: datetime) -> Decision:
    """Decide whether this person may add these minutes without an approver, as far as the policy says."""
    return _alone(sealed_view(find(number)), person_id, timedelta(minutes=minutes), at)


def _possible(row: MaintenanceTicket, ticket: TicketView, until: datetime, at: datetime) -> Decision:
    vendor = is_vendors(ticket)
    minutes = policy().number("grace_minutes_vendor" if vendor else "grace_minutes_staff")
    hard_end = ticket.window.until + timedelta(minutes=minutes)
    shape = may_extend(ticket.state, ticket.window, until, hard_end=hard_end, vendor=vendor, at=at)
    if not shape.allowed:
        return shape
    longer = Window(ticket.window.from_, until)
    clashes = conflicts(row, ticket, longer)
    return all_of(
        (
            require_that(
                not clashes,
                "extension.conflict",
                f"Other work has one of these assets in that time: {', '.join(clashes)}.",
                "End before it begins, or have the other work moved.",
            ),
            require_that(
                row.finding == "", "ticket.finding", "Access was withdrawn on this ticket.", "Request a new ticket."
            ),
            agreement_covers(ticket, longer),
        )
    )


def is_vendors(ticket: TicketView) -> bool:
    """True when somebody of a vendor may do this ticket's work."""
    kinds = (personnel.person(who).kind for who in workers(ticket))
    return bool(ticket.content.pool_id) or personnel.PersonKind.VENDOR in kinds


def _alone(ticket: TicketView, person_id: str, asked: timedelta, at: datetime) -> Decision:
    used = any(e.data.get("by_self") is True for e in evidence.entries(ticket=ticket.number, events=[EXTENDED]))
    return may_extend_alone(
        asked,
        policy().number("self_extension_minutes"),
        does_the_work=person_id in workers(ticket),
        vendor=personnel.person(person_id).kind is not personnel.PersonKind.STAFF,
        supervised=any(_is_supervised(person_id, named.asset_id, at) for named in ticket.assets),
        used=used,
    )


def _is_supervised(person_id: str, asset_id: str, at: datetime) -> bool:
    right = personnel.authorisation(person_id, asset_id, at)
    return right is None or not right.access_authorised


def _grant(act: Act, row: MaintenanceTicket, asked: Extension, how: Mapping[str, JsonValue]) -> None:
    before = view(row).window.until
    row.extended_until = asked.until
    row.save(update_fields=["extended_until"])
    record(act, row, EXTENDED, data={"extension": asked.id, "until_before": rfc3339(before), **how})


def _wanted(row: MaintenanceTicket) -> list[ApprovalRole]:
    cui = row.asset_rows.filter(asset__handles_cui=True).exists() and not row.emergency
    return [ApprovalRole.APPROVER, *([ApprovalRole.CUI_OWNER] if cui else [])]


def _waiting_row(number: str) -> Extension | None:
    """Return the extension that waits for a decision; a row that is not what its entry says is Refused(row.altered)."""
    last = evidence.last_entry([ASKED, REFUSED, EXTENDED], ticket=number)
    if last is None or last.event != ASKED:
        return None
    ticket = view(find(number))
    if ticket.state is not State.OPEN:
        return None
    row = Extension.objects.filter(id=last.object.id).first()
    if not _is_sealed(row, last):
        raise Refused(
            refuse(
                "row.altered",
                "An extension differs from its entry in the ledger.",
                "Stop and tell the IT lead: somebody wrote into the database.",
            )
        )
    return row


def _is_sealed(row: Extension | None, entry: Entry) -> bool:
    return row is not None and entry.data.get("row") == _digest(row) and entry.actor_id == row.person_id


def _digest(row: Extension) -> str:
    return evidence.row_digest(
        {
            "id": row.id,
            "ticket": row.ticket_id,
            "person": row.person_id,
            "until_before": rfc3339(row.until_before),
            "until": rfc3339(row.until),
            "reason": row.reason,
            "at": rfc3339(row.at),
        }
    )


def _decisions(extension_id: str) -> dict[ApprovalRole, Entry]:
    """Return the approvals of an extension by role, from the ledger alone."""
    found = {}
    for entry in evidence.entries(object=ObjectRef("extension", extension_id), events=[DECIDED]):
        said = entry.data.get("decision")
        if isinstance(said, Mapping) and said.get("verdict") == Verdict.APPROVED.value:
            found[ApprovalRole(str(said["role"]))] = entry
    return found


def _as_approvals(given: Mapping[ApprovalRole, Entry]) -> tuple[ApprovalView, ...]:
    return tuple(
        ApprovalView(
            0, role, ApprovalKind.PRIOR, Verdict.APPROVED, entry.actor_id, "", "", "", entry.at, None, signed=False
        )
        for role, entry in given.items()
    )


def _told(row: Extension) -> tuple[ExtensionDecisionView, ...]:
    """Return the decisions on an extension that an entry of the same person carries, with their words."""
    known = list(evidence.entries(object=ObjectRef("extension", row.id), events=[DECIDED]))
    words = {one.entry: one.reason for one in row.decision_rows.all()}
    found = []
    for entry in known:
        said = entry.data.get("decision")
        if isinstance(said, Mapping):
            found.append(
                ExtensionDecisionView(
                    ApprovalRole(str(said["role"])),
                    Verdict(str(said["verdict"])),
                    entry.actor_id,
                    words.get(entry.event_id, ""),
                    entry.at,
                )
            )
    return tuple(found)


def _free_deciders(ticket: TicketView, at: datetime) -> dict[ApprovalRole, tuple[str, ...]]:
    busy = workers(ticket) | {ticket.requester, ticket.escort} | editors(ticket.number)
    return {
        role: tuple(who for who in personnel.holders(ROLE_OF[role], at) if who not in busy)
        for role in _wanted(find(ticket.number))
    }


def _deciders(ticket: TicketView, at: datetime) -> list[str]:
    return [who for people in _free_deciders(ticket, at).values() for who in people]


def _concerned(ticket: TicketView, asked: Extension) -> list[str]:
    return [asked.person_id, ticket.requester, *sorted(workers(ticket)), ticket.escort]


def _tell(act: Act, row: MaintenanceTicket, people: list[str], words: tuple[str, str]) -> None:
    tell(act, row, [who for who in people if who and who != act.actor.id], *words)


def _asked_words(asked: Extension) -> tuple[str, str]:
    until = f"{asked.until:%Y-%m-%d %H:%M} UTC"
    return "more time waits for your decision", f"The work asks to go on until {until}, {asked.ticket_id}.\n"


def _granted_words(asked: Extension) -> tuple[str, str]:
    until = f"{asked.until:%Y-%m-%d %H:%M} UTC"
    return f"more time, until {until}", f"The window ends {until}. A new connection takes a new certificate.\n"


def _view(
    row: Extension, state: ExtensionState, *, by_self: bool, decisions: tuple[ExtensionDecisionView, ...]
) -> ExtensionView:
    return ExtensionView(
        id=row.id,
        ticket=row.ticket_id,
        person=row.person_id,
        until_before=row.until_before,
        until=row.until,
        reason=row.reason,
        at=row.at,
        by_terminal=row.by_terminal,
        state=state,
        by_self=by_self,
        decisions=decisions,
    )
