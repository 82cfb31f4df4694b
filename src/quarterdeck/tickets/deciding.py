"""Deciding on one exact content: approve, refuse, emergency word, ratification, waiver; and the schedule after it."""

from dataclasses import replace

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Act, ArtifactRef, Grade, Outcome
from quarterdeck.kernel.decision import Decision, all_of, require_that
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import Role
from quarterdeck.tickets.hold_points import HOLD_POINTS, Picture, approvals_missing
from quarterdeck.tickets.models import Approval, MaintenanceTicket, Waiver
from quarterdeck.tickets.moving import locked, move, record
from quarterdeck.tickets.notices import scheduled_words, tell
from quarterdeck.tickets.pictures import as_data, blocking, judged, picture_of, sealed_view, takes_part, workers
from quarterdeck.tickets.policies import policy
from quarterdeck.tickets.requesting import same_content
from quarterdeck.tickets.rows import content_of, find, view
from quarterdeck.tickets.rules import may_move, require_reason
from quarterdeck.tickets.sealing import check_ticket, editors
from quarterdeck.tickets.standing import has_role, person_acts, require_role, stepped_up
from quarterdeck.tickets.terms import (
    ApprovalKind,
    ApprovalRole,
    Before,
    EmergencyBasis,
    State,
    TicketView,
    Verdict,
)

ROLE_OF = {ApprovalRole.APPROVER: Role.APPROVER, ApprovalRole.CUI_OWNER: Role.CUI_OWNER}


def may_approve(
    ticket: TicketView, person_id: str, role: ApprovalRole, *, one_may_hold_both: bool, act: Act
) -> Decision:
    """Decide whether this person may decide in this role: disjoint from requester, technicians, escort (3.1.4[b])."""
    kinds = {ApprovalKind.PRIOR, ApprovalKind.EMERGENCY, ApprovalKind.TEMPLATE}
    decided = {
        ROLE_OF[a.role]: a.person
        for a in ticket.approvals
        if a.void_at is None and a.kind in kinds and a.verdict is Verdict.APPROVED
    }
    person = personnel.person(person_id)
    decision = personnel.may_decide(
        personnel.Member(person_id, personnel.roles_of(person_id, act.at), person.name),
        ROLE_OF[role],
        requester=ticket.requester,
        technicians=workers(ticket),
        escort=ticket.escort,
        decided=decided,
        one_person_may_hold_both=one_may_hold_both,
    )
    wrote = require_that(
        person_id not in editors(ticket.number),
        "duties.is_editor",
        f"{person.name} changed what this ticket says and can't decide on it.",
        "Ask another person of this role.",
    )
    return all_of([decision, wrote])


def _not_given(
    row: MaintenanceTicket, role: ApprovalRole, kind: ApprovalKind, verdict: Verdict = Verdict.APPROVED
) -> Decision:
    given = row.approval_rows.filter(role=role.value, kind=kind.value, verdict=Verdict.APPROVED, void_at__isnull=True)
    return require_that(
        verdict is Verdict.REFUSED or not given.exists(),
        "approval.given",
        f"Somebody decided as {role.replace('_', ' ').replace('cui', 'CUI')} already.",
        "Load the ticket again; nothing more is wanted in this role.",
    )


def approve(
    act: Act, number: str, *, role: ApprovalRole, content_hash: str, reason: str, signature: ArtifactRef | None = None
) -> State:
    """Approve exactly the content that was shown; return the state after it (approved once all roles have).

    Refused(content.moved) when the hash shown is not the content now (attacks.md row 27), duties.* (3.1.4),
    step_up.needed, and the code of each hold point that fails before approval.
    """
    row = _decidable(act, number, reason)
    picture = picture_of(row, act.at)
    same_content(picture.content_now, content_hash)
    same_content(row.content_hash, content_hash)
    holds = judged(picture, policy(), Before.APPROVE)
    all_of(
        [
            may_approve(
                picture.ticket,
                act.actor.id,
                role,
                act=act,
                one_may_hold_both=policy().flag("one_independent_person_may_hold_both_roles"),
            ),
            require_that(
                role is ApprovalRole.APPROVER or picture.needs_cui_owner,
                "approval.not_needed",
                "None of these assets handles CUI.",
                "Approve as approver, or leave it.",
            ),
            _not_given(row, role, ApprovalKind.PRIOR),
            blocking(holds),
        ]
    ).require()
    entry = _write(act, row, role, ApprovalKind.PRIOR, Verdict.APPROVED, reason, signature=signature)
    act.fact("approval.recorded", entry=entry, outcome=Outcome.PASSED, grade=Grade.CAPTURED, ticket=number,
             detail={"role": role.value})  # fmt: skip
    if _is_complete(picture, role):
        complete = move(act, row, "approve", data={"hold_points": as_data(holds)})
        act.fact("duties.separated", entry=complete, outcome=Outcome.PASSED, grade=Grade.CAPTURED, ticket=number)
    return State(row.state)


def _is_complete(picture: Picture, just_given: ApprovalRole) -> bool:
    """True when only the role that this act just gave was missing; its own entry is not in the ledger yet."""
    return set(approvals_missing(picture)) <= {just_given}


