"""Where and when: the calendar, ways into an asset, an asset's history, what an approver was shown, trying a target."""

import dataclasses
from datetime import timedelta

import pytest
from tests.package_shop import PackageShop
from tests.shop import FAST_HASHER
from tests.ticket_yard import HOST_KEY
from tests.web_shop_floor import closed, floor
from tests.web_visitor import hidden, sign_in, text_of

from quarterdeck import wiring
from quarterdeck.access.api import Probe
from quarterdeck.entrypoints.web import pages, people_in
from quarterdeck.evidence import api as evidence
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.windows import Window
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import TicketAsset
from quarterdeck.workflows import keep_policy, keep_templates
from quarterdeck.workflows import request as requesting

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def shop(settings: object) -> PackageShop:
    settings.PASSWORD_HASHERS = FAST_HASHER  # type: ignore[attr-defined]
    return floor()


def ahead(shop: PackageShop, days: int, hours: int = 2) -> Window:
    start = shop.clock.now() + timedelta(days=days)
    return Window(start, start + timedelta(hours=hours))


def second_way(shop: PackageShop) -> str:
    """Give the server another connection and return its id."""
    link = inventory.set_connection(
        shop.yard.server,
        inventory.ConnectionFields(address="10.0.0.9", port=22, target_account="ops", host_identity=HOST_KEY),
        actor=shop.yard.actor("iris"), clock=shop.clock,
    )  # fmt: skip
    return link.id


def test_the_calendar_shows_windows_in_each_view_and_marks_conflicts(shop):
    first = shop.yard.submitted(title="Patch the server", window=ahead(shop, 1))
    second = shop.yard.submitted(title="Replace a disk", window=ahead(shop, 1))
    iris = sign_in(shop.yard.shop, "iris")
    on = first.window.from_.date().isoformat()
    for view in ("month", "week", "list"):
        page = iris.get(f"/calendar/?view={view}&on={on}")
        said = text_of(page)
        assert "2 tickets in conflict" in said, view
        assert "Patch the server" in said, view
        assert f"{second.number} has fs01.example.test in an overlapping window." in page.content.decode(), view
    ends = text_of(iris.get(f"/calendar/?view=list&on={(shop.clock.now() + timedelta(days=80)).date()}"))
    assert "Authorisation of Max Technician ends" in ends
    assert "Calendar" in text_of(iris.get("/calendar/?view=nonsense&on=31-31-31&tz=moon"))


def test_the_calendar_speaks_the_zone_that_was_chosen(shop):
    iris = sign_in(shop.yard.shop, "iris")
    iris.cookies["qd_zone"] = "Asia/Tokyo"
    one = shop.yard.submitted(window=ahead(shop, 1))
    own = iris.get("/calendar/?view=list").content.decode()
    utc = iris.get("/calendar/?view=list&tz=utc").content.decode()
    assert 'data-zone-fixed="own"' in own
    assert 'data-zone-fixed="chosen"' in utc
    assert f"{one.window.from_:%H:%M}</time>" in utc
    assert f"{one.window.from_ + timedelta(hours=9):%H:%M}</time>" in own
    assert "tz=org" in own


def test_my_work_shows_the_windows_of_the_persons_day_and_the_next_ones(shop, monkeypatch):
    """23:30 UTC is today for somebody in UTC, and tomorrow morning in Tokyo."""
    noon = (shop.clock.now() + timedelta(days=1)).replace(hour=12, minute=0)
    shop.yard.submitted(title="Far away", window=Window(noon + timedelta(days=9), noon + timedelta(days=9, hours=1)))
    late = Window(noon + timedelta(hours=11, minutes=30), noon + timedelta(hours=12))
    shop.yard.submitted(title="Late tonight", window=late)
    real = people_in.visitor_of

    def at_noon(request: object) -> people_in.Visitor | None:
        found = real(request)
        return None if found is None else dataclasses.replace(found, now=noon)

    monkeypatch.setattr(pages, "visitor_of", at_noon)
    for key in ("max", "avery"):
        person = sign_in(shop.yard.shop, key)
        today, _, later = text_of(person.get("/")).partition(" Today ")[2].partition("At risk")[0].partition(" Next ")
        assert "Late tonight" in today
        assert "Far away" in later
        person.cookies["qd_zone"] = "Asia/Tokyo"
        assert "No window today" in text_of(person.get("/"))


def test_a_technician_sees_conflicts_without_the_numbers_of_others(shop):
    shop.yard.submitted(window=ahead(shop, 1))
    other = shop.yard.submitted(window=ahead(shop, 1), technicians=(), title="Not for Max", escort="",
                                pool_id="", agreement_id="", assets=(TicketAsset(shop.yard.server, ""),))  # fmt: skip
    page = sign_in(shop.yard.shop, "max").get("/calendar/?view=list").content.decode()
    assert "Another ticket has fs01.example.test" in page
    assert other.number not in page


