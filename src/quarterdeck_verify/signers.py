"""The pin: an `allowed_signers` file that the verifying person got from outside the package.

Format of ssh-keygen(1), ALLOWED SIGNERS. Times without `Z` are read as UTC, so that every machine decides alike.
"""

import base64
import binascii
import fnmatch
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from quarterdeck_verify.sshsig import KEY_TYPES, PublicKey, parse_key

MAX_BYTES = 1_000_000

_LINE = re.compile(r"(?P<principals>\"[^\"]*\"|\S+)[ \t]+(?P<rest>.*)")
_OPTION = re.compile(r"(?P<name>[A-Za-z-]+)(?:=\"(?P<value>[^\"]*)\")?(?:,|[ \t]+|$)")
_PATTERN = re.compile(r"[A-Za-z0-9@._*?-]+", re.ASCII)
_TIME = re.compile(r"[0-9]{8}(?:[0-9]{4}(?:[0-9]{2})?)?Z?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Signer:
    """One line of the file: these principals may sign with this key, in these namespaces, between these times."""

    principals: tuple[str, ...]
    key: PublicKey
    namespaces: tuple[str, ...] = ()
    valid_after: datetime | None = None
    valid_before: datetime | None = None

    def admits(self, namespace: str) -> bool:
        """True when the line admits signatures in `namespace`."""
        return not self.namespaces or any(fnmatch.fnmatchcase(namespace, pattern) for pattern in self.namespaces)

    def valid_at(self, at: datetime | None) -> bool:
        """True when `at` lies in the line's time; an unknown moment only lies in a line without limits."""
        after, before = self.valid_after, self.valid_before
        if at is None:
            return after is None and before is None
        return (after is None or at >= after) and (before is None or at < before)


def parse(text: bytes) -> list[Signer]:
    """Return the lines of an allowed_signers file; ValueError names the first line that cannot be used."""
    if len(text) > MAX_BYTES:
        raise ValueError("the file of signers is too long")
    try:
        lines = text.decode("utf-8").split("\n")
    except UnicodeError:
        raise ValueError("the file of signers is not text") from None
    found = []
    for number, line in enumerate(lines, 1):
        stripped = line.strip()
        if stripped and not stripped.startswith("#"):
            try:
                found.append(_parse_line(stripped))
            except ValueError as problem:
                raise ValueError(f"line {number} of the file of signers cannot be used: {problem}") from None
    if not found:
        raise ValueError("the file of signers names no key")
    return found


def matching(signers: Iterable[Signer], key: PublicKey) -> list[Signer]:
    """Return the lines that name this key."""
    return [signer for signer in signers if signer.key == key]


def parse_public_key(text: str) -> PublicKey:
    """Return the key of one line `type base64 [comment]`; ValueError when it is malformed or of another type."""
    words = text.split()
    if len(words) < 2 or words[0] not in KEY_TYPES:
        raise ValueError("the key is neither ECDSA P-256 nor Ed25519")
    try:
        blob = base64.b64decode(words[1], validate=True)
    except binascii.Error:
        raise ValueError("the key is not base64") from None
    if parse_key(blob)[0] != words[0]:
        raise ValueError("the key's type is not the one that the line names")
    return PublicKey(blob)


def _parse_line(line: str) -> Signer:
    match = _LINE.fullmatch(line)
    if match is None:
        raise ValueError("it is not `principals [options] type key`")
    principals = tuple(match["principals"].strip('"').split(","))
    rest, options = match["rest"], dict[str, str]()
    while rest.split(maxsplit=1)[0] not in KEY_TYPES:
        option = _OPTION.match(rest)
        if option is None or option["name"].lower() in options or not rest[option.end() :]:
            raise ValueError("an option or the key is malformed or of an unknown type")
        options[option["name"].lower()] = option["value"] or ""
        rest = rest[option.end() :]
    if set(options) - {"namespaces", "valid-after", "valid-before"}:
        raise ValueError("it has an option other than namespaces, valid-after and valid-before")
    namespaces = tuple(part for part in options.get("namespaces", "").split(",") if part)
    if "namespaces" in options and (not namespaces or not all(_PATTERN.fullmatch(part) for part in namespaces)):
        raise ValueError("its list of namespaces is empty or has more than names, * and ?")
    return Signer(
        principals,
        parse_public_key(rest),
        namespaces,
        _moment(options, "valid-after"),
        _moment(options, "valid-before"),
    )


def _moment(options: dict[str, str], name: str) -> datetime | None:
    text = options.get(name)
    if text is None:
        return None
    if _TIME.fullmatch(text) is None:
        raise ValueError(f"its {name} is not YYYYMMDD[HHMM[SS]][Z]")
    digits = text.removesuffix("Z").ljust(14, "0")
    return datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
