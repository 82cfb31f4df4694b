"""Tickets on the pages: writing one, deciding on what was shown, buttons, step-up, what stays after an error."""

from datetime import timedelta

import pytest
from tests.shop import FAST_HASHER
from tests.ticket_yard import Yard, build_yard
from tests.web_visitor import hidden, sign_in, text_of

from quarterdeck.evidence import api as evidence
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.actors import Actor, ActorKind
from quarterdeck.kernel.clock import SystemClock
from quarterdeck.personnel import api as personnel
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import State

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def yard(settings: object) -> Yard:
    settings.PASSWORD_HASHERS = FAST_HASHER  # type: ignore[attr-defined]
    return build_yard(SystemClock())  # type: ignore[arg-type]


def _written(yard: Yard, **changes: object) -> dict[str, object]:
    return {
        "title": "Patch the share service",
        "maintenance_type": "corrective",
        "action": "patch",
        "method": "ssh",
        "risk": "moderate",
        "assets": [yard.server],
        "window_from": "+2h",
        "window_until": "+3h",
        "technicians": [yard.shop.ids["max"]],
        "agreement_id": yard.agreement,
        "escort": yard.shop.ids["erin"],
        "plan": "Install the fix.",
        "impact": "Two minutes without shares.",
        "rollback": "Put the package back.",
        "items": [yard.tool],
        "expected_paths": "/etc/samba/smb.conf\npackage:samba",
        "do": "submit",
    } | changes


def _decision(page: object, **changes: str) -> dict[str, str]:
    return {
        "content_hash": hidden(page, "content_hash"),
        "role": hidden(page, "role"),
        "reason": "Plan and rollback are sound.",
        "verdict": "approved",
    } | changes


def test_a_ticket_is_written_submitted_and_read(yard):
    iris = sign_in(yard.shop, "iris")
    answer = iris.post("/tickets/new/", _written(yard), follow=True)
    assert "is submitted" in text_of(answer)
    (made,) = tickets.tickets()
    assert made.state is State.SUBMITTED
    assert made.window.length == timedelta(hours=3)
    assert made.content.expected_paths == ("/etc/samba/smb.conf", "package:samba")
    assert made.assets[0].connection_id == yard.connection
    page = text_of(answer)
    assert "Waits for the decision of the approver: Avery Approver; the CUI owner: Casey Owner." in page
    assert "Patch the share service" in page


def test_a_draft_waits_for_nobody_and_can_be_submitted_later(yard):
    iris = sign_in(yard.shop, "iris")
    iris.post("/tickets/new/", _written(yard, do="draft"))
    (draft,) = tickets.tickets()
    assert draft.state is State.DRAFT
    assert "Finish your draft" in text_of(iris.get("/"))
    iris.post(f"/tickets/{draft.number}/submit/")
    assert tickets.ticket(draft.number).state is State.SUBMITTED


def test_an_error_keeps_what_was_typed_and_names_the_field(yard):
    answer = sign_in(yard.shop, "iris").post(
        "/tickets/new/", _written(yard, window_from="someday", plan="Keep <these> words")
    )
    page = answer.content.decode()
    assert answer.status_code == 200
    assert tickets.tickets() == []
    assert "Keep &lt;these&gt; words" in page
    assert 'value="someday"' in page
    assert "“someday” is not a date and time" in text_of(answer)
    assert 'aria-invalid="true"' in page


def test_a_refusal_of_the_rules_keeps_the_form_too(yard):
    answer = sign_in(yard.shop, "iris").post("/tickets/new/", _written(yard, window_until="+20h"))
    assert "A vendor's window is at most 12 hours." in text_of(answer)
    assert "Install the fix." in answer.content.decode()
    assert tickets.tickets() == []


def test_a_typed_time_is_read_back(yard):
    iris = sign_in(yard.shop, "iris")
    said = iris.get("/tickets/typed-time/?field=window_until&window_from=2030-01-07 18:00&window_until=%2B4h")
    assert said.content.decode().startswith("Mon 07 Jan 2030 22:00 UTC")
    assert "4 h long" in said.content.decode()
    wrong = iris.get("/tickets/typed-time/?field=window_from&window_from=whenever")
    assert "not a date and time" in wrong.content.decode()


def test_approving_takes_two_people_and_schedules(yard):
    ticket = yard.submitted()
    for key in ("avery", "casey"):
        client = sign_in(yard.shop, key)
        assert ticket.number in text_of(client.get("/"))
        page = client.get(f"/tickets/{ticket.number}/decide/")
        assert "You are not the requester, not a technician and not the escort" in text_of(page)
        assert ticket.content_hash in page.content.decode()
        answer = client.post(f"/tickets/{ticket.number}/decide/", _decision(page), follow=True)
        assert f"You approved {ticket.number}" in text_of(answer)
    assert tickets.ticket(ticket.number).state is State.SCHEDULED


