"""Ways around duties, notices and the read matrix, tried through the workflows and over the API and web."""

from datetime import timedelta

import pytest
from django.test import Client
from tests.api_caller import Caller, codes
from tests.app.test_baselines_drift import Bench, _surprise
from tests.clock import StillClock
from tests.shop import FAST_HASHER
from tests.ticket_yard import Yard, build_yard
from tests.web_visitor import sign_in

from quarterdeck import wiring
from quarterdeck.evidence import api as evidence
from quarterdeck.kernel.clock import SystemClock
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel import api as personnel
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import ApprovalRole, EmergencyBasis
from quarterdeck.workflows import approve, keep_templates, request
from quarterdeck.workflows.disposition_drift import open_items

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def yard(clock: StillClock, settings, monkeypatch) -> Yard:
    settings.PASSWORD_HASHERS = FAST_HASHER
    monkeypatch.setattr(wiring, "clock", lambda: clock)
    return build_yard(clock)


def refused(call, *args, **named) -> tuple[str, ...]:
    with pytest.raises(Refused) as caught:
        call(*args, **named)
    return caught.value.decision.codes


@pytest.mark.parametrize("basis", [EmergencyBasis.CALL_BACK, EmergencyBasis.STANDING_AUTHORITY])
def test_whose_word_somebody_else_wrote_down_is_told_and_so_is_who_ratifies(yard: Yard, basis: EmergencyBasis) -> None:
    number = yard.submitted(emergency=True).number
    people = yard.shop.ids
    before = {key: len(tickets.notices(people[key])) for key in ("avery", "casey")}
    approve.authorise_emergency(
        yard.actor("iris"), yard.clock, number, authoriser=people["avery"], basis=basis,
        content_hash=tickets.ticket(number).content_hash, reason="Avery said yes on the phone.",
    )  # fmt: skip
    assert {key: len(tickets.notices(people[key])) - was for key, was in before.items()} == {"avery": 1, "casey": 1}
    scheduled = evidence.last_entry(["ticket.scheduled"], ticket=number)
    assert scheduled is not None
    assert {people["avery"], people["casey"]} <= set(scheduled.data["told"])


@pytest.fixture
def template(yard: Yard) -> str:
    found = keep_templates.add(
        yard.actor("iris"), yard.clock, "Monthly patches", yard.content(title="Monthly patches"), window_hours=2
    )
    for key, role in (("avery", "approver"), ("casey", "cui_owner")):
        keep_templates.approve(
            yard.actor(key), yard.clock, found.id, role=ApprovalRole(role), shown_hash=found.content_hash,
            reason="Sound work.",
        )  # fmt: skip
    return found.id


def test_standard_work_does_not_slip_past_other_work_in_its_window(yard: Yard, template: str) -> None:
    other = yard.scheduled()
    start = other.window.from_ + timedelta(minutes=10)
    found = refused(request.request_standard, yard.actor("max"), yard.clock, template, start)
    assert found == ("window.conflict",)
    assert len(tickets.tickets()) == 1


def test_those_concerned_by_standard_work_are_really_told(yard: Yard, template: str) -> None:
    start = yard.clock.now() + timedelta(hours=4)
    number = request.request_standard(yard.actor("max"), yard.clock, template, start).number
    for key in ("max", "erin", "casey"):
        assert [one.ticket for one in tickets.notices(yard.shop.ids[key])] == [number]
    entry = evidence.last_entry(["ticket.scheduled"], ticket=number)
    assert entry is not None
    assert entry.data["told"]


@pytest.mark.parametrize(
    "text", ["safe \u202etxt.exe", "a\x1b]52;c;aGk=\x07b", "a\x9bb", "a\u2067b", "a\0b", "a\ud800b"]
)
def test_text_that_shows_other_than_it_is(yard: Yard, text: str) -> None:
    assert refused(yard.submitted, plan=text) == ("text.unreadable",)
    number = yard.submitted().number
    assert refused(request.comment, yard.actor("iris"), yard.clock, number, text) == ("text.unreadable",)


def test_a_list_of_expected_paths_that_nobody_can_read(yard: Yard) -> None:
    for paths in (("/etc",) * 501, ("/" + "x" * 2000,), ("/etc/a\n/root",), ("/etc/\u202ea",), ("",)):
        assert "paths.unusable" in refused(yard.submitted, expected_paths=paths)
    assert refused(yard.submitted, technicians=(yard.shop.ids["max"],) * 51) == ("content.many",)


def test_differences_are_settled_under_their_own_ticket_only(
    clock: StillClock, tmp_path, settings, monkeypatch
) -> None:
    settings.PASSWORD_HASHERS = FAST_HASHER
    monkeypatch.setattr(wiring, "clock", lambda: clock)
    bench = Bench(clock, tmp_path)
    bench.around(lambda: _surprise(bench))
    items = open_items(bench.number)
    assert items
    with evidence.act(bench.shop.actor("iris"), clock) as act:
        frozen = tickets.ticket(bench.number).content
        other = tickets.request(act, frozen)
    person = personnel.person(bench.shop.people["avery"])
    assert person.email
    actor = bench.shop.actor("avery")
    monkeypatch.setattr("quarterdeck.entrypoints.api.captures.actor_of", lambda *_: actor)
    monkeypatch.setattr("quarterdeck.entrypoints.api.authentication.TokenAuth.authenticate", lambda *_: actor)
    body = {"items": items, "reason": "They belong to the work."}
    answer = Client().post(
        f"/api/v1/tickets/{other}/drift", body, content_type="application/json", headers={"authorization": "Bearer x"}
    )
    assert codes(answer) == ["drift.choice"]
    assert open_items(bench.number) == items


def test_a_refusal_leads_back_to_this_site_only(settings) -> None:
    settings.PASSWORD_HASHERS = FAST_HASHER
    yard = build_yard(SystemClock())  # type: ignore[arg-type]
    iris = sign_in(yard.shop, "iris")
    for path in ("//evil.example/x", "/\\evil.example", "///evil.example"):
        answer = iris.post("/tickets/MT-2026-00999/submit/", headers={"referer": f"http://testserver{path}"})
        place = answer.headers.get("Location", "/")
        assert place.startswith("/")
        assert not place.startswith(("//", "/\\"))


def test_a_token_is_no_use_beyond_its_scope(yard: Yard) -> None:
    iris = Caller(yard.shop, "iris")
    assert iris.call("post", "/tickets", {}).status_code == 422
    secret, _ = personnel.issue_token(
        "avery@example.test", "avery walks the quarterdeck", yard.shop.totp("avery"), clock=yard.clock, scopes=["read"]
    )
    iris.headers = {"authorization": f"Bearer {secret}"}
    number = yard.submitted().number
    body = {"role": "approver", "content_hash": tickets.ticket(number).content_hash, "reason": "Sound plan."}
    assert codes(iris.call("post", f"/tickets/{number}/approve", body)) == ["token.scope"]