def refuse_ticket(act: Act, number: str, *, role: ApprovalRole, content_hash: str, reason: str) -> None:
    """Refuse the ticket as approver or CUI owner; it ends as rejected."""
    row = locked(act, number)
    all_of([person_acts(act.actor), stepped_up(act.actor, act.at), may_move("refuse", State(row.state))]).require()
    require_reason(reason)
    same_content(row.content_hash, content_hash)
    require_role(act, [ROLE_OF[role]])
    _row(
        act,
        row,
        role,
        ApprovalKind.PRIOR,
        Verdict.REFUSED,
        reason,
        entry=move(
            act,
            row,
            "refuse",
            data=_told(role, ApprovalKind.PRIOR, Verdict.REFUSED, row.content_hash)
            | {"reason": act.commitment(reason)},
        ),
    )


def authorise_emergency(
    act: Act, number: str, *, authoriser: str, basis: EmergencyBasis, content_hash: str, reason: str
) -> State:
    """Record the word of a named authoriser before an emergency's access (3.4.4[a], 3.4.3[c]); return the new state.

    In person the authoriser acts with the own login; a call-back or a standing written authority is recorded by the
    requester or IT lead with its circumstances. The second approval is what an emergency defers, nothing else.
    """
    row = _decidable(act, number, reason)
    picture = picture_of(row, act.at)
    same_content(picture.content_now, content_hash)
    all_of(
        [
            require_that(
                row.emergency, "emergency.not_one", "This ticket is no emergency.", "Approve it in the ordinary way."
            ),
            require_that(
                basis is not EmergencyBasis.IN_PERSON or act.actor.id == authoriser,
                "emergency.not_in_person",
                "In person means that the authoriser decides with the own login.",
                "Let the authoriser log in, or record the call-back.",
            ),
            require_that(
                basis is EmergencyBasis.IN_PERSON or act.actor.id != authoriser,
                "emergency.in_person",
                "An authoriser who acts alone is authorising in person.",
                "Choose 'in person'.",
            ),
            may_approve(picture.ticket, authoriser, ApprovalRole.APPROVER, one_may_hold_both=False, act=act),
            blocking(judged(picture, policy(), Before.APPROVE)),
        ]
    ).require()
    if basis is not EmergencyBasis.IN_PERSON:
        takes_part(picture.ticket, act.actor, act.at).require()
    entry = _write(
        act,
        row,
        ApprovalRole.APPROVER,
        ApprovalKind.EMERGENCY,
        Verdict.APPROVED,
        reason,
        basis=basis,
        authoriser=authoriser,
    )
    act.fact("approval.recorded", entry=entry, outcome=Outcome.PASSED, grade=Grade.CAPTURED, ticket=number,
             detail={"role": "approver", "basis": basis.value})  # fmt: skip
    move(act, row, "approve")
    return State(row.state)


def ratify(act: Act, number: str, *, role: ApprovalRole, approve_it: bool, reason: str) -> None:
    """Ratify an emergency afterwards, or refuse to: then the ticket closes only with the finding 'not ratified'."""
    row = locked(act, number)
    ticket = sealed_view(row)
    require_reason(reason)
    verdict = Verdict.APPROVED if approve_it else Verdict.REFUSED
    all_of(
        [
            person_acts(act.actor),
            stepped_up(act.actor, act.at),
            require_that(
                row.emergency, "emergency.not_one", "This ticket is no emergency.", "There is nothing to ratify."
            ),
            require_that(
                row.state in {State.OPEN, State.VERIFYING},
                "state.wrong",
                "An emergency is ratified after it was opened and before it is closed.",
                "Wait for it.",
            ),
            require_that(
                row.finding == "",
                "ticket.finding",
                "The ratification of this emergency was refused.",
                "Close the ticket with its finding.",
            ),
            _not_given(row, role, ApprovalKind.RATIFICATION, verdict),
        ]
    ).require()
    both = policy().flag("one_independent_person_may_hold_both_roles")
    may_approve(_without_emergency_word(ticket), act.actor.id, role, one_may_hold_both=both, act=act).require()
    entry = _write(act, row, role, ApprovalKind.RATIFICATION, verdict, reason)
    if not approve_it:
        row.finding = "not_ratified"
        row.save(update_fields=["finding"])
        record(act, row, "ticket.ratification_refused", data={"approval": entry})
    else:
        act.fact("emergency.ratified", entry=entry, outcome=Outcome.PASSED, grade=Grade.CAPTURED, ticket=number,
                 detail={"role": role.value})  # fmt: skip


def _without_emergency_word(ticket: TicketView) -> TicketView:
    """The authoriser may ratify in the own role; only ratifications count against holding both roles."""
    return replace(
        ticket,
        approvals=tuple(
            replace(a, kind=ApprovalKind.PRIOR) for a in ticket.approvals if a.kind is ApprovalKind.RATIFICATION
        ),
    )


