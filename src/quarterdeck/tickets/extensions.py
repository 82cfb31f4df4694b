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
from quarterdeck.tickets.deciding import may_approve
from quarterdeck.tickets.extension_reading import (
    ASKED,
    DECIDED,
    EXTENDED,
    REFUSED,
    approvals_of,
    extension_digest,
    extension_view,
    free_deciders,
    is_vendors,
    waiting_row,
    wanted_roles,
)
from quarterdeck.tickets.extension_rules import may_extend, may_extend_alone
from quarterdeck.tickets.models import Extension, ExtensionDecision, MaintenanceTicket
from quarterdeck.tickets.moving import locked, record
from quarterdeck.tickets.notices import tell
from quarterdeck.tickets.pictures import agreement_covers, conflicts, sealed_view, takes_part, workers
from quarterdeck.tickets.policies import policy
from quarterdeck.tickets.rows import find, view
from quarterdeck.tickets.rules import require_reason
from quarterdeck.tickets.standing import person_acts, stepped_up
from quarterdeck.tickets.terms import (
    ApprovalKind,
    ApprovalRole,
    ApprovalView,
    ExtensionState,
    ExtensionView,
    TicketView,
    Verdict,
)

CERTIFICATE = "certificate"
MOST_ASKED = 20


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
            require_that(
                len(list(evidence.entries(ticket=number, events=[ASKED]))) < MOST_ASKED,
                "extension.many",
                f"More time was asked for {MOST_ASKED} times on this ticket.",
                "Talk to an approver.",
            ),
        )
    ).require()
    asked = _new(act, row, ticket.window.until, until, reason)
    by_self = _alone(ticket, act.actor.id, until - ticket.window.until, act.at).allowed
    act.record(
        ASKED,
        ObjectRef("extension", asked.id),
        ticket=number,
        data={
            "row": extension_digest(asked),
            "until": rfc3339(until),
            "by_self": by_self,
            "reason": act.commitment(reason),
        },
    )
    if by_self:
        _grant(act, row, asked, {"by_self": True})
        _tell(act, row, [*_deciders(ticket, act.at), ticket.requester, ticket.escort], _granted_words(asked))
    else:
        _tell(act, row, _deciders(ticket, act.at), _asked_words(asked))
    state = ExtensionState.GRANTED if by_self else ExtensionState.WAITING
    return extension_view(asked, state, by_self=by_self, decisions=())


def _new(act: Act, row: MaintenanceTicket, before: datetime, until: datetime, reason: str) -> Extension:
    return Extension.objects.create(
        id=new_id("ex"),
        ticket=row,
        person_id=act.actor.id,
        until_before=before,
        until=until,
        reason=reason.strip(),
        at=act.at,
        by_terminal=act.actor.auth == CERTIFICATE,
    )


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
    given = approvals_of(asked.id)
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
    if set(wanted_roles(row)) <= {*given, role}:
        _grant(act, row, asked, {"by_self": False})
        _tell(act, row, concerned, _granted_words(asked))
        return ExtensionState.GRANTED
    return ExtensionState.WAITING


def _shown(number: str, extension_id: str) -> Extension:
    asked = waiting_row(number)
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
                role in wanted_roles(row),
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


def _as_approvals(given: Mapping[ApprovalRole, Entry]) -> tuple[ApprovalView, ...]:
    return tuple(
        ApprovalView(
            0, role, ApprovalKind.PRIOR, Verdict.APPROVED, entry.actor_id, "", "", "", entry.at, None, signed=False
        )
        for role, entry in given.items()
    )


def _deciders(ticket: TicketView, at: datetime) -> list[str]:
    return [who for people in free_deciders(ticket, at).values() for who in people]


def _concerned(ticket: TicketView, asked: Extension) -> list[str]:
    return [asked.person_id, ticket.requester, *sorted(workers(ticket)), ticket.escort]


def _tell(act: Act, row: MaintenanceTicket, people: list[str], words: tuple[str, str]) -> None:
    tell(act, row, [who for who in people if who and who != act.actor.id], *words)


def _asked_words(asked: Extension) -> tuple[str, str]:
    until = f"{asked.until:%Y-%m-%d %H:%M} UTC"
    return "more time waits for your decision", f"The work asks to go on until {until}, {asked.ticket_id}.\n"


def _granted_words(asked: Extension) -> tuple[str, str]:
    until = f"{asked.until:%Y-%m-%d %H:%M} UTC"
    return f"more time, until {until}", (
        f"The window ends {until}. A new connection takes a new certificate; whoever escorts the work confirms anew.\n"
    )
