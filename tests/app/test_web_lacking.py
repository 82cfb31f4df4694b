"""A request that lacks something says so at once: to its requester, on the ticket, in the approvers' work."""

import pytest
from tests.shop import FAST_HASHER
from tests.ticket_yard import Yard, build_yard
from tests.web_visitor import hidden, sign_in, text_of

from quarterdeck.kernel.clock import SystemClock
from quarterdeck.tickets import api as tickets
from quarterdeck.workflows import request as requesting

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def yard(settings: object) -> Yard:
    settings.PASSWORD_HASHERS = FAST_HASHER  # type: ignore[attr-defined]
    return build_yard(SystemClock())


def test_what_a_draft_lacks_stands_on_it_and_is_said_at_submitting(yard):
    made = requesting.request(yard.actor("iris"), yard.clock, yard.content(items=()))
    iris = sign_in(yard.shop, "iris")
    page = text_of(iris.get(f"/tickets/{made.number}/"))
    assert "Before it can be approved:" in page
    assert "names no tool, technique or mechanism" in page
    told = text_of(iris.post(f"/tickets/{made.number}/submit/", follow=True))
    assert "is submitted, but nobody can approve it yet: 1 thing is still to be done" in told
    assert "It can't be approved yet." in told
    assert "Complete your request" in text_of(iris.get("/"))
    assert "its requester has more to do" in text_of(sign_in(yard.shop, "avery").get("/"))


def test_what_lacks_nothing_is_plain_success_and_due_before_its_window(yard):
    made = requesting.request(yard.actor("iris"), yard.clock, yard.content())
    iris = sign_in(yard.shop, "iris")
    told = text_of(iris.post(f"/tickets/{made.number}/submit/", follow=True))
    assert "is submitted. The approvers see it in their work." in told
    assert "Complete your request" not in text_of(iris.get("/"))
    work = text_of(sign_in(yard.shop, "avery").get("/"))
    assert "due in 0 s" not in work
    begun = tickets.ticket(made.number).window.from_ <= yard.clock.now()
    assert ("its window ends in" if begun else "its window opens in") in work


def test_the_key_c_leads_from_every_tab_to_the_comment(yard):
    ticket = yard.submitted()
    iris = sign_in(yard.shop, "iris")
    first = iris.get(f"/tickets/{ticket.number}/").content.decode()
    assert '<a href="?tab=comments#comment" data-key="c"' in first
    there = iris.get(f"/tickets/{ticket.number}/?tab=comments").content.decode()
    assert there.count('data-key="c"') == 1


def test_after_the_first_approval_the_next_person_is_named(yard):
    ticket = yard.submitted()
    avery = sign_in(yard.shop, "avery")
    decide = f"/tickets/{ticket.number}/decide/"
    decision = {"role": "approver", "verdict": "approved", "reason": "Plan and rollback are sound.",
                "content_hash": hidden(avery.get(decide), "content_hash")}  # fmt: skip
    told = text_of(avery.post(decide, decision, follow=True))
    assert f"You approved {ticket.number}. It still waits for the decision of the CUI owner (Casey Owner)." in told


def test_a_technique_needs_its_file_or_its_hash_and_the_form_says_so(yard):
    iris = sign_in(yard.shop, "iris")
    form = {"kind": "technique", "name": "Restart", "version": "1", "owner": yard.shop.ids["iris"],
            "review_due": str(yard.clock.now().date().replace(month=12, day=28))}  # fmt: skip
    page = text_of(iris.post("/registers/add/", form))
    assert "one of the two; a tool may go without" in page
    assert "Give the file, or its SHA-256 below." in page
    assert "Please look at: Its file" in page
