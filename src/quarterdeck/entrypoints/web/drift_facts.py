"""What a difference consists of, from the comparison's document: old and new facts of a path, what came and went."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from quarterdeck.baselines.api import DriftView
from quarterdeck.entrypoints.web.tags import bytes_words
from quarterdeck.entrypoints.web.zones import shown
from quarterdeck.evidence import api as evidence
from quarterdeck.kernel.decision import Refused

LARGEST = 8_000_000  # of a document that is read for a page
MOST_LINES = 40
_NAMES = {
    "sha256digest": "content", "size": "size", "mode": "permissions", "uid": "owner", "gid": "group",
    "time": "written", "type": "type", "link": "points to", "nlink": "names", "caps": "capabilities",
    "acl": "access list", "attributes": "attributes", "sddl": "access list", "streams": "data streams beside it",
}  # fmt: skip
_OCTAL = re.compile(r"\\([0-3][0-7]{2})")
_QUIET = frozenset({"ctime", "inode"})
_ORDER = tuple(_NAMES)
_POSTURE = {
    "packages": "Installed packages", "listening": "Listening ports", "encryption": "Encryption of disks",
    "etc.passwd": "Users", "etc.group": "Groups", "etc.shadow": "Password hashes", "etc.sudoers": "Rights to sudo",
    "etc.sudoers.d": "Rights to sudo (folder)", "etc.ssh": "SSH settings", "sshd": "SSH server in effect",
    "etc.crypttab": "Encrypted disks at start", "etc.fstab": "Mounted disks", "etc.crontab": "Scheduled jobs",
    "etc.cron.d": "Scheduled jobs (folder)", "fips": "FIPS mode", "swap": "Swap", "kernel": "Kernel",
    "services": "Enabled services", "mounts": "Mounts", "accounts": "Accounts", "groups": "Groups with power",
    "sudo": "Rules of sudo", "luks": "Encrypted disk", "crypt": "Open encrypted disk", "bitlocker": "BitLocker",
    "firmware": "Firmware", "protections": "Protection", "firewall": "Firewall", "kernel.command": "Kernel's arguments",
    "etc.hosts": "Host names", "configuration": "Configuration", "hotfixes": "Updates", "image": "Hash of the image",
    "reboot": "Restart pending",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Document:
    """The comparison's document: changes by path, posture facts by name, versions of packages."""

    files: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    posture: dict[str, dict[str, Any]] = field(default_factory=dict)
    readable: bool = True


def posture_name(fact: str) -> str:
    """Return a fact of the machine's posture in words; `sshd:permitrootlogin` is the fact and its key."""
    name, _, key = fact.partition(":")
    said = _POSTURE.get(name, name.replace(".", " "))
    words = key.replace("\\040", " ")
    return f"{said}: {words}" if key else said


def document_of(drift: DriftView, zone: ZoneInfo) -> Document:
    """Return the document of a comparison; unreadable when it is too large for a page or is not in the store."""
    view = evidence.artifact(drift.document_sha256)
    if view is None or view.size > LARGEST:
        return Document(readable=False)
    try:
        told = json.loads(evidence.read_artifact(drift.document_sha256))
    except (Refused, ValueError):
        return Document(readable=False)
    files = {str(one["path"]): _facts(one, zone) for one in told.get("files", [])}
    return Document(files, {str(one["fact"]): _posture(one) for one in told.get("posture", [])})


def versions(found: Document) -> dict[str, str]:
    """Return for each package that changed `3.0.18 → 3.0.19`, or the version that came or went."""
    lists = found.posture.get("packages", {})
    gone, come = (_by_name(lists.get(side, [])) for side in ("gone", "come"))
    return {name: " → ".join(filter(None, (gone.get(name), come.get(name)))) for name in gone | come}


def _by_name(lines: list[str]) -> dict[str, str]:
    pairs = (line.partition(" ") for line in lines)
    return {name.partition(":")[0]: version for name, _, version in pairs}


def _facts(one: Mapping[str, Any], zone: ZoneInfo) -> list[dict[str, str]]:
    before, after = one.get("before") or {}, one.get("after") or {}
    if not before or not after:
        side = after or before
        return [
            {"name": _NAMES[name], "old": "", "new": _value(name, str(side[name]), zone)}
            for name in ("type", "size", "mode", "sha256digest") if name in side
        ]  # fmt: skip
    names = [name for name in one.get("facts", []) if name not in _QUIET]
    order = sorted(names, key=lambda name: (_ORDER.index(name) if name in _ORDER else len(_ORDER), name))
    return [
        {"name": _NAMES.get(name, name), "old": _value(name, str(before.get(name, "")), zone),
         "new": _value(name, str(after.get(name, "")), zone)}
        for name in order
    ]  # fmt: skip


def _plain_sign(found: re.Match[str]) -> str:
    """Spell an escaped sign of an access list as itself; what no screen should get stays escaped."""
    sign = chr(int(found.group(1), 8))
    return sign if sign.isprintable() and sign.isascii() else found.group(0)


def _value(name: str, text: str, zone: ZoneInfo) -> str:
    if name == "sha256digest":
        return f"{text[:12]}…" if text else "none"
    if name == "size" and text.isdecimal():
        return bytes_words(int(text))
    if name in ("sddl", "streams"):
        return _OCTAL.sub(_plain_sign, text) or "none"
    if name == "time":
        try:
            return shown(datetime.fromtimestamp(int(Decimal(text)), UTC), zone, "full")
        except (InvalidOperation, OverflowError, ValueError, OSError):
            return text
    return text or "none"


def _posture(one: Mapping[str, Any]) -> dict[str, Any]:
    gone, come = list(one.get("gone", [])), list(one.get("come", []))
    return {
        "gone": gone[:MOST_LINES], "come": come[:MOST_LINES],
        "more": max(0, len(gone) - MOST_LINES) + max(0, len(come) - MOST_LINES),
    }  # fmt: skip
