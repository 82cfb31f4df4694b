"""Pure rules of the posture: what a changed setting takes away, key by key. Words never put encryption back on.

A posture fact is a text, a list of lines, or texts by key (`sshd` -> `permitrootlogin` -> `no`). A fact with keys is
compared by key, so that each changed setting is one difference with its own value before and after.
"""

import re
from collections.abc import Collection, Mapping

from quarterdeck.baselines.rules import Disposition
from quarterdeck.kernel.decision import Decision, require_that

LEFT_OFF = frozenset({"encryption_off", "protection_off"})
MOST_KEYS = 100
_SEPARATOR = ":"
_GUARDING_OPTIONS = frozenset({"nosuid", "noexec", "nodev", "ro"})
_ENCRYPTED_DEVICE = re.compile(r"\S+ /dev/(?:mapper/|dm-)|(?:ecryptfs|fuse\.gocryptfs|fuse\.encfs) ")
_LESS_IS_SAFER = frozenset(
    {"sysctl net.ipv4.ip_forward", "sysctl net.ipv6.conf.all.forwarding", "sysctl fs.suid_dumpable"}
)
_CLOSED_DOORS = {"permitrootlogin": "no", "passwordauthentication": "no", "permitemptypasswords": "no",
                 "hostbasedauthentication": "no", "strictmodes": "yes", "pubkeyauthentication": "yes"}  # fmt: skip

Facts = Mapping[str, object]


def fact_name(name: str) -> str:
    """Return the fact that a difference belongs to: `sshd:permitrootlogin` is one of `sshd`."""
    return name.partition(_SEPARATOR)[0]


def value_of(fact: object) -> object:
    """Return what a fact was read as, None where it could not be read or was not asked for."""
    return fact.get("value") if isinstance(fact, dict) else None


def by_key(before: Facts, after: Facts, name: str) -> dict[str, tuple[str | None, str | None]]:
    """Return the changed settings of a fact as `name:key` with both values; the fact itself when it has no keys.

    Facts that could not be read on one side, and those with too many changes for a page, stay one difference.
    """
    one, other = value_of(before.get(name)), value_of(after.get(name))
    if isinstance(one, dict) and isinstance(other, dict):
        keys = sorted(key for key in one.keys() | other.keys() if one.get(key) != other.get(key))
        if len(keys) <= MOST_KEYS:
            return {f"{name}{_SEPARATOR}{key}": (_text(one.get(key)), _text(other.get(key))) for key in keys}
    return {name: (_text(one), _text(other))}


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def codes(before: Facts, after: Facts, name: str) -> tuple[str, ...]:
    """Return the codes of protection lost or power gained by this difference (`fact` or `fact:key`)."""
    fact, _, key = name.partition(_SEPARATOR)
    one, other = value_of(before.get(fact)), value_of(after.get(fact))
    if one is None or (other is None and fact not in ("luks", "crypt", "fips")) or fact not in after:
        return ()
    if isinstance(one, dict) and not key:
        pairs = sorted({part for name in _all_keys(one, other) for part in codes(before, after, f"{fact}:{name}")})
        return tuple(pairs)
    if key:
        old = one.get(key) if isinstance(one, dict) else None
        new = other.get(key) if isinstance(other, dict) else None
        return _of_a_key(fact, key, _text(old) or "", _text(new) or "")
    return _of_a_fact(fact, one, other)


def _all_keys(one: Mapping[str, object], other: object) -> Collection[str]:
    return one.keys() | (other.keys() if isinstance(other, dict) else set())


def _of_a_key(fact: str, key: str, old: str, new: str) -> tuple[str, ...]:
    tests = {
        "luks": (("encryption_off", bool(old) and not new), ("key_changed", bool(old) and bool(new))),
        "crypt": (("encryption_off", bool(old) and not new),),
        "bitlocker": (("encryption_off", old.startswith("on") and not new.startswith("on")),),
        "mounts": (
            ("protection_off", bool(new) and bool(_options(old) & _GUARDING_OPTIONS - _options(new))),
            ("encryption_off", bool(new) and _is_encrypted(old) and not _is_encrypted(new)),
        ),
        "protections": (("protection_off", _is_weaker(key, old, new)),),
        "sshd": (("protection_off", _opens(key, old, new)),),
        "accounts": (
            ("power_gained", new.startswith("uid 0,") and not old.startswith("uid 0,")),
            ("protection_off", new.endswith("password none") and not old.endswith("password none")),
        ),
        "groups": (("power_gained", bool(_members(new) - _members(old))),),
    }
    return tuple(code for code, holds in tests.get(fact, ()) if holds)


def _of_a_fact(fact: str, one: object, other: object) -> tuple[str, ...]:
    if fact == "fips":
        return ("encryption_off",) if one == "1" and other != "1" else ()
    if fact == "firewall":
        return ("protection_off",) if other == "off" and one != "off" else ()
    if fact == "sudo" and isinstance(one, list) and isinstance(other, list):
        come = set(map(str, other)) - set(map(str, one))
        return ("power_gained",) if any(": Defaults" not in line for line in come) else ()
    return ()


def _options(value: str) -> set[str]:
    return set(value.rpartition(" ")[2].split(","))


def _is_encrypted(value: str) -> bool:
    return _ENCRYPTED_DEVICE.match(value) is not None


def _members(value: str) -> set[str]:
    return set(value.split()) - {"nobody"}


def _opens(key: str, old: str, new: str) -> bool:
    closed = _CLOSED_DOORS.get(key)
    return closed is not None and old == closed and new != closed


def _is_weaker(key: str, old: str, new: str) -> bool:
    if old.isdecimal() and new.isdecimal():
        return int(new) > int(old) if key in _LESS_IS_SAFER else int(new) < int(old)
    return old.startswith("on") and not new.startswith("on")


def may_be_settled(codes_of_all: Collection[str], how: Disposition) -> Decision:
    """Refuse words for encryption or protection that is still off: only a measurement or a finding settles it."""
    return require_that(
        how is Disposition.FINDING or not LEFT_OFF.intersection(codes_of_all),
        "drift.left_off",
        "Encryption or a protection is off that was on before the work; a reason does not put it back on.",
        "Put it back on and measure again, or keep the difference as a finding.",
    )