def test_a_ticket_says_which_way_in_and_approvers_see_it(shop):
    other = second_way(shop)
    iris = sign_in(shop.yard.shop, "iris")
    page = iris.get("/tickets/new/").content.decode()
    assert f'name="way_{shop.yard.server}"' in page
    assert f"[name=assets][value={shop.yard.server}]" in page
    form = {
        "title": "Look at the log", "maintenance_type": "corrective", "action": "diagnose", "method": "ssh",
        "risk": "low", "assets": [shop.yard.server], f"way_{shop.yard.server}": other, "window_from": "+1h",
        "window_until": "+4h", "technicians": [shop.yard.shop.ids["max"]], "items": [shop.yard.tool],
        "plan": "Read.", "impact": "None.", "rollback": "Nothing to put back.", "agreement_id": shop.yard.agreement,
        "do": "submit",
    }  # fmt: skip
    made = iris.post("/tickets/new/", form, follow=True)
    number = made.redirect_chain[-1][0].split("/")[2]
    assert tickets.ticket(number).assets == (TicketAsset(shop.yard.server, other),)
    assert "ops@10.0.0.9, port 22" in text_of(made)
    decide = text_of(sign_in(shop.yard.shop, "avery").get(f"/tickets/{number}/decide/"))
    assert "ops@10.0.0.9, port 22, elevation none (1 other not named)" in decide
    change = iris.get(f"/tickets/{number}/change/").content.decode()
    assert f'<option value="{other}" selected>' in change


def test_a_way_of_another_asset_is_not_taken(shop):
    second_way(shop)
    iris = sign_in(shop.yard.shop, "iris")
    form = {"title": "x", "assets": [shop.yard.server], f"way_{shop.yard.server}": "co_strange"}
    assert "is not one of the available choices" in text_of(iris.post("/tickets/new/", form))


def test_standard_work_keeps_the_way_in_that_was_chosen(shop):
    other = second_way(shop)
    ticket = shop.yard.submitted()
    iris = sign_in(shop.yard.shop, "iris")
    form = {"name": "Monthly patch", "window_hours": "2", f"way_{shop.yard.server}": other}
    iris.post(f"/tickets/{ticket.number}/standard/", form)
    (template,) = tickets.templates(shop.clock.now())
    assert template.content.assets == (TicketAsset(shop.yard.server, other),)
    for key, role in (("avery", "approver"), ("casey", "cui_owner")):
        page = sign_in(shop.yard.shop, key).get(f"/tickets/standard/{template.id}/")
        assert "through ops@10.0.0.9, port 22" in text_of(page)
        keep_templates.approve(
            shop.yard.actor(key), shop.clock, template.id, role=tickets.ApprovalRole(role),
            shown_hash=hidden(page, "content_hash"), reason="Routine.",
        )  # fmt: skip
    assert "fs01.example.test through ops@10.0.0.9" in text_of(iris.get("/tickets/standard/"))


def test_the_asset_page_tells_its_history(shop):
    number = closed(shop)
    page = sign_in(shop.yard.shop, "iris").get(f"/assets/{shop.yard.server}/")
    said = text_of(page)
    for part in ("Maintenance on record", "12 months, from closed tickets", "1 done", "nothing on record", number,
                 "Backups and drills", "none on record", "Baselines and differences", "Who may maintain it",
                 "by hand", "What is known"):  # fmt: skip
        assert part in said, part
    assert page.content.decode().count('<li class="none"') == 11


def test_an_approver_is_told_what_changed_since_the_page_was_shown(shop):
    ticket = shop.yard.submitted(window=ahead(shop, 2))
    avery = sign_in(shop.yard.shop, "avery")
    first = text_of(avery.get(f"/tickets/{ticket.number}/decide/"))
    assert "Changed since" not in first
    assert "No other work touches these assets" in first
    assert "Never drilled" in first
    looks = list(
        evidence.entries(events=["evidence.viewed"], object=evidence.ObjectRef("artifact", ticket.content_hash))
    )
    assert [(look.actor_id, look.data["of"]) for look in looks] == [(shop.yard.shop.ids["avery"], ticket.number)]
    changed = shop.yard.content(title=ticket.title, window=ahead(shop, 2), plan="Install the fix and reboot.")
    requesting.edit(shop.yard.actor("iris"), shop.clock, ticket.number, changed, version=ticket.version)
    now = tickets.ticket(ticket.number)
    requesting.freeze_again(shop.yard.actor("iris"), shop.clock, now.number)
    for _ in range(2):  # looking twice does not make the difference go away
        again = text_of(avery.get(f"/tickets/{ticket.number}/decide/"))
        assert "Changed since it was shown to you" in again
        assert "Install the fix and reboot." in again
    casey = text_of(sign_in(shop.yard.shop, "casey").get(f"/tickets/{ticket.number}/decide/"))
    assert "Changed since" not in casey


