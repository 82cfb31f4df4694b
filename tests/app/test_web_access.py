"""The door of the pages: deny by default, closed library pages, roles, headers, nothing inline."""

import re

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from tests.shop import FAST_HASHER
from tests.ticket_yard import Yard, build_yard
from tests.web_visitor import sign_in, text_of

from quarterdeck.entrypoints.web.pages import access_of
from quarterdeck.kernel.clock import SystemClock

pytestmark = pytest.mark.django_db(transaction=True)

INLINE = re.compile(r"<script(?![^>]*\bsrc=)|<style\b|(?<![-\w])style=|\bon[a-z]+=\"|javascript:", re.IGNORECASE)
CLOSED = (
    "/accounts/signup/", "/accounts/password/reset/", "/accounts/password/change/", "/accounts/email/",
    "/accounts/2fa/", "/accounts/2fa/totp/activate/", "/accounts/2fa/totp/deactivate/",
    "/accounts/2fa/recovery-codes/generate/", "/accounts/reauthenticate/",
)  # fmt: skip
PLAIN = (
    "/", "/tickets/", "/calendar/", "/sessions/", "/assets/", "/people/", "/vendors/", "/registers/",
    "/registers/ways-in/", "/evidence/", "/objectives/", "/you/", "/tickets/standard/",
)  # fmt: skip
FOR_THE_LEAD = ("/first-run/", "/assets/import/", "/assets/add/", "/people/add/", "/registers/add/", "/tickets/new/")


@pytest.fixture
def yard(settings: object) -> Yard:
    settings.PASSWORD_HASHERS = FAST_HASHER  # type: ignore[attr-defined]
    return build_yard(SystemClock())  # type: ignore[arg-type]


def _views(resolver: URLResolver) -> list[object]:
    found: list[object] = []
    for entry in resolver.url_patterns:
        if isinstance(entry, URLPattern):
            found.append(entry.callback)
        else:
            found += _views(entry)
    return found


def test_every_page_declares_who_may_open_it():
    ours = [view for view in _views(get_resolver()) if view.__module__.startswith("quarterdeck.entrypoints.web")]
    assert len(ours) > 60
    assert [view for view in ours if access_of(view) is None] == []
    # The two of the witness believe signatures, not people: another installation has no login here (C2SP tlog-witness).
    witnessing = {"add_checkpoint", "cosigned_checkpoint"}
    assert {view.__name__ for view in ours if access_of(view).public} == {"enrol", "forgotten", *witnessing}


def test_nobody_sees_a_page_without_login():
    for address in [*PLAIN, *FOR_THE_LEAD, "/palette/?q=x", "/live/", "/desk/"]:
        answer = Client().get(address)
        assert answer.status_code == 302, address
        assert answer["Location"].startswith("/accounts/login/")


def test_the_library_opens_nothing_but_the_login(yard):
    for client in (Client(), sign_in(yard.shop, "iris")):
        for address in CLOSED:
            assert client.get(address).status_code == 404, address
            assert client.post(address, {"email": "iris@example.test"}).status_code == 404, address


def test_a_lost_password_leads_to_a_page_that_says_whom_to_ask():
    page = Client().get("/accounts/login/").content.decode()
    assert "/accounts/password/reset/" not in page
    assert 'href="/forgotten/"' in page
    assert re.search(r'<input[^>]*name="login"[^>]*autofocus', page)
    assert "Ask the IT lead" in Client().get("/forgotten/").content.decode()


def test_a_password_alone_opens_nothing(yard):
    client = Client()
    client.post("/accounts/login/", {"login": "iris@example.test", "password": "iris walks the quarterdeck"})
    assert client.get("/tickets/")["Location"].startswith("/accounts/login/")


def test_pages_open_for_the_lead_with_strict_headers_and_nothing_inline(yard):
    iris = sign_in(yard.shop, "iris")
    for address in [*PLAIN, *FOR_THE_LEAD]:
        answer = iris.get(address)
        assert answer.status_code == 200, address
        assert answer["Cache-Control"] == "no-store", address
        policy = answer["Content-Security-Policy"]
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy, address
        assert INLINE.findall(answer.content.decode()) == [], address


def test_what_a_role_cannot_use_is_not_there_and_not_open(yard):
    quinn = sign_in(yard.shop, "quinn")
    desk = quinn.get("/desk/")
    assert desk.status_code == 200
    assert "First run" not in text_of(desk)
    assert "My work" not in text_of(desk)
    for address in FOR_THE_LEAD:
        refused = quinn.get(address)
        assert refused.status_code == 403
        assert "not for your role" in text_of(refused)
    assert sign_in(yard.shop, "max").get("/desk/").status_code == 403


def test_an_assessor_changes_nothing(yard):
    ticket = yard.scheduled()
    quinn = sign_in(yard.shop, "quinn")
    for act in ("submit", "prepare", "open", "done", "verify", "reopen", "comment", "escort", "freeze", "job/cancel"):
        assert quinn.post(f"/tickets/{ticket.number}/{act}/", {"text": "x"}).status_code == 403
    for page in ("decide", "withdraw", "change", "close", "attach", "emergency", "ratify", "work"):
        assert quinn.get(f"/tickets/{ticket.number}/{page}/").status_code == 403
    assert quinn.get(f"/tickets/{ticket.number}/").status_code == 200


def test_a_technician_does_not_read_tickets_of_others(yard):
    ticket = yard.submitted(technicians=(yard.shop.ids["max"],))
    assert sign_in(yard.shop, "max").get(f"/tickets/{ticket.number}/").status_code == 200
    yard.shop.add("Nadia")
    nobody = yard.shop.ids["erin"]
    other = yard.submitted(escort="", window=yard.content().window, assets=(), title="Not Erin's")
    assert nobody not in other.technicians
    assert sign_in(yard.shop, "erin").get(f"/tickets/{other.number}/").status_code == 403
    assert sign_in(yard.shop, "erin").get(f"/tickets/{ticket.number}/").status_code == 200
    assert sign_in(yard.shop, "iris").get("/tickets/MT-2026-99999/").status_code == 404
    assert sign_in(yard.shop, "iris").get("/tickets/..%2f..%2fetc/").status_code == 404


def test_errors_speak_plain_words(yard):
    answer = sign_in(yard.shop, "iris").get("/nothing-here/")
    assert answer.status_code == 404
    assert "Nothing at this address" in text_of(answer)
    strict = Client(enforce_csrf_checks=True)
    answer = strict.post("/enrol/", {"code": "x"})
    assert answer.status_code == 403
    assert "open for too long" in text_of(answer)