def test_a_ticket_that_changed_after_it_was_shown_is_not_approved(yard):
    """attacks.md row 27."""
    ticket = yard.submitted()
    avery = sign_in(yard.shop, "avery")
    page = avery.get(f"/tickets/{ticket.number}/decide/")
    iris = sign_in(yard.shop, "iris")
    changed = _written(yard, title="Something else entirely", do="submit", version=str(ticket.version))
    iris.post(f"/tickets/{ticket.number}/change/", changed)
    answer = avery.post(f"/tickets/{ticket.number}/decide/", _decision(page))
    assert answer.status_code == 409
    assert "the ticket is not what you were shown" in text_of(answer)
    assert "Something else entirely" in text_of(answer)
    assert tickets.ticket(ticket.number).approvals == ()


def test_a_register_that_changed_after_the_page_was_shown_is_a_conflict_with_the_difference(yard):
    """attacks.md row 3: the address behind the name moves."""
    ticket = yard.submitted()
    avery = sign_in(yard.shop, "avery")
    page = avery.get(f"/tickets/{ticket.number}/decide/")
    link = inventory.connection(yard.connection)
    inventory.set_connection(
        yard.server,
        inventory.ConnectionFields(**{**vars_of(link), "address": "10.9.9.9"}),
        actor=yard.actor("iris"), clock=yard.clock, connection_id=yard.connection,
    )  # fmt: skip
    answer = avery.post(f"/tickets/{ticket.number}/decide/", _decision(page))
    assert answer.status_code == 409
    assert "10.9.9.9" in text_of(answer)
    assert tickets.ticket(ticket.number).approvals == ()


def vars_of(link: inventory.ConnectionView) -> dict[str, object]:
    fields = link.fields
    return {name: getattr(fields, name) for name in fields.__dataclass_fields__}


def test_the_requester_sees_that_she_cannot_decide(yard):
    ticket = yard.submitted()
    assert sign_in(yard.shop, "iris").get(f"/tickets/{ticket.number}/decide/").status_code == 403
    erin = sign_in(yard.shop, "erin")
    assert erin.get(f"/tickets/{ticket.number}/decide/").status_code == 403
    casey = sign_in(yard.shop, "casey")
    page = casey.get(f"/tickets/{ticket.number}/decide/")
    casey.post(f"/tickets/{ticket.number}/decide/", _decision(page))
    again = casey.get(f"/tickets/{ticket.number}/decide/")
    assert "You decided on this ticket already." in text_of(again)
    assert "Approve</button>" not in again.content.decode()


def test_a_decision_without_a_reason_is_not_taken(yard):
    ticket = yard.submitted()
    avery = sign_in(yard.shop, "avery")
    page = avery.get(f"/tickets/{ticket.number}/decide/")
    answer = avery.post(f"/tickets/{ticket.number}/decide/", _decision(page, reason=""))
    assert "Please fill this in." in text_of(answer)
    assert tickets.ticket(ticket.number).approvals == ()


def test_a_refused_ticket_ends(yard):
    ticket = yard.submitted()
    avery = sign_in(yard.shop, "avery")
    page = avery.get(f"/tickets/{ticket.number}/decide/")
    avery.post(f"/tickets/{ticket.number}/decide/", _decision(page, verdict="refused"))
    assert tickets.ticket(ticket.number).state is State.REJECTED


def test_an_old_second_factor_is_asked_in_the_form_and_the_reason_stays(yard, monkeypatch):
    ticket = yard.submitted()
    avery = sign_in(yard.shop, "avery")
    _age_the_second_factor(monkeypatch, yard)
    page = avery.get(f"/tickets/{ticket.number}/decide/")
    assert "Your last second factor is older than ten minutes." in text_of(page)
    wrong = avery.post(f"/tickets/{ticket.number}/decide/", _decision(page, code="000000"))
    assert wrong.status_code == 200
    assert "Plan and rollback are sound." in wrong.content.decode()
    assert tickets.ticket(ticket.number).approvals == ()
    monkeypatch.undo()
    fresh = _decision(page, code=yard.shop.recovery["avery"][0])
    right = avery.post(f"/tickets/{ticket.number}/decide/", fresh, follow=True)
    assert "You approved" in text_of(right)


def _age_the_second_factor(monkeypatch: pytest.MonkeyPatch, yard: Yard) -> None:
    """The ledger says that the code was shown eleven minutes ago."""
    real = personnel.actor_for_request

    def aged(request: object) -> Actor | None:
        found = real(request)  # type: ignore[arg-type]
        if found is None or found.mfa_at is None:
            return found
        return Actor(found.id, ActorKind.PERSON, found.auth, found.mfa_at - timedelta(minutes=11))

    monkeypatch.setattr(personnel, "actor_for_request", aged)


