"""Attaching in a real browser: in chunks over a line that breaks, a pasted picture, refusals, at 360 px."""

import base64

from playwright.sync_api import expect
from tests.e2e.conftest import WebShop
from tests.evidence_files import mp4, png

PASTE = """async (data) => {
  const bytes = Uint8Array.from(atob(data), (sign) => sign.charCodeAt(0));
  const given = new DataTransfer();
  given.items.add(new File([bytes], "clip.png", { type: "image/png" }));
  document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: given, bubbles: true }));
}"""


def test_a_film_goes_on_after_the_line_broke(web_shop: WebShop) -> None:
    page = web_shop.page("max", size={"width": 360, "height": 740})
    number = web_shop.seed["scheduled"]
    page.goto(f"/tickets/{number}/attach/")
    broken = []

    def breaks(route):
        # The second chunk never arrives, once.
        if "offset=8388608" in route.request.url and not broken:
            broken.append(route.request.url)
            return route.abort("connectionreset")
        return route.continue_()

    page.route("**/uploads/**", breaks)
    page.get_by_label("What it is", exact=True).select_option("remote_recording")
    page.get_by_label("What it shows").fill("The RMM filmed the restart of the share service.")
    film = {"name": "rmm.mp4", "mimeType": "video/mp4", "buffer": mp4(9_000_000)}
    page.locator("[name=file]").set_input_files(film)
    page.get_by_role("button", name="Attach", exact=True).click()
    page.wait_for_url(f"**/tickets/{number}/attached/")
    assert broken
    expect(page.get_by_text("The RMM filmed the restart")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_pasted_picture_becomes_a_screenshot(web_shop: WebShop) -> None:
    page = web_shop.page("max")
    number = web_shop.seed["scheduled"]
    page.goto(f"/tickets/{number}/attach/")
    page.evaluate(PASTE, base64.b64encode(png()).decode())
    expect(page.get_by_label("What it is", exact=True)).to_have_value("screenshot")
    page.get_by_label("What it shows").fill("The dialog as it stood.")
    page.get_by_role("button", name="Attach", exact=True).click()
    page.wait_for_url(f"**/tickets/{number}/attached/")
    page.get_by_role("link", name="Screenshot").first.click()
    picture = page.locator("img.evidence-picture")
    expect(picture).to_be_visible()
    assert picture.evaluate("(image) => image.naturalWidth") == 2


def test_what_is_refused_is_said_on_the_page(web_shop: WebShop) -> None:
    page = web_shop.page("max", dark=True)
    page.goto(f"/tickets/{web_shop.seed['scheduled']}/attach/")
    page.get_by_label("What it is", exact=True).select_option("mail")
    page.get_by_label("What it shows").fill("What the vendor wrote.")
    page.locator("[name=file]").set_input_files({"name": "a.eml", "mimeType": "", "buffer": png()})
    page.get_by_role("button", name="Attach", exact=True).click()
    expect(page.get_by_text("It seems to be a PNG picture")).to_be_visible()
    page.get_by_label("What it is", exact=True).select_option("screenshot")
    page.get_by_role("button", name="Attach", exact=True).click()
    page.wait_for_url("**/attached/")
    assert not [said for said in web_shop.trouble if "Content Security Policy" in said]
