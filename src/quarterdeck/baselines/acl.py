"""POSIX access lists as the manifest carries them, and whether one gives more than another. Pure.

The bytes are the kernel's `struct posix_acl_xattr_header` and entries (linux/posix_acl_xattr.h, version 2).
"""

import base64
import binascii
from collections.abc import Mapping

NAMES = ("xattr.system.posix_acl_access", "xattr.system.posix_acl_default")
_MASK, _NAMED = 0x10, {0x02, 0x04, 0x08}
_VERSION = b"\x02\x00\x00\x00"


def rights(facts: Mapping[str, bytes] | None, name: str) -> dict[tuple[int, int], int] | None:
    """Return (tag, id) -> what it may in effect, the mask applied; empty without a list, None for one unreadable."""
    said = (facts or {}).get(name)
    if said is None:
        return {}
    try:
        raw = base64.b64decode(said, validate=True)
    except (ValueError, binascii.Error):
        return None
    if raw[:4] != _VERSION or (len(raw) - 4) % 8:
        return None
    found: dict[tuple[int, int], int] = {}
    for at in range(4, len(raw), 8):
        tag, may, who = (int.from_bytes(raw[at + i : at + i + n], "little") for i, n in ((0, 2), (2, 2), (4, 4)))
        found[tag, who] = may
    mask = next((may for (tag, _), may in found.items() if tag == _MASK), 7)
    return {key: may & mask if key[0] in _NAMED else may for key, may in found.items() if key[0] != _MASK}


def is_widened(before: Mapping[str, bytes] | None, after: Mapping[str, bytes] | None) -> bool:
    """True when somebody may do more by an access list than before; a list that can't be read counts as wider."""
    for name in NAMES:
        now = (after or {}).get(name)
        if now is None or now == (before or {}).get(name):
            continue
        old, new = rights(before, name), rights(after, name)
        if old is None or new is None:
            return True
        plain = _of_mode(before) if name == NAMES[0] and before is not None and not old else old
        if any(may & ~plain.get(key, 0) for key, may in new.items()):
            return True
    return False


def _of_mode(facts: Mapping[str, bytes]) -> dict[tuple[int, int], int]:
    """Return what the permission bits say, as a list without named entries does."""
    mode = int(facts.get("mode", b"0"), 8)
    return {(0x01, 0xFFFFFFFF): mode >> 6 & 7, (0x04, 0xFFFFFFFF): mode >> 3 & 7, (0x20, 0xFFFFFFFF): mode & 7}
