"""Error pages in plain words."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from quarterdeck.entrypoints.web.pages import public


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """400: the request could not be read."""
    return render(request, "errors/400.html", status=400)


@public
def forgotten(request: HttpRequest) -> HttpResponse:
    """Whom to ask when the password or the authenticator is lost: no mail opens a login here."""
    return render(request, "errors/forgotten.html")


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """403: not for this person."""
    return render(request, "errors/403.html", status=403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404: nothing at this address."""
    return render(request, "errors/404.html", status=404)


def broken(request: HttpRequest) -> HttpResponse:
    """500: our fault; the page uses neither database nor frame."""
    return render(None, "errors/500.html", status=500)


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 of the form check: the page was open for too long, or came from elsewhere."""
    return render(request, "errors/csrf.html", status=403)
