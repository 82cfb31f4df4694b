"""The door of every page: login, declared roles; refusals become sentences; nothing is cached.

Deny by default: a view of this package that declares no access opens for nobody.
"""

from collections.abc import Callable

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render

from quarterdeck.entrypoints.web import stepup
from quarterdeck.entrypoints.web.pages import Access, access_of
from quarterdeck.entrypoints.web.people_in import visitor_of
from quarterdeck.kernel.decision import Refused

STOPPED = "ledger.altered"
OWN = "quarterdeck.entrypoints.web"
# The only pages of the login library that are open; what the others do is an act of this product, or nobody's.
LIBRARY = frozenset({
    "account_login", "account_logout", "account_inactive", "mfa_authenticate", "mfa_reauthenticate",
})  # fmt: skip


class Guard:
    """Middleware behind the authentication middleware."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer the request; whatever a signed-in person sees is not kept by any cache."""
        response = self.get_response(request)
        if not request.path.startswith("/static/"):
            response.headers.setdefault("Cache-Control", "no-store")
        return response

    def process_view(
        self,
        request: HttpRequest,
        view: Callable[..., HttpResponseBase],
        _arguments: object,
        _named: object,
    ) -> HttpResponseBase | None:
        """Refuse or redirect before the view runs; None lets it run."""
        module = getattr(view, "__module__", "")
        if module.startswith("allauth."):
            match = request.resolver_match
            return None if match is not None and match.url_name in LIBRARY else _closed(request)
        if not module.startswith(OWN):
            return None
        access = access_of(view)
        if access is not None and access.public:
            return None
        try:
            return _for_signed_in(request, access)
        except Refused as refused:
            return _stopped(refused)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponseBase | None:
        """Show a refusal of the rules as sentences; other errors go on to the error page."""
        if not isinstance(error, Refused):
            return None
        codes = error.decision.codes
        if STOPPED in codes:
            return _stopped(error)
        if codes == (stepup.NEEDED,) and request.method == "POST":
            return stepup.ask_and_repeat(request)
        if request.method == "POST":
            for reason in error.decision.reasons:
                messages.error(request, f"{reason.sentence} {reason.next_step}".strip())
            return HttpResponseRedirect(_back(request))
        if any(code.endswith(".unknown") for code in codes):
            return render(request, "errors/404.html", status=404)
        return render(request, "errors/refused.html", {"decision": error.decision}, status=409)


def _for_signed_in(request: HttpRequest, access: Access | None) -> HttpResponseBase | None:
    if not request.user.is_authenticated:
        return redirect_to_login(request.get_full_path())
    found = visitor_of(request)
    if found is None:
        return render(request, "errors/no_person.html", status=403)
    if access is None or not found.roles & access.roles:
        return render(request, "errors/403.html", {"needed": sorted(access.roles) if access else []}, status=403)
    return None


def _stopped(error: Refused) -> HttpResponse:
    """Say why nothing works; without frame, whose contents come from the ledger too."""
    return render(None, "errors/stopped.html", {"decision": error.decision}, status=503)


def _closed(request: HttpRequest) -> HttpResponse:
    return render(request, "errors/404.html", {"closed": True}, status=404)


def _back(request: HttpRequest) -> str:
    """Return the page that the form stood on, when it is one of ours."""
    came_from = request.headers.get("Referer", "")
    if request.resolver_match is not None and request.resolver_match.url_name == "mfa_reauthenticate":
        # The act was repeated from the page that asked for the code: back to where it was pressed.
        came_from = request.session.pop(stepup.CAME_FROM, "")
    here = request.build_absolute_uri("/")
    # Without the leading slashes that a browser would take for another host.
    return "/" + came_from[len(here) :].lstrip("/\\") if came_from.startswith(here) else "/"
