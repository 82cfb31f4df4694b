"""More time in the browser and over the API: asked on the work page, decided in a minute, shown on every page."""

from datetime import timedelta

import pytest
from tests.api_caller import Caller, codes
from tests.shop import FAST_HASHER
from tests.ticket_steps import BEFORE_OPEN, bring
from tests.ticket_yard import Yard, build_yard
from tests.web_visitor import hidden, sign_in, text_of

from quarterdeck.kernel.clock import SystemClock
from quarterdeck.kernel.windows import Window
from quarterdeck.tickets import api as tickets
from quarterdeck.workflows import open_window

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def yard(settings: object) -> Yard:
    settings.PASSWORD_HASHERS = FAST_HASHER  # type: ignore[attr-defined]
    return build_yard(SystemClock())  # type: ignore[arg-type]


@pytest.fixture
def number(yard: Yard) -> str:
    now = yard.clock.now()
    number = yard.scheduled(window=Window(now - timedelta(minutes=1), now + timedelta(hours=1))).number
    bring(yard, number, BEFORE_OPEN)
    open_window.open_ticket(yard.actor("max"), yard.clock, number)
    return number


def test_more_time_from_the_work_page_to_the_approvers_inbox_and_back(yard: Yard, number: str) -> None:
    until = tickets.ticket(number).window.until
    work = sign_in(yard.shop, "max")
    assert f"/tickets/{number}/more-time/" in work.get(f"/tickets/{number}/work/").content.decode()
    asked = work.post(f"/tickets/{number}/more-time/", {"minutes": "30", "reason": "One disk is slow."}, follow=True)
    assert "It waits for the" in text_of(asked)
    assert "was asked for. It waits for the" in text_of(work.get(f"/tickets/{number}/work/"))
    assert "Asking again replaces it." in text_of(work.get(f"/tickets/{number}/more-time/"))
    approver, owner = sign_in(yard.shop, "avery"), sign_in(yard.shop, "casey")
    assert "Decide on 30 min more" in text_of(approver.get("/"))
    page = approver.get(f"/tickets/{number}/more-time/decide/")
    assert "One disk is slow." in text_of(page)
    body = {"extension": hidden(page, "extension"), "role": "approver", "reason": "Fine.", "verdict": "approved"}
    granted = text_of(approver.post(f"/tickets/{number}/more-time/decide/", body, follow=True))
    assert "You granted 30 min more" in granted
    assert "It waits for the CUI owner: Casey" in granted
    assert tickets.ticket(number).window.until == until
    again = approver.post(f"/tickets/{number}/more-time/decide/", body | {"extension": "ex_other"})
    assert "does not wait for you" in text_of(again)
    done = owner.post(f"/tickets/{number}/more-time/decide/", body | {"role": "cui_owner"}, follow=True)
    assert "extended; approved until" in text_of(done)
    assert "Window extended" in text_of(done)
    escort = sign_in(yard.shop, "erin")
    assert "I am present as escort" in text_of(escort.get(f"/tickets/{number}/"))
    escort.post(f"/tickets/{number}/escort/")
    assert "I am present as escort" not in text_of(escort.get(f"/tickets/{number}/"))
    assert tickets.ticket(number).window.until == until + timedelta(minutes=30)


def test_who_decides_nothing_has_no_such_page(yard: Yard, number: str) -> None:
    assert sign_in(yard.shop, "max").get(f"/tickets/{number}/more-time/decide/").status_code == 403
    assert sign_in(yard.shop, "quinn").get(f"/tickets/{number}/more-time/").status_code == 403


def test_more_time_over_the_api(yard: Yard, number: str) -> None:
    worker, approver = Caller(yard.shop, "max"), Caller(yard.shop, "avery")
    path = f"/tickets/{number}/extensions"
    assert codes(worker.call("post", path, {"reason": "More."})) == ["extension.unclear"]
    asked = worker.call("post", path, {"reason": "One disk is slow.", "minutes": 20}).json()
    assert (asked["state"], asked["minutes"]) == ("waiting", 20)
    body = {"role": "approver", "verdict": "approved", "reason": "Fine."}
    assert codes(worker.call("post", f"{path}/{asked['id']}/decide", body))[0].startswith("duties.")
    assert approver.call("post", f"{path}/{asked['id']}/decide", body).status_code == 200
    owner = Caller(yard.shop, "casey")
    told = owner.call("post", f"{path}/{asked['id']}/decide", body | {"role": "cui_owner"}).json()
    assert told["window_until"] > told["approved_until"]
    assert [one["state"] for one in worker.call("get", path).json()] == ["granted"]
