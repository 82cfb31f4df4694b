"""Logins without a ticket, sealed accounts and sudo rules over the wire: parse, call one verb or read, answer."""

from django.http import HttpRequest
from ninja import Router

from quarterdeck import wiring
from quarterdeck.access import api as access
from quarterdeck.activity import api as activity
from quarterdeck.entrypoints.api.activity_schemas import (
    BreakGlassOut,
    ExplainLoginIn,
    LoginOut,
    ReadingOut,
    RotateIn,
    SealIn,
    SudoRuleOut,
)
from quarterdeck.entrypoints.api.callers import actor_of, may_read_ticket
from quarterdeck.entrypoints.api.ticket_schemas import RefusedOut
from quarterdeck.personnel import api as personnel
from quarterdeck.workflows import explain_logins, keep_break_glass, watch_state

logins_router = Router(tags=["logins"])
break_glass_router = Router(tags=["break glass"])
rules_router = Router(tags=["sudo rules"])
READINGS = 50


def _answers(body: object) -> dict[int, object]:
    return {200: body, 401: RefusedOut, 403: RefusedOut, 404: RefusedOut, 409: RefusedOut, 422: RefusedOut}


def _reader(request: HttpRequest) -> None:
    """Refuse who may not read findings: logs name accounts and addresses."""
    actor = actor_of(request)
    watch_state.may_read_findings(personnel.roles_of(actor.id, wiring.clock().now())).require()


@logins_router.get("", response=_answers(list[LoginOut]))
def list_logins(request: HttpRequest, asset: str = "", open_only: bool = True) -> list[LoginOut]:
    """Return logins that match no ticket, newest first; without `open_only` also what is explained."""
    _reader(request)
    return [LoginOut.of(view) for view in activity.logins(asset=asset, open_only=open_only)]


@logins_router.get("/readings", response=_answers(list[ReadingOut]))
def list_readings(request: HttpRequest, asset: str = "") -> list[ReadingOut]:
    """Return the newest readings of targets' logs, with what each did not tell."""
    _reader(request)
    return [ReadingOut.of(view) for view in activity.readings(asset=asset, limit=READINGS)]


@logins_router.get("/{login}", response=_answers(LoginOut))
def show_login(request: HttpRequest, login: str) -> LoginOut:
    """Return one login."""
    _reader(request)
    return LoginOut.of(activity.login(login))


@logins_router.post("/{login}/explain", response=_answers(LoginOut))
def explain_login(request: HttpRequest, login: str, body: ExplainLoginIn) -> LoginOut:
    """Explain a login in a person's words, perhaps by a ticket."""
    actor = actor_of(request, "write")
    view = explain_logins.explain_login(actor, wiring.clock(), login, reason=body.reason, ticket=body.ticket)
    return LoginOut.of(view)


@break_glass_router.get("", response=_answers(list[BreakGlassOut]))
def list_sealed(request: HttpRequest, asset: str = "") -> list[BreakGlassOut]:
    """Return the sealed accounts and where their envelopes lie."""
    _reader(request)
    now = wiring.clock().now()
    return [BreakGlassOut.of(view, now) for view in activity.break_glasses(asset)]


@break_glass_router.post("", response=_answers(BreakGlassOut))
def seal(request: HttpRequest, body: SealIn) -> BreakGlassOut:
    """Register the sealed account of an asset."""
    view = keep_break_glass.seal(actor_of(request, "write"), wiring.clock(), **body.dict())
    return BreakGlassOut.of(view, wiring.clock().now())


@break_glass_router.post("/{seal_id}/rotate", response=_answers(BreakGlassOut))
def rotate(request: HttpRequest, seal_id: str, body: RotateIn) -> BreakGlassOut:
    """Record that the credential was changed and sealed anew."""
    view = keep_break_glass.rotate(actor_of(request, "write"), wiring.clock(), seal_id, **body.dict())
    return BreakGlassOut.of(view, wiring.clock().now())


@break_glass_router.post("/{seal_id}/retire", response=_answers(BreakGlassOut))
def retire(request: HttpRequest, seal_id: str) -> BreakGlassOut:
    """Retire a sealed account."""
    view = keep_break_glass.retire(actor_of(request, "write"), wiring.clock(), seal_id)
    return BreakGlassOut.of(view, wiring.clock().now())


@rules_router.get("/{number}/sudo-rules", response=_answers(list[SudoRuleOut]))
def sudo_rules(request: HttpRequest, number: str) -> list[SudoRuleOut]:
    """Return the sudo rules of a ticket: until when, whether they were taken away, what else raises the account."""
    may_read_ticket(actor_of(request), number)
    names = SudoRuleOut.model_fields
    return [SudoRuleOut(**{name: getattr(rule, name) for name in names}) for rule in access.sudo_rules(number)]
