"""Pure rules of check definitions: each kind has its own values, each value its own strict grammar."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from quarterdeck.inventory.check_terms import CheckFields, CheckKind, CheckPhase
from quarterdeck.kernel.decision import Decision, Reason
from quarterdeck.kernel.names import is_hostname, is_watched_root

MAX_CHECKS_PER_ASSET = 40
MAX_CHECK_ASSETS = 2000
_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,120}")
_SERVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9@._-]{0,63}", re.ASCII)
_URL = re.compile(r"https?://([A-Za-z0-9.-]{1,253})(?::([0-9]{1,5}))?(/[A-Za-z0-9._/@+=,-]{0,200})", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_ID = re.compile(r"[A-Za-z0-9_-]{1,40}", re.ASCII)
_ACCOUNTS = re.compile(r"(?:[A-Za-z_][A-Za-z0-9_.@-]{0,63}(?:,(?!$)|$))*", re.ASCII)
_MODE = re.compile(r"[0-7]{3,4}", re.ASCII)
_PLAIN = re.compile(r"[^\x00-\x1f\x7f]{0,200}")
Test = Callable[[str], bool]


def _number(least: int, most: int) -> Test:
    return lambda text: re.fullmatch(r"[0-9]{1,7}", text, re.ASCII) is not None and least <= int(text) <= most


def _text(pattern: re.Pattern[str]) -> Test:
    return lambda text: pattern.fullmatch(text) is not None


def _is_url(text: str) -> bool:
    found = _URL.fullmatch(text)
    return found is not None and is_hostname(found[1]) and (found[2] is None or 1 <= int(found[2]) <= 65535)


def _or_empty(test: Test) -> Test:
    return lambda text: text == "" or test(text)


_PORT, _PATH, _HOST = _number(1, 65535), is_watched_root, is_hostname
# Of each kind: name -> (what it must be, what stands where nothing was said; None where it must be said, a word for it)
_RUNS: dict[str, tuple[Test, str | None, str]] = {
    "item": (_text(_ID), None, "the id of a mechanism of the register"),
    "path": (_PATH, None, "where the file lies on the target"),
    "sha256": (_text(_SHA256), "", "filled in from the register"),
    "seconds": (_number(1, 600), "60", "1 to 600"),
    "status": (_number(0, 255), "0", "the exit status that is well"),
    "contains": (_text(_PLAIN), "", "words that its output must hold, or nothing"),
}
VALUES: Mapping[CheckKind, Mapping[str, tuple[Test, str | None, str]]] = {
    CheckKind.SERVICE: {"service": (_text(_SERVICE), None, "the name of a service")},
    CheckKind.DISK: {
        "path": (_PATH, None, "a folder"),
        "least_mb": (_number(1, 9_999_999), None, "megabytes that must be free"),
    },
    CheckKind.TCP: {
        "host": (_HOST, "localhost", "a host name or IPv4 address, as the target reaches it"),
        "port": (_PORT, None, "1 to 65535"),
    },
    CheckKind.HTTP: {
        "url": (_is_url, None, "http or https, a host, a plain path"),
        "status": (_number(100, 599), "200", "the status that is well"),
        "contains": (_text(_PLAIN), "", "words that the answer must hold, or nothing"),
    },
    CheckKind.CERTIFICATE: {
        "path": (_or_empty(_PATH), "", "a PEM file, or nothing for a server"),
        "host": (_or_empty(_HOST), "", "the server that shows it, or nothing for a file"),
        "port": (_PORT, "443", "1 to 65535"),
        "days": (_number(1, 825), "30", "days that it must still be valid"),
    },
    CheckKind.SHARE: {
        "path": (_PATH, None, "the folder that is shared"),
        "owner": (_or_empty(_text(_ACCOUNTS)), "", "the owner, or nothing"),
        "group": (_or_empty(_text(_ACCOUNTS)), "", "the group, or nothing"),
        "mode": (_text(_MODE), "2770", "the most that its permissions may be, octal"),
        "allowed": (_text(_ACCOUNTS), "", "users and groups that its access list may name, with commas"),
    },
    CheckKind.REBOOT: {},
    CheckKind.CLOCK: {},
    CheckKind.INTEGRATION: _RUNS | {"seconds": (_number(1, 600), "300", "1 to 600")},
    CheckKind.MECHANISM: _RUNS,
}


def completed(fields: CheckFields) -> CheckFields:
    """Return the fields with what stands where nothing was said; unknown kinds come back as they are."""
    if fields.kind not in set(CheckKind):
        return fields
    usual = {name: value for name, (_, value, _) in VALUES[CheckKind(fields.kind)].items() if value is not None}
    return replace(fields, values={**usual, **{name: str(value).strip() for name, value in fields.values.items()}})


def check_definition(fields: CheckFields) -> Decision:
    """Decide whether a check may be defined like this; every reason names its field."""
    return Decision(tuple(_reasons(fields)))


def _reasons(fields: CheckFields) -> Iterator[Reason]:
    if fields.phase not in set(CheckPhase):
        yield Reason("phase.choice", "A check is made before, after or both times.", "Say before, after or both.")
    if _NAME.fullmatch(fields.name) is None or not fields.name.strip():
        yield Reason("name.missing", "The check has no plain name.", "Name what it looks at in one line.")
    if len(fields.assets) > MAX_CHECK_ASSETS or len(set(fields.assets)) != len(fields.assets):
        yield Reason("assets.list", "Assets are named once each.", "Choose them from the list.")
    if fields.kind not in set(CheckKind):
        yield Reason("kind.choice", "There is no such kind of check.", f"Use one of {', '.join(CheckKind)}.")
        return
    wanted = VALUES[CheckKind(fields.kind)]
    for name in sorted(fields.values.keys() - wanted.keys()):
        yield Reason("values.unknown", f"A {fields.kind} check has no value {name[:40]!r}.", "Leave it out.")
    for name, (test, _, words) in wanted.items():
        if not test(fields.values.get(name, "")):
            yield Reason(
                f"{name}.grammar", f"The value {name} of a {fields.kind} check is not usable.", f"It is {words}."
            )
    if fields.kind == CheckKind.CERTIFICATE and bool(fields.values.get("path")) == bool(fields.values.get("host")):
        yield Reason(
            "certificate.place", "A certificate lies in a file or is shown by a server.", "Say one of the two."
        )
