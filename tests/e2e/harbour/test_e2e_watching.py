"""Erin watches Noor work: nothing passes without her, she pauses, speaks, leaves, comes back, ends; then the replay."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from tests.e2e.harbour.building import Harbour
from tests.e2e.harbour.conftest import Visit
from tests.e2e.harbour.tab import Tab
from tests.lab.gate_lab import Terminal, needs_terminal, wait_for

from quarterdeck.entrypoints.cli.access_folder import write

SHOTS = os.environ.get("QD_TEST_SHOTS", "")


@pytest.fixture(scope="module")
def access(shop: Harbour, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the SSH config with which Noor works on the open ticket."""
    home = tmp_path_factory.mktemp("noor")
    key = home / "id_ecdsa"
    subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", str(key)], check=True, timeout=30)
    api, folder = shop.shop.api("noor"), home / "ticket"
    api.step_up()
    api.call("POST", "/keys", {"public_key": key.with_suffix(".pub").read_text()})
    told = api.call(
        "POST",
        f"/tickets/{shop.tickets['open']}/access",
        {
            "public_key": key.with_suffix(".pub").read_text(),
            "folder": str(folder),
            "identity_file": str(key),
        },
    )
    return write(folder, told)


@contextmanager
def terminal(access: Path) -> Iterator[Terminal]:
    with Terminal(["ssh", "-F", str(access), "-tt", "-o", "BatchMode=yes", "files01"], columns=90) as working:
        yield working


def opened(tab: Tab, path: str) -> Page:
    """Open a page that never stands still: it keeps a stream open."""
    tab.page.goto(f"{tab.url}{path}", wait_until="domcontentloaded")
    return tab.page


def newest(shop: Harbour, nth: int = 0) -> str:
    """Return the address of the session of the ticket that runs, once it runs."""

    def running() -> list[str]:
        rows = shop.shop.api("iris").call("GET", f"/sessions?ticket={shop.tickets['open']}")
        return [row["id"] for row in rows if row["state"] == "running"]

    found = wait_for(lambda: running() if len(running()) > nth else None, what="a running session")
    return f"/sessions/{found[nth]}/"


def screen(page: Page) -> object:
    return page.locator("#live-box .ap-term, #live-box .ap-terminal").first


def shot(page: Page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)


@needs_terminal
def test_erin_watches_pauses_resumes_leaves_and_ends(visit: Visit, shop: Harbour, access: Path, tmp_path: Path) -> None:
    tab, lead = visit("erin"), visit("iris", phone=True, dark=True)
    with terminal(access) as noor:
        noor.expect(b"Waiting for your escort Erin Vance")
        address = newest(shop)
        front = opened(tab, "/sessions/?state=running")
        expect(front.locator(".chip.running .dot-red")).to_be_visible()
        expect(front.locator("#main")).to_contain_text("Waits for the escort Erin Vance; nobody watches")
        shot(front, "list-desktop-light")
        page = opened(tab, address)
        expect(page.locator("#live-word")).to_have_text("Live")
        expect(page.locator("#live-absent")).to_contain_text("the escort Erin Vance is not here")
        shot(page, "absent-desktop-light")
        noor.expect(b"Erin Vance watches this session")
        page.keyboard.press("y")
        noor.expect(b"Your escort Erin Vance is watching")
        expect(page.locator("#live-here")).to_be_visible()

        # within a second of the technician, measured from the recorded line
        noor.type("echo a-first-li''ne; date +%s.%N\n")
        noor.expect(b"a-first-line")
        shown = time.monotonic()
        expect(screen(page)).to_contain_text("a-first-line", timeout=1500)
        assert time.monotonic() - shown < 1.5

        noor.resize(100, 30)
        phone = opened(lead, address)
        expect(screen(phone)).to_contain_text("a-first-line")
        expect(page.locator("#live-watchers")).to_contain_text("Iris")
        noor.expect(rb"Iris \w+ watches this session")
        assert phone.evaluate("document.documentElement.scrollWidth") == 390
        shot(phone, "live-phone-dark")
        beside = opened(visit("noor", dark=True), f"/tickets/{shop.tickets['open']}/work/")
        expect(beside.locator("#watching")).to_contain_text("Watched by Erin Vance, Iris")
        shot(beside, "start-desktop-dark")

        page.keyboard.press("p")
        noor.expect(b"Paused by Erin Vance")
        expect(page.locator("#live-paused")).to_contain_text("Paused by Erin Vance")
        expect(phone.locator("#live-paused")).to_be_visible()
        expect(page.locator("#live-pause")).to_be_disabled()
        noor.type("echo held-ba''ck\n")
        page.get_by_label("Message to the terminal").fill("Look at the ticket first, please.")
        page.get_by_role("button", name="Send").click()
        noor.expect(b"Message of Erin Vance: Look at the ticket first, please.")
        expect(screen(page)).to_contain_text("Look at the ticket first")
        assert b"held-back" not in noor.seen
        shot(page, "paused-desktop-light")
        page.get_by_role("button", name="Resume").click()
        noor.expect(b"Resumed by Erin Vance")
        noor.expect(b"held-back")

        page.get_by_role("button", name="From the beginning").click()
        expect(page.locator("#live-box .ap-control-bar")).to_be_visible()
        page.get_by_role("button", name="Back to live").click()
        expect(screen(page)).to_contain_text("held-back")

        # a copy runs under the same eyes
        source = tmp_path / "drawing.txt"
        source.write_text("x" * 5000)
        copied = subprocess.run(
            ["scp", "-F", str(access), "-o", "BatchMode=yes", str(source), f"files01:{tmp_path}/there"],
            capture_output=True, timeout=60, check=False,
        )  # fmt: skip
        assert copied.returncode == 0, copied.stderr

        page.close()
        noor.expect(b"Your escort Erin Vance has left, so your input waits", seconds=15)
        noor.type("echo unseen-wo''rk\n")
        back = tab.page.context.new_page()
        back.goto(f"{tab.url}{address}", wait_until="domcontentloaded")
        noor.expect(b"Your escort Erin Vance is watching. Go on.")
        noor.expect(b"unseen-work")
        shot(back, "present-desktop-light")

        back.get_by_label("End the session, because").fill("the wrong share")
        pressed = time.monotonic()
        back.get_by_role("button", name="End it").click()
        noor.expect(b"Ended by Erin Vance: the wrong share", seconds=5)
        assert noor.status() == 255
        assert time.monotonic() - pressed < 3
        expect(back.locator("#live-over")).to_contain_text("Ended by Erin Vance: the wrong share")
        shot(back, "ended-desktop-light")
        expect(phone.locator("#live-over")).to_be_visible()
        back.get_by_role("link", name="Open the replay").click()
        expect(back.locator("#replay-length")).not_to_have_text("…")
        expect(back.locator("dl.facts").first).to_contain_text("Ended by Erin Vance: the wrong share")
        back.get_by_placeholder("Search in the text, jump to the time").fill("held-back")
        back.locator("#hits button").first.click()
        expect(back.locator(".player-box .ap-term, .player-box .ap-terminal").first).to_contain_text("held-back")
        shot(back, "replay-desktop-light")
        _files_are_shown(back, tab, shop)


