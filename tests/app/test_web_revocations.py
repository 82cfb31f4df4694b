"""Taking access away in the browser, over the API and with `qd`: foretold, done, listed, lifted."""

from datetime import timedelta

import pytest
from tests.api_caller import Caller, codes
from tests.shop import FAST_HASHER
from tests.ticket_steps import BEFORE_OPEN, bring
from tests.ticket_yard import Yard, build_yard
from tests.web_visitor import sign_in, text_of

from quarterdeck.access import api as access
from quarterdeck.evidence import api as evidence
from quarterdeck.kernel.clock import SystemClock
from quarterdeck.kernel.windows import Window
from quarterdeck.personnel import api as personnel
from quarterdeck.tickets import api as tickets
from quarterdeck.workflows import open_window

pytestmark = pytest.mark.django_db(transaction=True)
KEY = (
    "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEmKSENjQEezOmxkZM"
    "y7opKgwFB9nkt5YRrYMjNuG5N87uRgg6CLrbo5wAdT/y6v0mKV0U2w0WZ2YB/++Tpockg="
)


@pytest.fixture
def yard(settings: object) -> Yard:
    settings.PASSWORD_HASHERS = FAST_HASHER  # type: ignore[attr-defined]
    return build_yard(SystemClock())  # type: ignore[arg-type]


@pytest.fixture
def number(yard: Yard) -> str:
    """An open ticket under which Max has a grant."""
    now = yard.clock.now()
    number = yard.scheduled(window=Window(now - timedelta(minutes=1), now + timedelta(hours=1))).number
    bring(yard, number, BEFORE_OPEN)
    open_window.open_ticket(yard.actor("max"), yard.clock, number)
    personnel.register_key(yard.shop.ids["max"], KEY, actor=yard.actor("max"), clock=yard.clock)
    with evidence.act(yard.actor("erin"), yard.clock) as act:
        tickets.confirm_escort(act, number)
    with evidence.act(yard.actor("max"), yard.clock) as act:
        access.create_grant(
            act, ticket=number, person=yard.shop.ids["max"], asset=yard.server, connection=yard.connection,
            purpose=access.Purpose.WORK, public_key=KEY, valid_from=act.at, valid_until=now + timedelta(minutes=30),
        )  # fmt: skip
    return number


def test_a_person_is_revoked_and_lifted_in_the_browser(yard: Yard, number: str) -> None:
    lead, approver = sign_in(yard.shop, "iris"), sign_in(yard.shop, "avery")
    person = yard.shop.ids["max"]
    assert f"/access/revoke/person/?of={person}" in lead.get(f"/people/{person}/").content.decode()
    assert "Max Technician on fs01.example.test" in text_of(lead.get("/access/"))
    page = lead.get(f"/access/revoke/person/?of={person}")
    assert "This ends 1 access grant, 0 running sessions." in text_of(page)
    said = lead.post(f"/access/revoke/person/?of={person}", {"reason": "Lost laptop."}, follow=True)
    assert "All access of Max Technician Iris Lead" in text_of(said)
    assert "Nobody has access now." in text_of(said)
    assert access.not_revoked(person, number).codes == ("access.stopped",)
    work = text_of(sign_in(yard.shop, "max").get(f"/tickets/{number}/work/"))
    assert "Your access is revoked." in work
    assert "Get the certificate" not in work
    lifted = approver.post(f"/access/lift/person/?of={person}", {"reason": "Found again."}, follow=True)
    assert "Nothing is revoked." in text_of(lifted)
    assert access.not_revoked(person, number).allowed


def test_the_emergency_button_and_the_ticket_and_vendor_pages(yard: Yard, number: str) -> None:
    approver = sign_in(yard.shop, "avery")
    assert "/access/revoke/ticket/" in approver.get(f"/tickets/{number}/").content.decode()
    assert "Revoke everything" in text_of(approver.get("/access/"))
    assert "Access given Max Technician on fs01.example.test" in text_of(approver.get(f"/tickets/{number}/"))
    said = approver.post("/access/revoke/everything/", {"reason": "Something is wrong."}, follow=True)
    page = text_of(approver.get(f"/tickets/{number}/"))
    assert "All access of everybody is revoked. Avery Approver" in page
    assert "by Avery Approver, with all access of everybody: “Something is wrong.”" in page
    assert "Something is wrong" not in text_of(sign_in(yard.shop, "max").get(f"/tickets/{number}/"))
    assert "Revoked. 1 access grant" in text_of(said)
    refused = approver.post("/access/lift/everything/", {"reason": "Never mind."})
    assert "Who revoked everything does not lift it alone." in text_of(refused)
    lead = sign_in(yard.shop, "iris")
    assert "/access/revoke/vendor/?of=Harbor%20MSP" in lead.get("/vendors/").content.decode()
    assert "Nothing is revoked." in text_of(
        lead.post("/access/lift/everything/", {"reason": "It was a false alarm."}, follow=True)
    )


def test_others_have_no_such_pages(yard: Yard, number: str) -> None:
    worker, assessor, owner = (sign_in(yard.shop, key) for key in ("max", "quinn", "casey"))
    assert worker.get("/access/").status_code == 403
    assert worker.post("/access/revoke/everything/", {"reason": "So."}).status_code == 403
    assert assessor.get("/access/").status_code == 200
    assert assessor.get("/access/revoke/everything/").status_code == 403
    assert "Revoke everything" not in text_of(owner.get("/access/"))
    assert owner.get("/access/revoke/grant/?of=ag_none").status_code == 404
    assert owner.get("/access/revoke/nothing/").status_code == 404


def test_the_words_of_one_revoked_grant_are_kept(yard: Yard, number: str) -> None:
    """A grant is no standing revocation, so its own entry carries the words, as a commitment."""
    (given,) = access.grants(ticket=number, purpose=access.Purpose.WORK)
    sign_in(yard.shop, "avery").post(f"/access/revoke/grant/?of={given.id}", {"reason": "The wrong machine."})
    (fate,) = access.fates(number)
    assert (fate.by, fate.words) == (yard.shop.ids["avery"], "The wrong machine.")
    assert access.revocations_over(number, [yard.shop.ids["max"]]) == []
    assert "The wrong machine." in text_of(sign_in(yard.shop, "casey").get(f"/tickets/{number}/"))
    entry = evidence.last_entry(["access.revoked"])
    assert entry is not None
    assert b"wrong machine" not in entry.body


def test_revocation_over_the_api(yard: Yard, number: str) -> None:
    worker, approver = Caller(yard.shop, "max"), Caller(yard.shop, "avery")
    body = {"scope": "ticket", "target": number}
    assert codes(worker.call("post", "/revocations/preview", body)) == ["role.missing"]
    assert codes(worker.call("get", "/revocations")) == ["role.missing"]
    told = approver.call("post", "/revocations/preview", body).json()
    assert (len(told["grants"]), told["ends_work"]) == (1, [number])
    done = approver.call("post", "/revocations", body | {"reason": "Wrong machine."}).json()
    assert done["grants"] == told["grants"]
    assert tickets.ticket(number).state is tickets.State.VERIFYING
    assert [one["reason"] for one in approver.call("get", "/revocations").json()] == ["Wrong machine."]
    assert approver.call("post", "/revocations/lift", body | {"reason": "Right one."}).json() == []
