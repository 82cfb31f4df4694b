"""Codes that work once: enrolment codes handed to a person, bearer secrets, recovery codes. Pure but for randomness."""

import hashlib
import hmac
import secrets

_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_GROUPS, _GROUP_LENGTH = 5, 4
RECOVERY_CODES = 10
TOKEN_PREFIX = "qd_"  # noqa: S105  a marker by which leaked tokens are found, no secret


def new_enrolment_code() -> str:
    """Return 100 random bits as five groups that a person can read aloud."""
    groups = ("".join(secrets.choice(_LETTERS) for _ in range(_GROUP_LENGTH)) for _ in range(_GROUPS))
    return "-".join(groups)


def new_token_secret() -> str:
    """Return 256 random bits with the prefix that marks our tokens."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def sha256_of(secret: str) -> str:
    """Return the SHA-256 (hex) under which a random secret is kept; not for passwords."""
    return hashlib.sha256(secret.encode()).hexdigest()


def sha256_of_enrolment(code: str) -> str:
    """Return the kept form of an enrolment code, whatever case, spaces or dashes it was typed with."""
    return sha256_of("".join(character for character in code.upper() if character in _LETTERS))


def new_recovery_seed() -> str:
    """Return 320 random bits (hex) from which the recovery codes derive."""
    return secrets.token_hex(40)


def recovery_codes(seed: str) -> tuple[str, ...]:
    """Return the ten recovery codes of this seed, 50 bits each."""
    return tuple(_recovery_code(seed, number) for number in range(RECOVERY_CODES))


def _recovery_code(seed: str, number: int) -> str:
    mac = hmac.new(seed.encode(), f"recovery {number}".encode(), hashlib.sha256).digest()
    value = int.from_bytes(mac[:8], "big")
    letters = "".join(_LETTERS[value >> (5 * position) & 31] for position in range(10))
    return f"{letters[:5]}-{letters[5:]}"


def matching_recovery_code(seed: str, code: str, used_mask: int) -> int | None:
    """Return the number of the unused recovery code that this is; None otherwise, in constant time."""
    shown = code.strip().upper().encode()
    found: int | None = None
    for number, candidate in enumerate(recovery_codes(seed)):
        fits = hmac.compare_digest(candidate.encode(), shown)
        if fits and not used_mask & (1 << number):
            found = number
    return found