def waive(act: Act, number: str, *, hold_point: str, reason: str) -> None:
    """Let a deferrable hold point pass for this content, with a reason; approver who could approve the ticket."""
    row = _decidable_any(act, number, reason)
    picture = picture_of(row, act.at)
    deferrable = {r.hold_point for r in policy().rows if r.deferrable}
    all_of(
        [
            require_that(
                hold_point in HOLD_POINTS, "hold_point.unknown", "There is no such hold point.", "See the ticket."
            ),
            require_that(
                hold_point in deferrable,
                "hold_point.not_deferrable",
                f"{hold_point} can't be waived: the policy does not let it be deferred.",
                "Make its condition hold.",
            ),
            require_that(
                hold_point not in picture.waived,
                "hold_point.waived",
                f"{hold_point} is waived already.",
                "Nothing is left to do.",
            ),
        ]
    ).require()
    may_approve(
        _without_emergency_word(picture.ticket), act.actor.id, ApprovalRole.APPROVER, one_may_hold_both=True, act=act
    ).require()
    entry = act.record(
        "hold_point.waived",
        evidence.ObjectRef("ticket", number),
        ticket=number,
        data={
            "waiver": {"hold_point": hold_point, "content": picture.content_now},
            "reason": act.commitment(reason),
        },
    )
    Waiver.objects.create(
        ticket=row,
        hold_point=hold_point,
        person_id=act.actor.id,
        reason=reason,
        content_hash=picture.content_now,
        at=act.at,
        entry=entry,
    )


def schedule(act: Act, number: str, told: tuple[str, ...]) -> None:
    """Fix the window and record that those concerned were told; follows approval by itself (workflows.approve)."""
    row = find(number, lock=True)
    if not has_role(act.actor, list(ROLE_OF.values()), act.at).allowed:
        takes_part(view(row), act.actor, act.at).require()
    _as_sealed_or_just_approved(row).require()
    may_move("schedule", State(row.state)).require()
    entry = move(act, row, "schedule", data={"told": list(told)})
    window = content_of(row).window
    tell(act, row, told, *scheduled_words(window))
    act.fact("notice.given", entry=entry, outcome=Outcome.PASSED, grade=Grade.CAPTURED, ticket=number)


def _as_sealed_or_just_approved(row: MaintenanceTicket) -> Decision:
    """The approval of the same act is not in the ledger yet: then all but the state is what the ledger says."""
    sealed = check_ticket(row)
    if sealed.allowed or row.state != State.APPROVED:
        return sealed
    row.state = State.SUBMITTED.value
    before = check_ticket(row)
    row.state = State.APPROVED.value
    return before


def _decidable(act: Act, number: str, reason: str) -> MaintenanceTicket:
    row = locked(act, number)
    all_of([person_acts(act.actor), stepped_up(act.actor, act.at), may_move("approve", State(row.state))]).require()
    require_reason(reason)
    return row


def _decidable_any(act: Act, number: str, reason: str) -> MaintenanceTicket:
    row = locked(act, number)
    all_of([person_acts(act.actor), stepped_up(act.actor, act.at)]).require()
    require_reason(reason)
    if row.state not in {State.SUBMITTED, State.APPROVED, State.SCHEDULED, State.OPEN, State.VERIFYING}:
        may_move("approve", State(row.state)).require()
    return row


def _told(role: ApprovalRole, kind: ApprovalKind, verdict: Verdict, content: str) -> dict[str, evidence.JsonValue]:
    return {"approval": {"role": role.value, "kind": kind.value, "verdict": verdict.value, "content": content}}


def _write(
    act: Act,
    row: MaintenanceTicket,
    role: ApprovalRole,
    kind: ApprovalKind,
    verdict: Verdict,
    reason: str,
    *,
    basis: EmergencyBasis | None = None,
    authoriser: str = "",
    signature: ArtifactRef | None = None,
) -> str:
    data = _told(role, kind, verdict, row.content_hash) | {
        "reason": act.commitment(reason),
        "basis": "" if basis is None else basis.value,
        "authoriser": authoriser,
    }
    event = {
        ApprovalKind.RATIFICATION: "emergency.ratified" if verdict is Verdict.APPROVED else "emergency.not_ratified",
        ApprovalKind.EMERGENCY: "emergency.authorised",
    }.get(kind, "approval.recorded")
    about, kept = evidence.ObjectRef("ticket", row.number), [] if signature is None else [signature]
    entry = act.record(event, about, ticket=row.number, data=data, artifacts=kept)
    _row(
        act,
        row,
        role,
        kind,
        verdict,
        reason,
        entry=entry,
        basis="" if basis is None else basis.value,
        person=authoriser,
        signed=signature is not None,
    )
    return entry


def _row(
    act: Act,
    row: MaintenanceTicket,
    role: ApprovalRole,
    kind: ApprovalKind,
    verdict: Verdict,
    reason: str,
    *,
    entry: str,
    basis: str = "",
    person: str = "",
    signed: bool = False,
) -> None:
    Approval.objects.create(
        ticket=row,
        role=role.value,
        kind=kind.value,
        verdict=verdict.value,
        person_id=person or act.actor.id,
        content_hash=row.content_hash,
        reason=reason,
        basis=basis,
        at=act.at,
        entry=entry,
        signed=signed,
    )
