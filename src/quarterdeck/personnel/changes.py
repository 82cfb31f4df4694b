"""Resetting a second factor and changing a mail address: two people and a day where the person decides."""

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Act
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock, rfc3339
from quarterdeck.kernel.decision import Decision, all_of, require_that
from quarterdeck.personnel.acting import personnel_act
from quarterdeck.personnel.enrolment import close_codes, issue_code, revoke_tokens
from quarterdeck.personnel.models import Account, PendingChange, Person
from quarterdeck.personnel.notices import tell
from quarterdeck.personnel.people import mail_taken
from quarterdeck.personnel.reading import change_view, is_guarded, roles_of
from quarterdeck.personnel.roles import deciders
from quarterdeck.personnel.rules import PersonnelAct, may_confirm
from quarterdeck.personnel.sealing import fetch, new_row, save_sealed, sealed
from quarterdeck.personnel.terms import COOL_DOWN, ChangeKind, ChangeState, ChangeView, IssuedCode, Role

_EVENTS = {
    ChangeKind.FACTOR_RESET: ("factor.reset_requested", "factor.reset_confirmed"),
    ChangeKind.EMAIL_CHANGE: ("email.change_requested", "email.change_confirmed"),
}


def request_factor_reset(person_id: str, *, actor: Actor, clock: Clock) -> tuple[ChangeView, IssuedCode | None]:
    """Ask for a new second factor; for people who decide nothing the enrolment code is returned at once."""
    with personnel_act(PersonnelAct.REQUEST_CHANGE, actor, clock) as act:
        row = _request(act, ChangeKind.FACTOR_RESET, person_id)
        code = None if row.two_people else issue_code(act, row.subject, valid_from=act.at, replaces_factor=True)
        return change_view(row), code


def confirm_factor_reset(change_id: str, *, actor: Actor, clock: Clock) -> tuple[ChangeView, IssuedCode]:
    """Be the second person; the code that is returned works a day later, until then the old factor stays."""
    with personnel_act(PersonnelAct.CONFIRM_CHANGE, actor, clock) as act:
        row = _confirm(act, ChangeKind.FACTOR_RESET, change_id)
        code = issue_code(act, row.subject, valid_from=row.effective_at or act.at, replaces_factor=True)
        return change_view(row), code


def change_email(person_id: str, new_email: str, *, actor: Actor, clock: Clock) -> ChangeView:
    """Change a mail address at once, or ask for it where the person decides; old and new address are told."""
    address = new_email.strip().lower()
    with personnel_act(PersonnelAct.REQUEST_CHANGE, actor, clock) as act:
        all_of((_is_mail(address), _is_free(address))).require()
        row = _request(act, ChangeKind.EMAIL_CHANGE, person_id, address)
        if not row.two_people:
            _apply_email(act, row)
        return change_view(row)


def confirm_email_change(change_id: str, *, actor: Actor, clock: Clock) -> ChangeView:
    """Be the second person; the address changes a day later (`apply_due_changes`)."""
    with personnel_act(PersonnelAct.CONFIRM_CHANGE, actor, clock) as act:
        return change_view(_confirm(act, ChangeKind.EMAIL_CHANGE, change_id))


def cancel_change(change_id: str, *, actor: Actor, clock: Clock) -> ChangeView:
    """Stop a reset or mail change that isn't done: the person concerned, an IT lead, an approver or a CUI owner."""
    found = PendingChange.objects.filter(pk=change_id).values_list("subject_id", flat=True).first()
    with personnel_act(PersonnelAct.CANCEL_CHANGE, actor, clock, concerns=found or "") as act:
        row = fetch(PendingChange, change_id, locked=True)
        require_that(
            row.state in (ChangeState.PENDING, ChangeState.CONFIRMED), "change.over", "This change is over already."
        ).require()
        row.state, row.cancelled_by, row.cancelled_at = ChangeState.CANCELLED.value, actor.id, act.at
        told = save_sealed(act, "change.cancelled", row, {"person": row.subject_id, "kind": row.kind})
        if row.kind == ChangeKind.FACTOR_RESET:
            close_codes(act, row.subject_id)
        tell(act, told, "change.cancelled", row.subject, {row.requested_by, row.confirmed_by})
        return change_view(row)


