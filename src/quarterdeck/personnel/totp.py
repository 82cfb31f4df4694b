"""Time-based one-time codes (RFC 6238: SHA-1, six digits, 30 seconds). Pure: the moment is an argument."""

import base64
import hashlib
import hmac
import secrets
from datetime import datetime
from urllib.parse import quote, urlencode

STEP_SECONDS = 30
DIGITS = 6
TOLERATED_STEPS = 1
SECRET_BYTES = 20


def new_secret() -> str:
    """Return 160 random bits as base32, the form that authenticator apps take."""
    return base64.b32encode(secrets.token_bytes(SECRET_BYTES)).decode()


def counter_at(at: datetime) -> int:
    """Return the number of the 30-second step that contains `at`."""
    return int(at.timestamp()) // STEP_SECONDS


def code_of(secret: str, counter: int) -> str:
    """Return the six digits of this step (RFC 4226 section 5.3)."""
    key = base64.b32decode(secret.encode("ascii"), casefold=True)
    mac = hmac.new(key, counter.to_bytes(8, "big"), hashlib.sha1).digest()
    offset = mac[-1] & 0x0F
    value = int.from_bytes(mac[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{value % 10**DIGITS:0{DIGITS}d}"


def matching_counter(secret: str, code: str, at: datetime) -> int | None:
    """Return the step whose code this is, one step early or late tolerated; None otherwise, in constant time."""
    shown = code.replace(" ", "").encode()
    now = counter_at(at)
    found: int | None = None
    for counter in range(now - TOLERATED_STEPS, now + TOLERATED_STEPS + 1):
        if hmac.compare_digest(code_of(secret, counter).encode(), shown) and found is None:
            found = counter
    return found


def provisioning_uri(secret: str, *, account: str, issuer: str) -> str:
    """Return the `otpauth://` address that an authenticator app scans."""
    label = quote(f"{issuer}:{account}", safe="")
    query = urlencode({"secret": secret, "issuer": issuer, "digits": DIGITS, "period": STEP_SECONDS}, quote_via=quote)
    return f"otpauth://totp/{label}?{query}"
