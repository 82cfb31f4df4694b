"""Agreements, pools and authorisations over the wire: parse, call one verb, answer. No rule lives here."""

from django.http import HttpRequest
from ninja import Router

from quarterdeck import wiring
from quarterdeck.entrypoints.api.authentication import TokenAuth, caller_of
from quarterdeck.entrypoints.api.people import ANSWERS, oversees, require_overseeing
from quarterdeck.entrypoints.api.people_schemas import (
    AgreementIn,
    AgreementOut,
    AuthorisationIn,
    AuthorisationOut,
    MembersIn,
    PoolIn,
    PoolOut,
)
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import AuthorisationView, PoolView

router = Router(tags=["vendors"], auth=TokenAuth())


@router.get("/agreements", response={200: list[AgreementOut], **ANSWERS})
def list_agreements(request: HttpRequest) -> list[AgreementOut]:
    """Return every vendor agreement."""
    require_overseeing(caller_of(request))
    return [AgreementOut.of(view) for view in personnel.agreements()]


@router.post("/agreements", response={200: AgreementOut, **ANSWERS})
def add_agreement(request: HttpRequest, body: AgreementIn) -> AgreementOut:
    """Add a vendor's agreement."""
    view = personnel.add_agreement(
        body.vendor, body.number, permitted_actions=body.permitted_actions, methods=body.methods,
        valid_from=body.valid_from, valid_until=body.valid_until, hours=[line.view() for line in body.hours],
        time_zone=body.time_zone, no_cui_offsite=body.no_cui_offsite, nda=body.nda,
        actor=caller_of(request, "write"), clock=wiring.clock(),
    )
    return AgreementOut.of(view)


@router.post("/agreements/{agreement_id}/end", response={200: AgreementOut, **ANSWERS})
def end_agreement(request: HttpRequest, agreement_id: str) -> AgreementOut:
    """End an agreement now."""
    view = personnel.end_agreement(agreement_id, actor=caller_of(request, "write"), clock=wiring.clock())
    return AgreementOut.of(view)


@router.get("/pools", response={200: list[PoolOut], **ANSWERS})
def list_pools(request: HttpRequest) -> list[PoolView]:
    """Return every pool."""
    require_overseeing(caller_of(request))
    return personnel.pools()


@router.post("/pools", response={200: PoolOut, **ANSWERS})
def add_pool(request: HttpRequest, body: PoolIn) -> PoolView:
    """Add a pool of a vendor's people."""
    return personnel.add_pool(
        body.name, body.agreement, body.members, actor=caller_of(request, "write"), clock=wiring.clock()
    )


@router.put("/pools/{pool_id}/members", response={200: PoolOut, **ANSWERS})
def change_pool(request: HttpRequest, pool_id: str, body: MembersIn) -> PoolView:
    """Replace the members of a pool."""
    return personnel.change_pool(pool_id, body.members, actor=caller_of(request, "write"), clock=wiring.clock())


@router.get("/authorisations", response={200: list[AuthorisationOut], **ANSWERS})
def list_authorisations(request: HttpRequest, person: str = "") -> list[AuthorisationView]:
    """Return authorisations of one person or of all; the own ones for those who don't oversee."""
    actor = caller_of(request)
    if not oversees(actor):
        return personnel.authorisations(actor.id)
    return personnel.authorisations(person or None)


@router.post("/authorisations", response={200: AuthorisationOut, **ANSWERS})
def authorise(request: HttpRequest, body: AuthorisationIn) -> AuthorisationView:
    """Authorise a person or a pool to maintain."""
    return personnel.authorise(
        body.holder, actions=body.actions, valid_from=body.valid_from, valid_until=body.valid_until,
        scope_kind=body.scope_kind, scope_ids=body.scope_ids, agreement_id=body.agreement,
        competence=body.competence, access_authorised=body.access_authorised, actor=caller_of(request, "write"),
        clock=wiring.clock(),
    )


@router.post("/authorisations/{authorisation_id}/withdraw", response={200: AuthorisationOut, **ANSWERS})
def withdraw_authorisation(request: HttpRequest, authorisation_id: str) -> AuthorisationView:
    """Withdraw an authorisation now."""
    return personnel.withdraw_authorisation(
        authorisation_id, actor=caller_of(request, "write"), clock=wiring.clock()
    )
