"""People, roles, deputies, resets and keys over the wire: parse, call one verb, answer. No rule lives here."""

from django.http import HttpRequest
from ninja import Router

from quarterdeck import wiring
from quarterdeck.entrypoints.api.authentication import TokenAuth, caller_of
from quarterdeck.entrypoints.api.people_schemas import (
    ChangeAndCodeOut,
    ChangeOut,
    CodeOut,
    DeputyIn,
    EmailIn,
    KeyIn,
    KeyOut,
    OffboardedOut,
    PersonIn,
    PersonOut,
    ReasonLine,
    RoleIn,
    RoleOut,
)
from quarterdeck.entrypoints.api.ticket_schemas import RefusedOut
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.decision import Refused, refuse
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import ChangeKind, IssuedCode, KeyView, Role, RoleGrantView
from quarterdeck.workflows.offboard_person import offboard_person

router = Router(tags=["people"], auth=TokenAuth())
ANSWERS = dict.fromkeys((401, 403, 404, 409, 422), RefusedOut)
_OVERSEEING = frozenset({Role.IT_LEAD, Role.APPROVER, Role.CUI_OWNER, Role.ASSESSOR})


def oversees(actor: Actor) -> bool:
    """True for those who read everybody's roles, authorisations and mail addresses; others read their own."""
    return bool(personnel.roles_of(actor.id, wiring.clock().now()) & _OVERSEEING)


def require_overseeing(actor: Actor) -> None:
    """Raise Refused(reading.denied) for people who read only what is their own."""
    if not oversees(actor):
        raise Refused(refuse("reading.denied", "This list isn't open to your roles.", "Ask the IT lead."))


@router.get("/people", response={200: list[PersonOut], **ANSWERS})
def list_people(request: HttpRequest) -> list[PersonOut]:
    """Return everybody by name."""
    actor = caller_of(request)
    full = oversees(actor)
    return [PersonOut.of(view, with_email=full or view.id == actor.id) for view in personnel.people()]


@router.post("/people", response={200: PersonOut, **ANSWERS})
def add_person(request: HttpRequest, body: PersonIn) -> PersonOut:
    """Add a person without role or login."""
    view = personnel.add_person(
        body.name, body.email, organisation=body.organisation, kind=body.kind, actor=caller_of(request, "write"),
        clock=wiring.clock(),
    )
    return PersonOut.of(view, with_email=True)


@router.get("/people/{person_id}", response={200: PersonOut, **ANSWERS})
def show_person(request: HttpRequest, person_id: str) -> PersonOut:
    """Return one person."""
    actor = caller_of(request)
    return PersonOut.of(personnel.person(person_id), with_email=oversees(actor) or person_id == actor.id)


@router.post("/people/{person_id}/deactivate", response={200: OffboardedOut, **ANSWERS})
def deactivate_person(request: HttpRequest, person_id: str) -> OffboardedOut:
    """End login, roles, authorisations and access of a person who leaves."""
    done = offboard_person(caller_of(request, "write"), wiring.clock(), person_id)
    return OffboardedOut(
        person=PersonOut.of(done.person, with_email=True), revoked_grants=list(done.revoked_grants),
        gaps=[ReasonLine(**reason.as_dict()) for reason in done.gaps],
    )


@router.post("/people/{person_id}/enrolment", response={200: CodeOut, **ANSWERS})
def issue_enrolment(request: HttpRequest, person_id: str) -> IssuedCode:
    """Issue the code with which a new person makes the own login."""
    return personnel.issue_enrolment(person_id, actor=caller_of(request, "write"), clock=wiring.clock())


@router.post("/people/{person_id}/factor-reset", response={200: ChangeAndCodeOut, **ANSWERS})
def request_factor_reset(request: HttpRequest, person_id: str) -> ChangeAndCodeOut:
    """Ask for a new second factor of a person."""
    change, code = personnel.request_factor_reset(
        person_id, actor=caller_of(request, "write"), clock=wiring.clock()
    )
    return _change_and_code(change, code)


