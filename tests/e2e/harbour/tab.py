"""One tab of one person: opened on a device, signed in for real, watched for everything that must not happen."""

from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Response, expect
from tests.e2e.harbour.building import Harbour

from quarterdeck.entrypoints.demo.people import Member

DESKTOP = {"width": 1280, "height": 860}
PHONE = {"width": 390, "height": 844}
NARROW = {"width": 360, "height": 740}
PATIENCE_MS = 15_000
# The policy's own report, in case a browser keeps a violation out of the console.
_WATCH_POLICY = """document.addEventListener("securitypolicyviolation", (event) =>
    console.error(`policy stopped ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`));"""

expect.set_options(timeout=PATIENCE_MS)


@dataclass  # no slots: playwright keeps a wrapper on the owner of each listener
class Tab:
    """A page with what went wrong on it."""

    page: Page
    shop: Harbour
    url: str
    problems: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    allowed: set[int] = field(default_factory=set)

    def go(self, path: str) -> Page:
        """Open a path of the shop and return the page when it stands still."""
        self.page.goto(f"{self.url}{path}", wait_until="networkidle")
        return self.page

    def expects(self, *statuses: int) -> None:
        """Say that answers of these statuses are what the test is about."""
        self.allowed.update(statuses)

    def sign_in(self, member: Member) -> None:
        """Sign in on the pages, with password and the next code of the authenticator."""
        page = self.page
        page.goto(f"{self.url}/accounts/login/")
        page.get_by_label("Email").fill(member.email)
        page.get_by_label("Password").fill(member.password)
        page.get_by_role("button", name="Go on").click()
        page.wait_for_url("**/2fa/authenticate/**")
        page.get_by_label("code").fill(member.one_time_code())
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(lambda url: "/accounts/" not in url)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not any(f"status of {status}" in message.text for status in self.allowed):
            self.problems.append(f"console on {self.page.url}: {message.text}")

    def _request(self, request: Request) -> None:
        self.requests.append(request.url)
        if not request.url.startswith((f"{self.url.rstrip('/')}/", "data:", "blob:")):
            self.problems.append(f"{self.page.url} asked another host: {request.url}")

    def _response(self, response: Response) -> None:
        if response.status >= 500:
            self.problems.append(f"{response.url} answered {response.status}")


def open_tab(
    browser: Browser,
    shop: Harbour,
    key: str,
    *,
    phone: bool = False,
    narrow: bool = False,
    dark: bool = False,
    impatient: bool = False,
    fresh: bool = False,
) -> Tab:
    """Return a watched tab; `impatient` visits the web whose step-up ends early, `fresh` signs in anew."""
    context = _context(browser, phone=phone, narrow=narrow, dark=dark)
    if key and key in shop.cookies and not fresh:
        context.add_cookies(shop.cookies[key])
    page = context.new_page()
    tab = Tab(page, shop, shop.impatient_url if impatient else shop.url)
    context.on("console", tab._console)
    context.on("weberror", lambda error: tab.problems.append(f"script error: {error.error}"))
    context.on("request", tab._request)
    context.on("response", tab._response)
    if key and (fresh or key not in shop.cookies):
        tab.sign_in(shop.member(key))
        if not fresh:
            shop.cookies[key] = context.cookies()
    return tab


def _context(browser: Browser, *, phone: bool, narrow: bool, dark: bool) -> BrowserContext:
    small = phone or narrow
    options: dict[str, Any] = {
        "viewport": NARROW if narrow else PHONE if phone else DESKTOP,
        "color_scheme": "dark" if dark else "light",
        "locale": "en-GB",
        "timezone_id": "America/New_York",
        "reduced_motion": "reduce",
        "accept_downloads": True,
    }
    if small:
        options |= {"has_touch": True, "is_mobile": True, "device_scale_factor": 2}
    context = browser.new_context(**options)
    context.set_default_timeout(PATIENCE_MS)
    context.add_init_script(_WATCH_POLICY)
    return context
