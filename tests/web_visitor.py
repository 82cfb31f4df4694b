"""A person at the browser, for app tests: the test client, really signed in with password and second factor."""

import re

from django.core.cache import cache
from django.test import Client
from tests.shop import Shop, password_of


def sign_in(shop: Shop, key: str) -> Client:
    """Return a client with the session of this person."""
    cache.clear()  # the login library's counters per address outlive a test's database
    client = Client()
    answer = client.post(
        "/accounts/login/", {"login": f"{key}@example.test", "password": password_of(key)}, follow=True
    )
    assert answer.redirect_chain[-1][0].startswith("/accounts/2fa/authenticate/"), answer.content[:600]
    signed_in = shop.__dict__.setdefault("signed_in", set())
    # Two codes of the app fit into one half minute; whoever comes again shows a recovery code.
    code = shop.recovery[key][-1 - len([one for one in signed_in if one[0] == key])] if (key, 0) in signed_in else None
    signed_in.add((key, sum(one[0] == key for one in signed_in)))
    answer = client.post("/accounts/2fa/authenticate/", {"code": code or shop.totp(key)})
    assert answer.status_code == 302, answer.content[:2000]
    return client


def text_of(answer: object) -> str:
    """Return what a person reads on the page: no tags, one space between words."""
    plain = re.sub(r"<(script|style|svg)\b.*?</\1>", " ", answer.content.decode(), flags=re.DOTALL)  # type: ignore[attr-defined]
    plain = re.sub(r"<[^>]+>", " ", plain)
    for code, sign in (("&#x27;", "'"), ("&quot;", '"'), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">")):
        plain = plain.replace(code, sign)
    return re.sub(r"\s+", " ", plain)


def hidden(answer: object, name: str) -> str:
    """Return the value of a hidden field of the page."""
    found = re.search(rf'name="{name}" value="([^"]*)"', answer.content.decode())  # type: ignore[attr-defined]
    assert found, f"no hidden field {name}"
    return found[1]