def _files_are_shown(page: Page, tab: Tab, shop: Harbour) -> None:
    rows = shop.shop.api("erin").call("GET", f"/sessions?ticket={shop.tickets['open']}")
    copy = next(row for row in rows if row["work"] == "transfer")
    page.goto(f"{tab.url}/sessions/{copy['id']}/")
    expect(page.locator("#main")).to_contain_text("5,000 bytes")


def test_erins_page_goes_on_to_the_next_session_of_the_ticket(visit: Visit, shop: Harbour, access: Path) -> None:
    """Commands last seconds: each waits until her page has come along, and none begins before."""
    tab = visit("erin")
    with command(access, "echo one") as first:
        page = opened(tab, newest(shop))
        if page.locator("#live-present").is_visible():
            page.locator("#live-present").click()
        out, _ = first.communicate(timeout=20)
        assert b"one" in out
    expect(page.locator("#live-over")).to_be_visible()
    with command(access, "echo two") as second:
        out, said = second.communicate(timeout=30)
        assert b"two" in out, said
    page.wait_for_url(lambda url: "/sessions/" in url)
    shot(page, "next-desktop-light")


@contextmanager
def command(access: Path, words: str) -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen(
        ["ssh", "-F", str(access), "-o", "BatchMode=yes", "files01", words],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        yield process
        process.kill()


@needs_terminal
def test_qd_watches_as_escort_and_gives_orders(shop: Harbour, access: Path, tmp_path: Path) -> None:
    member = shop.member("erin")
    (tmp_path / "password").write_text(member.password)
    environment = shop.shop.stage.environment | {"QD_TOKEN_FILE": str(tmp_path / "token"), "QD_URL": shop.url}
    qd = [sys.executable, "-m", "quarterdeck.entrypoints.cli"]

    def run(*words: str) -> str:
        done = subprocess.run([*qd, *words], env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("login", "--email", member.email, "--password-file", str(tmp_path / "password"), "--code",
        member.one_time_code())  # fmt: skip
    with terminal(access) as noor:
        noor.expect(b"Waiting for your escort")
        session = newest(shop).split("/")[2]
        watching = subprocess.Popen(
            [*qd, "session", "watch", session, "--present"], env=environment, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            os.set_blocking(watching.stdout.fileno(), False)
            noor.expect(b"Go on")
            noor.type("printf 'te''xt \\033]52;c;eA==\\007\\033[31mred\\n'\n")
            noor.expect(b"text .*red")
            since = time.monotonic()
            seen = read_until(watching, b"text red\n")
            assert time.monotonic() - since < 1.0
            assert b"\x1b" not in seen
            run("session", "pause", session)
            noor.expect(b"Paused by Erin Vance")
            assert "paused by" in run("session", "show", session)
            run("session", "message", session, "--text", "one moment")
            noor.expect(b"Message of Erin Vance: one moment")
            run("session", "resume", session)
            noor.expect(b"Resumed by Erin Vance")
            watching.send_signal(signal.SIGINT)
            watching.wait(10)
            noor.expect(b"has left, so your input waits", seconds=15)
            run("session", "end", session, "--reason", "enough for today")
            noor.expect(b"Ended by Erin Vance: enough for today")
            noor.status()
        finally:
            watching.kill()
            watching.wait()
            watching.stdout.close()


def read_until(process: "subprocess.Popen[bytes]", words: bytes) -> bytes:
    """Return what a process wrote once these words are in it."""
    seen = bytearray()

    def found() -> bool:
        seen.extend(process.stdout.read() or b"")
        return words in seen

    wait_for(found, what=lambda: f"{words!r} in {bytes(seen)!r}")
    return bytes(seen)


@needs_terminal
def test_watching_without_a_script_reads_the_text(visit: Visit, shop: Harbour, access: Path) -> None:
    tab = visit("erin")
    with terminal(access) as noor:
        noor.expect(b"Waiting for your escort")
        address = newest(shop)
        page = opened(tab, f"{address}so-far/")
        expect(page.get_by_role("heading", name="Text so far")).to_be_visible()
        assert page.request.get(f"{tab.url}{address}so-far/").headers["refresh"] == "8"
        noor.expect(b"Erin Vance watches this session")
        with pytest.raises(AssertionError):
            expect(page.locator("#live-box")).to_be_visible(timeout=200)