def test_a_button_that_wants_the_code_asks_and_then_acts(yard, monkeypatch):
    ticket = yard.scheduled()
    iris = sign_in(yard.shop, "iris")
    _age_the_second_factor(monkeypatch, yard)
    answer = iris.post(f"/tickets/{ticket.number}/open/")
    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/2fa/reauthenticate/")
    monkeypatch.undo()
    after = iris.post(answer["Location"], {"code": yard.shop.recovery["iris"][0]}, follow=True)
    assert "HP-" in text_of(after)
    assert tickets.ticket(ticket.number).state is State.SCHEDULED


def test_opening_without_preparation_says_every_hold_point(yard):
    ticket = yard.scheduled()
    iris = sign_in(yard.shop, "iris")
    page = text_of(iris.get(f"/tickets/{ticket.number}/"))
    assert "To open" in page
    assert "Backup verified · not known yet" in " ".join(page.split())
    answer = text_of(iris.post(f"/tickets/{ticket.number}/open/", follow=True))
    assert "HP-BACKUP" in answer
    assert tickets.ticket(ticket.number).state is State.SCHEDULED


def test_preparing_shows_progress_that_can_be_cancelled(yard):
    ticket = yard.scheduled()
    iris = sign_in(yard.shop, "iris")
    page = text_of(iris.post(f"/tickets/{ticket.number}/prepare/", follow=True))
    assert "Preparing: checks, backup, only way in, baseline before" in page
    assert iris.get(f"/tickets/{ticket.number}/job/").status_code == 200
    iris.post(f"/tickets/{ticket.number}/job/cancel/")
    assert tickets.jobs(ticket.number)[0].cancel_asked


def test_comments_and_timeline(yard):
    ticket = yard.submitted()
    iris = sign_in(yard.shop, "iris")
    iris.post(f"/tickets/{ticket.number}/comment/", {"text": "<b>Mind the clock</b>"})
    page = iris.get(f"/tickets/{ticket.number}/?tab=comments").content.decode()
    assert "&lt;b&gt;Mind the clock&lt;/b&gt;" in page
    lines = text_of(iris.get(f"/tickets/{ticket.number}/?tab=timeline"))
    assert "Submitted for approval, content frozen" in lines
    for tab in ("plan", "sessions", "drift", "checks", "files", "comments"):
        assert iris.get(f"/tickets/{ticket.number}/?tab={tab}").status_code == 200


def test_a_file_of_evidence_is_a_download_in_a_sandbox_and_looking_is_recorded(yard):
    ticket = yard.submitted()
    iris = sign_in(yard.shop, "iris")
    (snapshot,) = [one for entry in evidence.entries(ticket=ticket.number) for one in entry.artifacts]
    answer = iris.get(f"/tickets/{ticket.number}/files/{snapshot['sha256']}/")
    assert b"Patch the file server" in b"".join(answer.streaming_content)
    answer.close()
    assert answer["Content-Disposition"].startswith("attachment")
    assert answer["Content-Security-Policy"].startswith("sandbox")
    assert evidence.last_entry(["evidence.viewed"]).object.id == snapshot["sha256"]
    assert iris.get(f"/tickets/{ticket.number}/files/{'0' * 64}/").status_code == 404


def test_the_quick_log_takes_half_a_minute_and_refuses_what_it_must(yard):
    technician = sign_in(yard.shop, "max")
    chore = {
        "title": "Toner changed", "asset": yard.printer, "maintenance_type": "preventive", "action": "repair",
        "began": "now", "ended": "now",
    }  # fmt: skip
    refused = technician.post("/tickets/quick-log/", chore)
    assert "Toner changed" in refused.content.decode()
    earlier = (yard.clock.now() - timedelta(minutes=20)).strftime("%Y-%m-%d %H:%M")
    answer = technician.post("/tickets/quick-log/", chore | {"began": earlier}, follow=True)
    assert "Written down as MT-" in text_of(answer)
    cui = chore | {"began": earlier, "asset": yard.server, "changed_configuration": "on"}
    assert "is not a quick log" in text_of(technician.post("/tickets/quick-log/", cui))


def test_withdrawing_wants_a_reason(yard):
    ticket = yard.submitted()
    iris = sign_in(yard.shop, "iris")
    assert "Please fill this in." in text_of(iris.post(f"/tickets/{ticket.number}/withdraw/", {}))
    iris.post(f"/tickets/{ticket.number}/withdraw/", {"reason": "Done by the vendor already."})
    assert tickets.ticket(ticket.number).state is State.WITHDRAWN


def test_the_palette_finds_what_may_be_read(yard):
    ticket = yard.submitted()
    found = sign_in(yard.shop, "iris").get("/palette/?q=file server").json()["found"]
    assert f"/tickets/{ticket.number}/" in [one["url"] for one in found]
    assert sign_in(yard.shop, "quinn").get("/palette/?q=new ticket").json()["found"] == []
