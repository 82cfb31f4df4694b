"""What each person comes for, done in the browser as that person: no act here goes around the pages."""

import os
import re
import subprocess
import time
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from tests.e2e.harbour.building import STEP_UP_SECONDS, Harbour
from tests.e2e.harbour.conftest import Visit
from tests.e2e.harbour.tab import PATIENCE_MS, PHONE, Tab

_CSV = """Computer,Keeper,Holds CUI,Shelf,Category
label01,iris@example.test,yes,Shipping,cui_asset
gauge01,casey@example.test,yes,Inspection,cui_asset
-oProxyCommand,iris@example.test,yes,Shipping,cui_asset
"""


def _told(page: Page, words: str) -> None:
    expect(page.locator("#main")).to_contain_text(words)


# ---- Iris, who leads IT


def test_iris_sees_in_the_first_run_what_is_done_and_imports_a_csv(visit: Visit, shop: Harbour, tmp_path: Path) -> None:
    file = tmp_path / "machines.csv"
    file.write_text(_CSV)
    page = visit("iris").go("/first-run/")
    expect(page.get_by_role("heading", level=2)).to_have_count(5)
    _told(page, "5 of 5 steps are done")
    page.get_by_label("A CSV with one machine a row").set_input_files(file)
    page.get_by_role("button", name="Look at the difference").click()

    expect(page.get_by_label("Meaning of Computer")).to_have_value("hostname")
    page.get_by_label("Meaning of Keeper").select_option("owner")
    page.get_by_label("Meaning of Holds CUI").select_option("handles_cui")
    page.get_by_label("Meaning of Shelf").select_option("location")
    page.get_by_role("button", name="Map again").click()
    mend = page.get_by_role("region", name="Rows to mend")
    expect(mend).to_contain_text('"-oproxycommand" is not a host name')
    expect(page.get_by_role("button", name=re.compile("^Import"))).to_have_count(0)

    page.get_by_label("Leave these rows out and import the rest").check()
    page.get_by_role("button", name="Look again").click()
    expect(page.get_by_role("region", name="3 · Difference")).to_contain_text("gauge01")
    assert "gauge01" not in {one["hostname"] for one in shop.shop.api("iris").call("GET", "/assets")}
    page.get_by_role("button", name="Import 2").click()
    _told(page, "2 added, 0 changed")
    page.get_by_role("searchbox", name="Search assets").fill("gauge")
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page).to_have_url(re.compile(r"q=gauge"))


def test_iris_writes_a_ticket_and_an_error_keeps_what_she_typed(visit: Visit) -> None:
    page = visit("iris").go("/tickets/new/")
    page.get_by_label("What is done, in one line").fill("Patch the job tracking")
    page.get_by_label("Why").select_option("preventive")
    page.get_by_role("checkbox", name=re.compile(r"^app01 ")).check()
    page.get_by_role("checkbox", name=re.compile("^Max Ortega")).check()
    page.get_by_label(re.compile("^Vendor agreement")).select_option(index=1)
    page.get_by_label(re.compile("^Plan")).fill("Install the November patches.")
    page.get_by_label(re.compile("^Impact")).fill("Ten minutes without job tracking.")
    page.get_by_label(re.compile("^Rollback")).fill("Restore the snapshot of the morning.")
    page.get_by_role("checkbox", name=re.compile("Share service configuration")).check()
    page.get_by_label("From", exact=True).fill("Saturday week at dusk")
    page.get_by_label("Until", exact=True).fill("+3h")
    expect(page.locator("#said-from")).not_to_contain_text("As you would say it")
    page.get_by_role("button", name="Submit for approval").click()

    wrong = page.get_by_label("From", exact=True)
    expect(wrong).to_be_focused()
    expect(wrong).to_have_value("Saturday week at dusk")
    expect(wrong).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("What is done, in one line")).to_have_value("Patch the job tracking")
    expect(page.get_by_label(re.compile("^Plan"))).to_have_value("Install the November patches.")
    expect(page.get_by_role("checkbox", name=re.compile(r"^app01 "))).to_be_checked()

    wrong.fill(f"{datetime.now(UTC).date() + timedelta(days=50)} 18:00")  # noqa: TID251
    page.get_by_role("button", name="Submit for approval").click()
    page.wait_for_url(re.compile(r"/tickets/MT-\d{4}-\d{5}/$"))
    _told(page, "is submitted")
    _told(page, "Avery Brooks")


# ---- Max and Noor, who do the work


def test_max_finds_his_work_and_learns_who_holds_it(visit: Visit, shop: Harbour) -> None:
    page = visit("max").go("/")
    number = shop.tickets["scheduled"]
    page.goto(f"{shop.url}/tickets/{number}/")
    expect(page.get_by_role("region", name="Hold points")).to_contain_text("To open")
    page.goto(f"{shop.url}/tickets/{number}/work/")
    expect(page.get_by_role("button", name="Get the certificate")).to_have_count(0)
    expect(page.locator(".note").first).to_be_visible()
    page.get_by_role("link", name="Go to the ticket").click()
    page.wait_for_url(f"**/tickets/{number}/")


