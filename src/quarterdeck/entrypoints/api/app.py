"""The API object: its routers, who may call, and how refusals and bad input are answered."""

import logging

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from quarterdeck import __version__
from quarterdeck.entrypoints.api import (
    activity,
    anchors,
    assessing,
    attaching,
    backup_logs,
    backups,
    captures,
    checks,
    controls,
    drift_rules,
    evidence_store,
    extending,
    host_certificates,
    inventory,
    keeping,
    ledger_check,
    live_sessions,
    login,
    monitoring,
    package_hashes,
    packages,
    people,
    policy,
    revoking,
    rolling_back,
    runs,
    sealing,
    sessions,
    templates,
    tickets,
    tools,
    vendors,
)
from quarterdeck.entrypoints.api.authentication import TokenAuth
from quarterdeck.entrypoints.api.plain_errors import ReadableJson, said
from quarterdeck.kernel.decision import Reason, Refused

_log = logging.getLogger(__name__)
_FORBIDDEN = frozenset({"reading.denied", "store.it_lead", "role.missing", "actor.not_a_person", "token.scope"})

api = NinjaAPI(
    title="Quarterdeck",
    version=__version__,
    description="The maintenance ticket that opens the door, films the room, and hands the assessor the proof.",
    urls_namespace="api",
    auth=TokenAuth(),
    parser=ReadableJson(),
    # The framework's page loads its scripts from a CDN, which an air-gapped server and our policy forbid.
    docs_url=None,
)
api.add_router("", login.router)
api.add_router("", people.router)
api.add_router("", vendors.router)
api.add_router("/assets", inventory.router)
api.add_router("/host-certificates", host_certificates.router)
api.add_router("/entry-points", inventory.entry_points_router)
api.add_router("/tools", tools.router)
api.add_router("/objectives", controls.router)
api.add_router("/tickets", tickets.router)
api.add_router("/tickets", extending.router)
api.add_router("/tickets", rolling_back.router)
api.add_router("/revocations", revoking.router)
api.add_router("/templates", templates.router)
api.add_router("", captures.router)
api.add_router("", checks.router)
api.add_router("/drift-rules", drift_rules.router)
api.add_router("", backups.router)
api.add_router("", backup_logs.router)
api.add_router("", runs.router)
api.add_router("", attaching.router)
api.add_router("/monitoring-plans", monitoring.router)
api.add_router("/findings", monitoring.findings_router)
api.add_router("/sessions", sessions.router)
api.add_router("/logins", activity.logins_router)
api.add_router("/break-glass", activity.break_glass_router)
api.add_router("/tickets", activity.rules_router)
api.add_router("/sessions", live_sessions.router)
api.add_router("", packages.router)
api.add_router("/anchors", anchors.router)
api.add_router("/ledger-check", ledger_check.router)
api.add_router("/packages", package_hashes.router)
api.add_router("/policy", policy.router)
api.add_router("", keeping.router)
api.add_router("/assessor", assessing.router)
api.add_router("/sealing", sealing.router)
api.add_router("/evidence/store", evidence_store.router)


def _answer(request: HttpRequest, status: int, *reasons: Reason) -> HttpResponse:
    response = api.create_response(request, {"refused": [reason.as_dict() for reason in reasons]}, status=status)
    response["Cache-Control"] = "no-store"
    return response


@api.exception_handler(Refused)
def refused(request: HttpRequest, error: Refused) -> HttpResponse:
    """Answer 403 for who may not, 404 for what is not there, 409 for the rest; every reason is told."""
    codes = error.decision.codes
    if any(code in _FORBIDDEN for code in codes):
        status = 403
    elif codes and all(code.endswith(".unknown") for code in codes):
        status = 404
    else:
        status = 409
    return _answer(request, status, *error.decision.reasons)


@api.exception_handler(AuthenticationError)
def not_logged_in(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    """Answer 401 with the next step."""
    return _answer(request, 401, Reason("token.missing", "This call needs a person's token.", "Log in with qd login."))


@api.exception_handler(ValidationError)
def malformed(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """Answer 422 naming each field and what is wrong with it."""
    reasons = [
        Reason(
            "input.malformed",
            f"{'.'.join(str(part) for part in problem['loc'][1:]) or 'body'}: {problem['msg']}.",
            "Correct this field and send the call again.",
        )
        for problem in error.errors
    ]
    return _answer(request, 422, *reasons)


@api.exception_handler(Http404)
def not_there(request: HttpRequest, error: Http404) -> HttpResponse:
    """Answer 404 in the same shape."""
    return _answer(request, 404, said(404))


@api.exception_handler(PermissionDenied)
def denied(request: HttpRequest, error: PermissionDenied) -> HttpResponse:
    """Answer 403 in the same shape."""
    return _answer(request, 403, Reason("reading.denied", "You may not do this.", "Ask the IT lead."))


@api.exception_handler(HttpError)
def unreadable(request: HttpRequest, error: HttpError) -> HttpResponse:
    """Answer a body that is no JSON of readable text, in the same shape."""
    return _answer(request, error.status_code, said(error.status_code))


@api.exception_handler(SuspiciousOperation)
@api.exception_handler(MultiPartParserError)
def suspicious(request: HttpRequest, error: Exception) -> HttpResponse:
    """Answer 413 for too much, 400 for a form that cannot be taken apart."""
    status = 413 if isinstance(error, RequestDataTooBig) else 400
    return _answer(request, status, said(status))


@api.exception_handler(Exception)
def broke(request: HttpRequest, error: Exception) -> HttpResponse:
    """Answer 500 with a sentence; what broke is in the log, never in the answer."""
    _log.error("%s %s broke", request.method, request.path, exc_info=error)
    return _answer(
        request,
        500,
        Reason("server.broke", "This call broke off on the server; nothing was half-written.", "Tell the IT lead."),
    )