@router.post("/people/{person_id}/email", response={200: ChangeOut, **ANSWERS})
def change_email(request: HttpRequest, person_id: str, body: EmailIn) -> personnel.ChangeView:
    """Change a mail address, or ask for it where two people must."""
    return personnel.change_email(person_id, body.email, actor=caller_of(request, "write"), clock=wiring.clock())


@router.get("/changes", response={200: list[ChangeOut], **ANSWERS})
def list_changes(request: HttpRequest) -> list[personnel.ChangeView]:
    """Return resets and mail changes, the own ones for those who don't oversee."""
    actor = caller_of(request)
    return personnel.changes(None if oversees(actor) else actor.id)


@router.post("/changes/{change_id}/confirm", response={200: ChangeAndCodeOut, **ANSWERS})
def confirm_change(request: HttpRequest, change_id: str) -> ChangeAndCodeOut:
    """Be the second person of a reset or mail change."""
    actor, clock = caller_of(request, "write"), wiring.clock()
    kind = next((change.kind for change in personnel.changes() if change.id == change_id), ChangeKind.FACTOR_RESET)
    if kind is ChangeKind.EMAIL_CHANGE:
        return _change_and_code(personnel.confirm_email_change(change_id, actor=actor, clock=clock), None)
    return _change_and_code(*personnel.confirm_factor_reset(change_id, actor=actor, clock=clock))


@router.post("/changes/{change_id}/cancel", response={200: ChangeOut, **ANSWERS})
def cancel_change(request: HttpRequest, change_id: str) -> personnel.ChangeView:
    """Stop a reset or mail change."""
    return personnel.cancel_change(change_id, actor=caller_of(request, "write"), clock=wiring.clock())


def _change_and_code(change: personnel.ChangeView, code: IssuedCode | None) -> ChangeAndCodeOut:
    return ChangeAndCodeOut(
        change=ChangeOut.model_validate(change), code=None if code is None else CodeOut.model_validate(code)
    )


@router.get("/roles", response={200: list[RoleOut], **ANSWERS})
def list_roles(request: HttpRequest) -> list[RoleGrantView]:
    """Return role grants, revoked ones too; the own ones for those who don't oversee."""
    actor = caller_of(request)
    return personnel.role_grants(None if oversees(actor) else actor.id)


@router.post("/roles", response={200: RoleOut, **ANSWERS})
def grant_role(request: HttpRequest, body: RoleIn) -> RoleGrantView:
    """Grant a role, or ask for a guarded one."""
    return personnel.grant_role(
        body.person, body.role, actor=caller_of(request, "write"), clock=wiring.clock(), valid_until=body.valid_until
    )


@router.post("/roles/deputies", response={200: RoleOut, **ANSWERS})
def name_deputy(request: HttpRequest, body: DeputyIn) -> RoleGrantView:
    """Name a dated deputy."""
    return personnel.name_deputy(
        body.principal, body.deputy, body.role, body.valid_from, body.valid_until,
        actor=caller_of(request, "write"), clock=wiring.clock(),
    )


@router.post("/roles/{grant_id}/confirm", response={200: RoleOut, **ANSWERS})
def confirm_role(request: HttpRequest, grant_id: str) -> RoleGrantView:
    """Be the second person of a guarded role."""
    return personnel.confirm_role(grant_id, actor=caller_of(request, "write"), clock=wiring.clock())


@router.post("/roles/{grant_id}/revoke", response={200: RoleOut, **ANSWERS})
def revoke_role(request: HttpRequest, grant_id: str) -> RoleGrantView:
    """End a role."""
    return personnel.revoke_role(grant_id, actor=caller_of(request, "write"), clock=wiring.clock())


@router.get("/keys/{person_id}", response={200: KeyOut | None, **ANSWERS})
def show_key(request: HttpRequest, person_id: str) -> KeyView | None:
    """Return a person's current SSH key."""
    actor = caller_of(request)
    if person_id != actor.id:
        require_overseeing(actor)
    return personnel.key_of(person_id)


@router.post("/keys", response={200: KeyOut, **ANSWERS})
def register_key(request: HttpRequest, body: KeyIn) -> KeyView:
    """Register the own SSH key."""
    actor = caller_of(request, "write")
    return personnel.register_key(actor.id, body.public_key, actor=actor, clock=wiring.clock())