def test_noor_goes_from_her_work_to_a_certificate_for_her_own_key(visit: Visit, shop: Harbour, tmp_path: Path) -> None:
    key = tmp_path / "id_ecdsa"
    subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-C", "noor", "-f", str(key)], check=True, timeout=30)
    page = visit("noor").go("/")
    page.get_by_role("link", name=re.compile("Renew the certificate of the file shares")).first.click()
    page.get_by_role("link", name="Start work").click()
    expect(page.get_by_role("timer").first).to_contain_text("ends in")
    _told(page, "Erin Vance")
    page.get_by_label("Or its file").set_input_files(key.with_suffix(".pub"))
    page.get_by_role("button", name="Get the certificate").click()
    _told(page, "Your certificate is ready")
    expect(page.locator("code", has_text=re.compile(r"^ssh files01$"))).to_be_visible()
    link = page.get_by_role("link", name=re.compile(r"-cert\.pub"))
    with page.expect_download() as coming:
        link.click()
    assert coming.value.suggested_filename.endswith("-cert.pub")
    certificate = tmp_path / "id_ecdsa-cert.pub"
    coming.value.save_as(certificate)
    said = subprocess.run(["ssh-keygen", "-L", "-f", str(certificate)], capture_output=True, timeout=30, check=True)
    assert b"qd-entry-" in said.stdout
    assert certificate.read_text().startswith("ecdsa-sha2-nistp256-cert-v01@openssh.com")
    block = page.locator("#posix-block").inner_text()
    home = {**os.environ, "HOME": str(tmp_path)}
    subprocess.run(["/bin/sh"], input=block, text=True, env=home, check=True, timeout=30)
    (folder,) = (tmp_path / ".ssh" / "quarterdeck").iterdir()
    assert (folder / coming.value.suggested_filename).read_text() == certificate.read_text()
    page.set_viewport_size({"width": 360, "height": 740})
    page.locator("#without-qd details").evaluate_all("all => all.forEach(one => { one.open = true })")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    found = Axe().run(page).response["violations"]
    assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []


def test_erin_confirms_on_the_phone_that_she_is_present(visit: Visit, shop: Harbour) -> None:
    page = visit("erin", phone=True).go("/")
    page.get_by_role("link", name=re.compile("escort", re.IGNORECASE)).first.click()
    page.get_by_role("button", name="I am present as escort").click()
    expect(page.get_by_role("button", name="I am present as escort")).to_have_count(0)


# ---- Avery and Casey, who decide


def _code_asked(tab: Tab, path: str) -> Page:
    """Open the page when the last second factor is old."""
    deadline = time.monotonic() + STEP_UP_SECONDS + PATIENCE_MS / 1000
    while time.monotonic() < deadline:
        page = tab.go(path)
        if page.get_by_label("Code from your authenticator").count():
            return page
    raise AssertionError("the page never asked for the second factor again")


def test_avery_decides_on_the_phone_in_one_view_and_sees_what_an_edit_changed(visit: Visit, shop: Harbour) -> None:
    number = shop.tickets["for_phone"]
    tab = visit("avery", phone=True, impatient=True)
    page = _code_asked(tab, f"/tickets/{number}/decide/")
    for heading in ("What and why", "Impact", "On which assets", "By whom", "When", "Tools, techniques", "Rollback"):
        expect(page.get_by_role("heading", name=re.compile(heading))).to_be_visible()
    for said in ("files01", "CUI", "Max Ortega", "SOW-2026-03", "You are not the requester", "share.conf"):
        _told(page, said)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.get_by_label("Reason").fill("The old protocol has no user left.")
    page.get_by_label("Code from your authenticator").fill("000000")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_label("Code from your authenticator")).to_be_focused()
    expect(page.get_by_label("Reason")).to_have_value("The old protocol has no user left.")
    page.get_by_label("Code from your authenticator").fill(shop.member("avery").one_time_code())
    page.get_by_role("button", name="Approve").click()
    page.wait_for_url(f"**/tickets/{number}/")
    _told(page, f"You approved {number}")

    writer = visit("iris").go(f"/tickets/{number}/change/")
    _told(writer, "voids the approvals")
    writer.get_by_label(re.compile("^Impact")).fill("Two old scanners can no longer write to the shares.")
    writer.get_by_role("button", name=re.compile("Save|Submit")).first.click()
    writer.wait_for_url(f"**/tickets/{number}/")

    page = tab.go(f"/tickets/{number}/decide/")
    changed = page.get_by_role("region", name=re.compile("Changed since"))
    expect(changed).to_contain_text("Two old scanners")
    expect(page.get_by_role("button", name="Approve")).to_be_visible()


