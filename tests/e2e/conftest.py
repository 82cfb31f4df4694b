"""The browser and the server of the pages, one of each for the whole run."""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright
from tests.ports import free_port
from tests.shop import password_of
from tests.waiting import wait_for

from quarterdeck.personnel.totp import code_of

ROOT = Path(__file__).resolve().parents[2]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = os.environ.get("QD_TEST_CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), "")
QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
DESKTOP, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


@dataclass
class WebShop:
    """Where the pages are, who can sign in, and what stands in the database."""

    address: str
    seed: dict[str, Any]
    folder: Path
    browser: Browser = field(init=False)
    signed_in: dict[str, Path] = field(default_factory=dict)
    trouble: list[str] = field(default_factory=list)
    opened: list[BrowserContext] = field(default_factory=list)

    def page(self, key: str, *, size: dict[str, int] | None = None, dark: bool = False, **more: Any) -> Page:
        """Return a page of this person; what the console complains about is kept in `trouble`."""
        context = self.browser.new_context(
            base_url=self.address, storage_state=str(self._state(key)), viewport=size or DESKTOP,
            color_scheme="dark" if dark else "light", timezone_id="America/New_York", **more,
        )  # fmt: skip
        self.opened.append(context)
        page = context.new_page()
        page.on("console", lambda said: self.trouble.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.trouble.append(str(error)))
        return page

    def tidy(self) -> None:
        """Close the pages of a test, which go on asking, and forget what they complained about."""
        while self.opened:
            self.opened.pop().close()
        self.trouble.clear()

    def _state(self, key: str) -> Path:
        if key not in self.signed_in:
            context = self.browser.new_context(base_url=self.address)
            self.sign_in(context, key)
            self.signed_in[key] = self.folder / f"{key}.json"
            context.storage_state(path=str(self.signed_in[key]))
            context.close()
        return self.signed_in[key]

    def sign_in(self, context: BrowserContext, key: str) -> None:
        """Sign in as a person does: mail address, password, then the six digits (or a recovery code)."""
        page = context.new_page()
        page.goto("/accounts/login/")
        page.get_by_label("Email").or_(page.locator("[name=login]")).first.fill(f"{key}@example.test")
        page.locator("[name=password]").fill(password_of(key))
        page.keyboard.press("Enter")
        page.wait_for_url("**/2fa/authenticate/**")
        page.locator("[name=code]").fill(self.second_factor(key))
        page.keyboard.press("Enter")
        page.wait_for_url(lambda url: "/accounts/" not in url)
        page.close()

    def second_factor(self, key: str) -> str:
        """Return a code that was not used yet: the app's next, then recovery codes."""
        codes = self.seed["recovery"][key]
        if key not in self.signed_in and len(codes) == 10:
            self.seed["recovery"][key] = codes[1:]
            return code_of(self.seed["secrets"][key], int(time.time()) // 30 + 1)
        return str(codes.pop())


# The browser's event loop must not outlive a file: it would stand in the way of Django's database in other tests.
@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    if not CHROMIUM:
        pytest.skip(f"NOT RUN HERE: no browser. Install one of {', '.join(BROWSERS)} to test the web.")
    found = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
    yield found
    found.close()


@pytest.fixture(scope="module")
def web_shop(web_server: WebShop, browser: Browser) -> WebShop:
    web_server.browser = browser
    return web_server


@pytest.fixture(autouse=True)
def _tidied(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test's pages end with it, whatever it thought of them."""
    yield
    if "web_shop" in request.fixturenames:
        request.getfixturevalue("web_shop").tidy()


@pytest.fixture(scope="session")
def web_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebShop]:
    folder = tmp_path_factory.mktemp("web")
    data, seed = folder / "data", folder / "seed.json"
    data.mkdir(mode=0o700)
    (data / "secret_key").write_text("only for this test " * 4)
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("QD_")} | {
        "QD_DATA_DIR": str(data), "QD_WEB_PORT": str(port), "QD_ORGANISATION": "Harbour Precision Inc.",
        "QD_TIME_ZONE": "America/New_York", "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
        "DJANGO_SETTINGS_MODULE": "quarterdeck.settings", "QD_SMTP_HOST": "127.0.0.1",
        "QD_SYSLOG_ADDRESS": "tls:siem.example.test:6514", "QD_SYSLOG_GRADE": "independent",
    }  # fmt: skip
    log = (folder / "server.log").open("wb")
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.e2e.web_shop", str(port), str(seed)], cwd=ROOT, env=environment, stdout=log,
        stderr=log,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        _wait(address, server, folder / "server.log")
        yield WebShop(address, json.loads(seed.read_text()), folder)
    finally:
        server.terminate()
        server.wait(timeout=20)
        log.close()


def _wait(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    """Poll the login page until it answers; the machine may be busy."""

    def answers() -> bool:
        if server.poll() is not None:
            raise RuntimeError(log.read_text())
        try:
            with urllib.request.urlopen(f"{address}/accounts/login/", timeout=30) as answer:  # noqa: S310  loopback
                return bool(answer.status == 200)
        except OSError:
            return False

    wait_for(answers, 300, lambda: f"an answer of the server ({log.read_text()})", pause=0.2)
