"""Every list page has every manner of the one list; bulk acts show a preview, leave out what may not, and say so."""

import io
import zipfile

import pytest
from tests.package_shop import PackageShop
from tests.shop import FAST_HASHER
from tests.ticket_yard import HOST_KEY
from tests.web_shop_floor import closed, floor
from tests.web_visitor import sign_in, text_of

from quarterdeck.assessor import api as assessor
from quarterdeck.inventory import api as inventory
from quarterdeck.personnel import api as personnel
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import State
from quarterdeck.tools import api as tools
from quarterdeck.workflows import attend_assessor, export_package, keep_templates

pytestmark = pytest.mark.django_db(transaction=True)
# Page, what stands in it, the heading of a column, and whether rows can be ticked by an IT lead.
LISTS = {
    "/tickets/": ("tickets", "Window from", True),
    "/sessions/": ("sessions", "Began", True),
    "/assets/": ("assets", "Category", True),
    "/people/": ("people", "Second factor", True),
    "/registers/": ("items", "Review due", True),
    "/registers/ways-in/": ("ways in", "Second factor", False),
    "/backups/": ("assets", "Newest proof", False),
    "/objectives/": ("objectives", "Proposed", False),
    "/objectives/?r=3": ("determinations", "Asks the same as", False),
    "/questions/": ("questions", "Asked by", False),
    "/evidence/packages/all/": ("packages", "Ordered by", False),
    "/evidence/checkpoints/": ("checkpoints", "Held outside", False),
    "/tickets/standard/": ("templates", "Approved until", False),
}


@pytest.fixture
def shop(settings: object) -> PackageShop:
    settings.PASSWORD_HASHERS = FAST_HASHER  # type: ignore[attr-defined]
    return floor()


def _filled(shop: PackageShop) -> None:
    """One row at least in every list but the checkpoints, which a sealer makes."""
    number = closed(shop)
    yard = shop.yard
    inventory.add_entry_point(
        inventory.EntryPointFields(kind="rmm", name="Tunnel of the MSP"), actor=yard.actor("iris"), clock=yard.clock
    )
    attend_assessor.ask_question(yard.actor("quinn"), yard.clock, "Where is the plan?")
    content = tickets.ticket(number).content
    keep_templates.add(yard.actor("iris"), yard.clock, "Monthly patch", content, window_hours=2)
    assessor.order_package(yard.actor("iris"), yard.clock, assessor.Scope((number,)), assessor.Recipient())


def test_every_list_searches_filters_sorts_counts_exports_and_keeps_views(shop):
    _filled(shop)
    iris = sign_in(shop.yard.shop, "iris")
    for path, (noun, heading, ticked) in LISTS.items():
        page = iris.get(path)
        said = page.content.decode()
        if path == "/evidence/checkpoints/" or path == "/sessions/":
            assert "yet" in text_of(page), path
            continue
        for part in (f'aria-label="Search {noun}"', "data-column=", "data-set-density=", "data-keep-view",
                     "export=csv", "export=xlsx", f">{heading}", 'role="menuitemcheckbox"'):  # fmt: skip
            assert part in said, (path, part)
        assert ("data-pick-all" in said) == ticked, path
        join = "&" if "?" in path else "?"
        sheet = iris.get(f"{path}{join}export=csv")
        assert sheet["Content-Disposition"].startswith("attachment"), path
        assert heading in sheet.content.decode(), path
        with zipfile.ZipFile(io.BytesIO(iris.get(f"{path}{join}export=xlsx").content)) as book:
            assert heading in book.read("xl/worksheets/sheet1.xml").decode(), path
        nothing = iris.get(f"{path}{join}q=there-is-no-such-thing")
        assert "Nothing fits" in text_of(nothing), path


def test_empty_lists_teach_and_offer_the_first_act_to_whom_may(settings):
    settings.PASSWORD_HASHERS = FAST_HASHER
    shop = floor()
    iris, max_ = sign_in(shop.yard.shop, "iris"), sign_in(shop.yard.shop, "max")
    assert "Request the first ticket" in text_of(iris.get("/tickets/"))
    assert "Add a way in" in text_of(iris.get("/registers/ways-in/"))
    page = text_of(max_.get("/registers/ways-in/"))
    assert "No other way in is registered" in page
    assert "Add a way in" not in page


def test_tickets_are_withdrawn_together_after_a_preview(shop):
    done = closed(shop)
    drafts = [shop.yard.submitted(title=f"Work {n}").number for n in (1, 2)]
    iris = sign_in(shop.yard.shop, "iris")
    send = {"chosen": [*drafts, done, "MT-2026-09999"]}
    preview = text_of(iris.post("/tickets/chosen/withdraw/", send))
    assert "2 of 3 chosen" in preview
    assert "Will be withdrawn" in preview
    assert "Left out" in preview
    assert tickets.ticket(drafts[0]).state is State.SUBMITTED
    without = iris.post("/tickets/chosen/withdraw/", send | {"do": "yes", "reason": ""})
    assert "Please fill this in." in text_of(without)
    after = iris.post("/tickets/chosen/withdraw/", send | {"do": "yes", "reason": "Not needed."}, follow=True)
    assert "2 withdrawn." in text_of(after)
    assert [tickets.ticket(number).state for number in (*drafts, done)] == [
        State.WITHDRAWN, State.WITHDRAWN, State.CLOSED,
    ]  # fmt: skip
    assert "tick the rows first" in text_of(iris.post("/tickets/chosen/withdraw/", {}, follow=True))
    assert iris.get("/tickets/chosen/withdraw/").status_code == 405
    assert sign_in(shop.yard.shop, "casey").post("/tickets/chosen/withdraw/", send).status_code == 403