def apply_due_changes(*, actor: Actor, clock: Clock) -> list[ChangeView]:
    """Carry out the confirmed mail changes whose day has passed; called by the ticker, returns what was done."""
    due = PendingChange.objects.filter(
        kind=ChangeKind.EMAIL_CHANGE, state=ChangeState.CONFIRMED, effective_at__lte=clock.now()
    )
    if not due.exists():
        return []
    done: list[ChangeView] = []
    with evidence.act(actor, clock) as act:
        for row in sealed(due.select_for_update()):
            if _is_free(row.new_email).allowed:
                _apply_email(act, row)
            else:
                row.state, row.cancelled_by, row.cancelled_at = ChangeState.CANCELLED.value, actor.id, act.at
                save_sealed(act, "change.cancelled", row, {"person": row.subject_id, "kind": row.kind})
            done.append(change_view(row))
    return done


def _request(act: Act, kind: ChangeKind, person_id: str, new_email: str = "") -> PendingChange:
    subject, asking = fetch(Person, person_id, locked=True), roles_of(act.actor.id, act.at)
    two_people = is_guarded(person_id)
    open_already = PendingChange.objects.filter(
        subject=subject, kind=kind, state__in=[ChangeState.PENDING, ChangeState.CONFIRMED]
    ).exists()
    all_of(
        (
            require_that(subject.active, "person.inactive", f"{subject.name} is deactivated.", "Choose somebody else."),
            require_that(not open_already, "change.open", "Such a change of this person is under way already.",
                         "Confirm or cancel it first."),
            require_that(two_people or Role.IT_LEAD in asking, "role.missing", "Only the IT lead does this alone.",
                         "Ask the IT lead."),
            require_that(not two_people or act.actor.id != person_id, "two_people.own_benefit",
                         "The person concerned can't ask for this.", "Have two other people do it."),
        )
    ).require()
    row = new_row(
        PendingChange, kind=kind.value, subject=subject, two_people=two_people, new_email=new_email,
        requested_by=act.actor.id, requested_at=act.at,
    )
    if not two_people:
        row.state, row.effective_at = ChangeState.CONFIRMED.value, act.at
    told = save_sealed(act, _EVENTS[kind][0], row, {"person": person_id, "two_people": two_people})
    tell(act, told, _EVENTS[kind][0], subject, deciders(act.at) | {act.actor.id})
    return row


def _confirm(act: Act, kind: ChangeKind, change_id: str) -> PendingChange:
    row = fetch(PendingChange, change_id, locked=True)
    all_of(
        (
            require_that(row.kind == kind and row.state == ChangeState.PENDING, "change.not_pending",
                         "This change doesn't wait for a confirmation.", "Look at its state under People."),
            may_confirm(
                confirmer=act.actor.id, confirmer_roles=roles_of(act.actor.id, act.at), requested_by=row.requested_by,
                beneficiary=row.subject_id, deciders=deciders(act.at),
            ),
        )
    ).require()
    row.state, row.confirmed_by, row.confirmed_at = ChangeState.CONFIRMED.value, act.actor.id, act.at
    row.effective_at = act.at + COOL_DOWN
    data = {"person": row.subject_id, "requested_by": row.requested_by, "effective_at": rfc3339(row.effective_at)}
    told = save_sealed(act, _EVENTS[kind][1], row, data)
    tell(act, told, _EVENTS[kind][1], row.subject, deciders(act.at) | {row.requested_by}, from_=row.effective_at)
    return row


def _apply_email(act: Act, row: PendingChange) -> None:
    person, old = fetch(Person, row.subject_id, locked=True), row.subject.email
    person.email = row.new_email
    told = save_sealed(act, "email.changed", person, {"requested_by": row.requested_by})
    for account in Account.objects.select_for_update().filter(person=person):
        fetch(Account, account.pk)
        account.email = row.new_email
        save_sealed(act, "login.renamed", account, {"person": person.id})
    revoke_tokens(act, person.id)
    row.state, row.done_at = ChangeState.DONE.value, act.at
    save_sealed(act, "email.change_applied", row, {"person": person.id})
    tell(act, told, "email.changed", person, {row.requested_by, row.confirmed_by}, also_to=old)


def _is_mail(address: str) -> Decision:
    try:
        validate_email(address)
        fits = len(address) <= 254
    except ValidationError:
        fits = False
    return require_that(fits, "person.email_malformed", f"{address[:60]!r} is no mail address.",
                        "Write it as name@example.org.")


def _is_free(address: str) -> Decision:
    taken = Person.objects.filter(email=address).exists() or Account.objects.filter(email=address).exists()
    return mail_taken(address) if taken else Decision()
