"""The people of the demo and their second factors: real logins, codes computed from the enrolled secret."""

import base64
import hashlib
import hmac
import struct
import time
from dataclasses import dataclass, field

STEP_SECONDS = 30
TYPING_SECONDS = 15


@dataclass(slots=True)
class Member:
    """One of the five, with what only this person knows."""

    key: str
    name: str
    email: str
    roles: tuple[str, ...]
    kind: str = "staff"
    organisation: str = "Harbor Precision Works"
    password: str = ""
    id: str = ""
    code: str = ""
    secret: str = ""
    link: str = ""
    token: str = ""
    last_step: int = field(default=0)

    def one_time_code(self) -> str:
        """Return a code that was not used yet, waiting for the next step where needed (RFC 6238)."""
        # The server accepts the step before and after its own, so three logins fit into half a minute; the one before
        # only while its code lives long enough to be typed and sent.
        oldest = int(time.time() + TYPING_SECONDS) // STEP_SECONDS - 1
        candidate = max(oldest, self.last_step + 1)
        while candidate > int(time.time()) // STEP_SECONDS + 1:
            time.sleep(0.5)
        self.last_step = candidate
        return totp(self.secret, candidate)


def totp(secret: str, step: int) -> str:
    """Return the six digits of an RFC 6238 secret (base32) for a time step of 30 s."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.new(key, struct.pack(">Q", step), hashlib.sha1).digest()
    offset = digest[-1] & 15
    number = struct.unpack(">I", digest[offset : offset + 4])[0] & 0x7FFFFFFF
    return f"{number % 1_000_000:06d}"


def cast() -> dict[str, Member]:
    """Return the five people of the shop."""
    members = (
        Member("iris", "Iris Hale", "iris@example.test", ("it_lead", "requester")),
        Member("max", "Max Ortega", "max@msp.example.test", ("technician",), "vendor", "Keel IT Services"),
        Member("avery", "Avery Brooks", "avery@example.test", ("approver",)),
        Member("casey", "Casey Lund", "casey@example.test", ("cui_owner",)),
        Member("quinn", "Quinn Ito", "quinn@assessor.example.test", ("assessor",), "external", "Independent assessor"),
    )
    for member in members:
        member.password = f"{member.key} keeps the deck log dry"
    return {member.key: member for member in members}