def test_casey_decides_for_the_owner_of_the_cui(visit: Visit, shop: Harbour) -> None:
    number = shop.tickets["for_casey"]
    page = visit("casey").go("/")
    waiting = page.get_by_role("region", name="Waiting for you").locator("li", has_text=number)
    waiting.get_by_role("link", name="Decide as CUI owner").click()
    page.wait_for_url(f"**/tickets/{number}/decide/")
    _told(page, "Avery Brooks approved")
    page.get_by_label("Reason").fill("The archive share has the same rights.")
    page.get_by_role("button", name="Approve").click()
    page.wait_for_url(f"**/tickets/{number}/")
    expect(page.locator("#main").get_by_text("Scheduled", exact=True).first).to_be_visible()


# ---- Quinn, who assesses


def test_quinn_reads_objectives_and_takes_the_package(visit: Visit, shop: Harbour, tmp_path: Path) -> None:
    page = visit("quinn").go("/")
    page.wait_for_url("**/desk/")
    objectives = page.get_by_role("region", name="Objectives of family MA")
    expect(objectives.locator("li")).to_have_count(10)
    objectives.get_by_role("link").filter(has_text="3.7.5").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("3.7.5")
    page.goto(f"{shop.url}/desk/")
    page.get_by_role("button", name="Draw a sample").click()
    _told(page, "the draw is entry #")
    expect(page.get_by_text("Drawn again: the same")).to_be_visible()
    page.goto(f"{shop.url}/desk/")
    with page.expect_download() as coming:
        page.get_by_role("region", name="Packages").get_by_role("link").filter(has_text=".zip").first.click()
    coming.value.save_as(tmp_path / "package.zip")
    with zipfile.ZipFile(tmp_path / "package.zip") as archive:
        assert archive.testzip() is None
        assert any(name.endswith("data/report.html") for name in archive.namelist())


def _of_the_terminal(page: Page, shop: Harbour) -> str:
    """Return the address of the session in which Max typed: of the three, the one with a prompt."""
    links = {str(one.get_attribute("href")) for one in page.locator("#tabs a[href*='/sessions/']").all()}
    for link in sorted(links):
        page.goto(f"{shop.url}{link}")
        if "logout" in str(page.locator("pre.transcript").text_content()):
            return link
    raise AssertionError("no session has a terminal")


def test_quinn_replays_a_session_with_speed_seek_and_search(visit: Visit, shop: Harbour) -> None:
    page = visit("quinn").go(f"/tickets/{shop.tickets['closed']}/?tab=sessions")
    page.goto(f"{shop.url}{_of_the_terminal(page, shop)}")
    player = page.get_by_role("application", name=re.compile("^Replay"))
    expect(player).to_be_visible()
    expect(page.locator("#replay-length")).to_have_text(re.compile(r"\d\d:\d\d"))
    expect(page.get_by_text("Intact")).to_be_visible()
    page.get_by_label("Speed").select_option("4")
    expect(player).to_be_visible()
    page.get_by_label("Search in the text").fill("max connections")
    expect(page.locator("#hits li").first).to_contain_text("max connections")
    # At a hit the screen shows what it showed then, and nothing that came later.
    terminal = page.locator(".ap-term")
    page.locator("#hits button", has_text="max connections = 50").click()
    expect(terminal).to_contain_text("max connections = 50")
    expect(terminal).not_to_contain_text("logout")
    page.get_by_label("Search in the text").fill("logout")
    page.locator("#hits button").last.click()
    expect(terminal).to_contain_text("logout")


def test_quinn_finds_no_way_to_write_but_ordering_and_the_server_refuses_one(visit: Visit, shop: Harbour) -> None:
    tab = visit("quinn")
    tab.expects(403, 404)
    for path in ("/tickets/", f"/tickets/{shop.tickets['shown']}/", "/assets/", "/people/", "/registers/"):
        page = tab.go(path)
        # The one thing an assessor may do with ticked tickets is to order their package.
        expect(page.locator("main form[method=post] button:not(.bulk button)")).to_have_count(0)
        expect(page.get_by_role("link", name=re.compile("^(New ticket|Add|Change|Import)"))).to_have_count(0)
    for path in ("/tickets/new/", "/assets/import/", "/people/add/", f"/tickets/{shop.tickets['shown']}/decide/"):
        answer = tab.page.goto(f"{tab.url}{path}")
        assert answer is not None
        assert answer.status in {403, 404}, path
    token = next(one["value"] for one in tab.page.context.cookies() if one["name"] == "csrftoken")
    for path in (f"tickets/{shop.tickets['shown']}/submit/", f"tickets/{shop.tickets['open']}/done/"):
        told = tab.page.request.post(
            f"{tab.url}/{path}", form={"csrfmiddlewaretoken": token}, headers={"Referer": tab.url}, max_redirects=0
        )
        assert told.status == 403