def test_what_moved_under_a_frozen_ticket_is_frozen_anew_on_its_page(shop):
    """A policy adopted while a ticket waits: without the button nobody could approve it and no page said how."""
    ticket = shop.yard.submitted(window=ahead(shop, 2))
    keep_policy.change_setting(
        shop.yard.actor("iris"), shop.clock, "idle_minutes_terminal", 20, reason="Long installations."
    )
    iris, avery = sign_in(shop.yard.shop, "iris"), sign_in(shop.yard.shop, "avery")
    assert "Freeze as it is now" in text_of(avery.get(f"/tickets/{ticket.number}/decide/"))
    assert "can't be approved before it is frozen anew" in text_of(avery.get("/"))
    assert "Freeze as it is now" not in text_of(avery.get(f"/tickets/{ticket.number}/"))
    assert ticket.number in text_of(iris.get("/policy/settings/idle_minutes_terminal/"))
    assert "Freeze as it is now" in text_of(iris.get(f"/tickets/{ticket.number}/"))
    iris.post(f"/tickets/{ticket.number}/freeze/")
    assert tickets.ticket(ticket.number).content_hash != ticket.content_hash
    assert "Freeze as it is now" not in text_of(avery.get(f"/tickets/{ticket.number}/decide/"))


def test_void_approvals_are_told_to_whoever_freezes_anew_and_to_whoever_gave_them(shop):
    """Control: 3.7.2[d]. A policy adopted after approval: nobody would know before the window begins."""
    ticket = shop.yard.scheduled(window=ahead(shop, 2))
    people = {key: sign_in(shop.yard.shop, key) for key in ("iris", "max", "avery", "casey")}
    freeze, void = f"Freeze {ticket.number} anew", f"Your approval of {ticket.number} no longer counts"
    assert freeze not in text_of(people["iris"].get("/"))
    assert "Void" not in text_of(people["iris"].get(f"/tickets/{ticket.number}/"))
    keep_policy.change_setting(shop.yard.actor("iris"), shop.clock, "idle_minutes_terminal", 20, reason="Long work.")
    for key, told in (("iris", freeze), ("max", freeze), ("avery", void), ("casey", void)):
        said = text_of(people[key].get("/"))
        assert told in said, key
        assert "Prepare and open" not in said, key
    shown = text_of(people["casey"].get(f"/tickets/{ticket.number}/?tab=plan"))
    assert "Void given before the policy was changed" in shown
    assert "void: given before the policy was changed" in shown
    people["iris"].post(f"/tickets/{ticket.number}/freeze/")
    assert freeze not in text_of(people["iris"].get("/"))
    said = text_of(people["avery"].get("/"))
    assert void not in said
    assert "Decide as" in said


def test_an_approver_is_told_that_and_why_it_cannot_be_approved_yet(shop):
    first = shop.yard.submitted(window=ahead(shop, 2))
    second = shop.yard.submitted(window=ahead(shop, 2))
    page = text_of(sign_in(shop.yard.shop, "avery").get(f"/tickets/{first.number}/decide/"))
    assert "It can't be approved yet." in page
    assert "Conflict" in page
    assert second.number in page


class Doors:
    """A stranger who finds what the test says."""

    def __init__(self, *offered: str) -> None:
        self.offered = offered

    def knock(self, destination: object, *, source: str, now: object) -> Probe:
        return Probe(22, reached=True, offered=self.offered, entered_with=(), source=source)


def test_the_first_run_leads_to_a_target_and_tries_its_doors(shop, monkeypatch):
    iris = sign_in(shop.yard.shop, "iris")
    page = text_of(iris.get("/first-run/"))
    assert "qd gate target-setup fs01.example.test --account maint" in page
    assert "Planned work is announced 1 d before its window" in page
    assert "two different people" in page
    assert "0 of 5" not in page
    monkeypatch.setattr(wiring, "stranger", lambda: Doors("publickey", "password"))
    tried = text_of(iris.post("/first-run/test/", {"target": shop.yard.connection}))
    assert "not shut yet" in tried
    assert "it offers password besides publickey" in tried
    monkeypatch.setattr(wiring, "stranger", lambda: Doors("publickey"))
    assert "let no stranger in" in text_of(iris.post("/first-run/test/", {"target": shop.yard.connection}))
    assert "no such way in any more" in text_of(iris.post("/first-run/test/", {"target": "co_gone"}))
    assert sign_in(shop.yard.shop, "max").post("/first-run/test/", {}).status_code == 403


def test_a_new_organisation_is_led_to_the_first_run_from_my_work(shop):
    iris = sign_in(shop.yard.shop, "iris")
    assert "Go on with the first run" in text_of(iris.get("/"))
    shop.yard.submitted()
    assert "Go on with the first run" not in text_of(iris.get("/"))
    waiting = text_of(iris.get("/"))
    assert "approver: Avery Approver · CUI owner: Casey Owner" in waiting


def test_looking_never_writes_the_session_that_another_request_may_be_writing(shop):
    """A session is saved whole: a page's own polls would take back a certificate that was just put into it."""
    shop.yard.submitted(title="Patch the server", window=ahead(shop, 1))
    avery = sign_in(shop.yard.shop, "avery")
    for path in ("/", "/live/", "/tickets/", "/sessions/"):
        answer = avery.get(path)
        assert not answer.wsgi_request.session.modified, path
        assert 'aria-label="Waiting for you: 1"' in answer.content.decode(), path
    avery.cookies["qd_waiting"] = "7:bent"
    assert 'aria-label="Waiting for you: 0"' in avery.get("/tickets/").content.decode()