def test_a_technician_does_not_withdraw_the_tickets_of_others(shop):
    number = shop.yard.submitted().number
    max_ = sign_in(shop.yard.shop, "max")
    preview = text_of(max_.post("/tickets/chosen/withdraw/", {"chosen": [number]}))
    assert "Only its requester or the IT lead" in preview
    max_.post("/tickets/chosen/withdraw/", {"chosen": [number], "do": "yes", "reason": "Mine now."})
    assert tickets.ticket(number).state is State.SUBMITTED


def test_one_package_of_several_tickets_tells_first_what_it_holds(shop):
    numbers = [closed(shop), closed(shop)]
    quinn = sign_in(shop.yard.shop, "quinn")
    preview = text_of(quinn.post("/tickets/chosen/package/", {"chosen": numbers}))
    assert "2 tickets," in preview
    assert "Recording of a session" in preview
    assert assessor.orders() == []
    made = quinn.post("/tickets/chosen/package/", {"chosen": numbers, "do": "yes"}, follow=True)
    assert "is being made" in text_of(made)
    assert assessor.orders()[0].tickets == tuple(sorted(numbers))


def test_a_package_of_several_tickets_is_addressed_and_asks_the_cui_owner_for_all(shop):
    numbers = sorted(closed(shop, recording=b"film %d" % one) for one in range(3))
    export_package.consent(shop.yard.actor("casey"), shop.yard.clock, numbers[0])
    quinn = sign_in(shop.yard.shop, "quinn")
    shown = quinn.post("/tickets/chosen/package/", {"chosen": numbers})
    preview = text_of(shown)
    assert "given 1 , not asked for yet 2 . What lacks it stays here." in preview
    assert "Ask the CUI owner for all 2" in preview
    html = shown.content.decode()
    assert html.index("</form>", html.index('id="chosen-rows"')) < html.index("consents/ask"), "no form inside another"
    asked = quinn.post("/evidence/consents/ask/", {"ticket": numbers}, headers={"HX-Request": "true"})
    assert "Asked for 2 tickets" in text_of(asked)
    assert "1 refused" in text_of(asked)
    assert assessor.consents_asked() == numbers[1:]
    assert "asked for 2" in text_of(quinn.post("/tickets/chosen/package/", {"chosen": numbers}))
    assert sign_in(shop.yard.shop, "max").post("/evidence/consents/ask/", {"ticket": numbers}).status_code == 403
    send = {"chosen": numbers, "do": "yes"}
    wrong = quinn.post("/tickets/chosen/package/", send | {"to": "certificate", "recipient": "nobody"})
    assert "nobody" in wrong.content.decode(), "what was typed is kept"
    assert assessor.orders() == []
    told = quinn.post("/tickets/chosen/package/", send | {"to": "passphrase"})
    assert "The passphrase, once" in text_of(told)
    (order,) = assessor.orders()
    assert (order.tickets, order.recipient.envelope) == (tuple(numbers), assessor.Envelope.PASSPHRASE)


def test_one_ticket_for_several_assets_is_the_form_filled(shop):
    iris = sign_in(shop.yard.shop, "iris")
    both = [shop.yard.server, shop.yard.printer]
    form = iris.post("/assets/chosen/ticket/", {"chosen": both}, follow=True).content.decode()
    assert form.count("checked") >= 2
    assert iris.post("/assets/chosen/ticket/", {}).headers["Location"] == "/assets/"


def test_assets_are_retired_together_but_not_those_in_use(shop):
    iris = sign_in(shop.yard.shop, "iris")
    shop.yard.submitted()
    chosen = {"chosen": [shop.yard.server, shop.yard.printer, "as_none"]}
    preview = text_of(iris.post("/assets/chosen/retire/", chosen))
    assert "is not over" in preview
    assert "1 of 2 chosen" in preview
    iris.post("/assets/chosen/retire/", chosen | {"do": "yes"})
    assert inventory.asset(shop.yard.server).active
    assert not inventory.asset(shop.yard.printer).active


def test_items_are_withdrawn_and_people_deactivated_together(shop):
    iris = sign_in(shop.yard.shop, "iris")
    iris.post("/registers/chosen/withdraw/", {"chosen": [shop.yard.tool, "it_none"], "do": "yes"})
    assert tools.item(shop.yard.tool).state is tools.ItemState.WITHDRAWN
    again = text_of(iris.post("/registers/chosen/withdraw/", {"chosen": [shop.yard.tool]}))
    assert "withdrawn already" in again
    ids = shop.yard.shop.ids
    preview = text_of(iris.post("/people/chosen/deactivate/", {"chosen": [ids["max"], ids["iris"]]}))
    assert "That is you." in preview
    iris.post("/people/chosen/deactivate/", {"chosen": [ids["max"], ids["iris"]], "do": "yes"})
    assert not personnel.person(ids["max"]).active
    assert personnel.person(ids["iris"]).active


def test_backups_say_what_is_proven_and_what_never_was(shop):
    page = text_of(sign_in(shop.yard.shop, "iris").get("/backups/"))
    assert "Never drilled" in page
    assert "No source" in page
    assert HOST_KEY not in page
