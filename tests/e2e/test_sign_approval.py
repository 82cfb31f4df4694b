"""A passkey signs an approval in a real browser, with the virtual authenticator of its debugging protocol."""

from urllib.parse import urlsplit

from playwright.sync_api import Page, expect
from tests.e2e.conftest import WebShop

AUTHENTICATOR = {
    "protocol": "ctap2", "transport": "internal", "hasResidentKey": False, "hasUserVerification": True,
    "isUserVerified": True, "automaticPresenceSimulation": True,
}  # fmt: skip


def _with_passkey(page: Page) -> None:
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    session.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})


def test_a_passkey_is_registered_and_signs_an_approval(web_shop: WebShop) -> None:
    # A passkey is bound to a name, and a bare address has none.
    address = web_shop.address.replace("127.0.0.1", "localhost")
    context = web_shop.browser.new_context(base_url=address)
    web_shop.sign_in(context, "avery")
    page = context.new_page()
    trouble: list[str] = []
    page.on("console", lambda said: trouble.append(said.text) if said.type == "error" else None)
    _with_passkey(page)
    page.goto("/you/")
    code = page.locator("form[data-passkey-begin] [name=code]")
    if code.count():
        code.fill(web_shop.second_factor("avery"))
    page.get_by_role("button", name="Register a passkey").click()
    expect(page.get_by_text("From now on you can sign approvals with it.")).to_be_visible()
    number = web_shop.seed["by_passkey"]
    page.goto(f"/tickets/{number}/decide/")
    page.get_by_label("Reason").fill("Plan and rollback are sound.")
    page.get_by_role("button", name="Approve and sign with your passkey").click()
    page.wait_for_url(f"**/tickets/{number}/")
    expect(page.get_by_text(f"You approved {number}.")).to_be_visible()
    page.goto(f"/tickets/{number}/?tab=files")
    expect(page.get_by_text("Signature of an approval")).to_be_visible()
    assert urlsplit(page.url).hostname == "localhost"
    assert trouble == []
    context.close()
