"""Pure decisions of the inventory: may an asset, a connection or an entry point stand as it is written.

A reason's code begins with the name of the field, so that forms and the CSV import know where to show it.
"""

import ipaddress
import re
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from enum import StrEnum

from quarterdeck.inventory.recurrence import check_recurrence
from quarterdeck.inventory.terms import (
    AssetCategory,
    AssetFields,
    AssetKind,
    ConnectionFields,
    ConnectionView,
    Criticality,
    Elevation,
    EntryPointFields,
    EntryPointKind,
    EntryPointView,
    Environment,
    Method,
    Platform,
    SecondFactor,
)
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.decision import Decision, Reason, require_that
from quarterdeck.kernel.names import (
    is_account,
    is_address,
    is_drive_root,
    is_host_identity,
    is_hostname,
    is_port,
    is_watched_root,
)

MAX_TEXT = {
    "title": 120,
    "category_reason": 400,
    "location": 120,
    "operating_system": 120,
    "firmware": 120,
    "patch_level": 120,
    "name": 120,
    "termination": 400,
    "log_source": 200,
}
MAX_ROOTS = 40
DEVICES = frozenset(one for one in Platform if one.is_device)
MAX_DEPENDENCIES = 50
MAX_ENTRY_POINT_ASSETS = 1000
REVIEW_WITHIN = timedelta(days=365)
_ID = re.compile(r"[a-z]{2}_[a-z0-9_]{1,30}", re.ASCII)
_NUMERIC_END = re.compile(r"(?:.*\.)?(?:\d+|0x[0-9a-f]*)", re.ASCII)


def may_keep(actor: Actor) -> Decision:
    """Decide whether this actor may write to the inventory at all: a person with a login, nobody else."""
    return require_that(
        actor.is_person,
        "actor.not_a_person",
        "Only a person may change the inventory.",
        "Log in as the IT lead and do it there.",
    )


def text_problem(text: str) -> str:
    """Return what is wrong with a piece of free text, empty when nothing is (attacks.md rows 12 and 22)."""
    for character in text:
        kind = unicodedata.category(character)
        if kind in {"Cc", "Zl", "Zp"}:
            return "holds a line break or control character"
        if kind in {"Cf", "Cs", "Co", "Cn"}:  # bidi controls, zero-width characters, halves of characters
            return "holds an invisible or reserved character"
    if text != text.strip():
        return "begins or ends with a space"
    return ""


def is_name_of_host(text: str) -> bool:
    """True for a host name that can't be taken for an address: resolvers read `10.1` and `0x7f.1` as numbers."""
    return is_hostname(text) and not _NUMERIC_END.fullmatch(text)


def check_asset(fields: AssetFields) -> Decision:
    """Decide whether an asset may stand like this; every reason names its field."""
    return Decision(tuple(_asset_reasons(fields)))


def _asset_reasons(fields: AssetFields) -> Iterator[Reason]:
    if not is_name_of_host(fields.hostname):
        yield Reason(
            "hostname.grammar",
            f"Host name {shown(fields.hostname)} is not a host name.",
            "Use lower-case letters, digits, hyphens and dots, beginning with a letter or digit, at most 253 long.",
        )
    for name in ("title", "category_reason", "location", "operating_system", "firmware", "patch_level"):
        yield from _text_reasons(name, getattr(fields, name))
    yield from _choice_reasons("category", fields.category, AssetCategory)
    yield from _choice_reasons("criticality", fields.criticality, Criticality)
    yield from _choice_reasons("environment", fields.environment, Environment)
    yield from _choice_reasons("asset_kind", fields.asset_kind, AssetKind)
    yield from _category_reasons(fields)
    yield from _person_reasons(fields.owner)
    if fields.maintenance_window is not None:
        yield from check_recurrence(fields.maintenance_window).reasons
    yield from _id_list_reasons("depends_on", fields.depends_on, MAX_DEPENDENCIES)


def _category_reasons(fields: AssetFields) -> Iterator[Reason]:
    may_hold = {AssetCategory.CUI_ASSET, AssetCategory.SPECIALIZED}
    if fields.handles_cui and fields.category in set(AssetCategory) - may_hold:
        yield Reason(
            "handles_cui.category",
            f"An asset that handles CUI cannot be of category {fields.category}.",
            "Choose cui_asset (or specialized), or say that it does not handle CUI.",
        )
    if fields.category == AssetCategory.CUI_ASSET and not fields.handles_cui:
        yield Reason(
            "handles_cui.missing",
            "A CUI asset handles CUI, and this one says it does not.",
            "Say yes for handles_cui, or choose another category.",
        )
    if fields.category == AssetCategory.OUT_OF_SCOPE and not fields.category_reason:
        yield Reason(
            "category_reason.missing",
            "An asset out of scope needs the reason why it is.",
            "Write in one sentence what keeps CUI and security functions away from it.",
        )


def check_connection(fields: ConnectionFields) -> Decision:
    """Decide whether a connection may stand like this; every reason names its field."""
    return Decision(tuple(_connection_reasons(fields)))


def _connection_reasons(fields: ConnectionFields) -> Iterator[Reason]:
    if not _is_reachable_address(fields.address):
        yield Reason(
            "address.grammar",
            f"Address {shown(fields.address)} is neither an address of one machine nor a host name.",
            "Write an IPv4 or IPv6 address without zone, or a host name in lower case.",
        )
    if not is_port(fields.port):
        yield Reason("port.range", f"Port {fields.port} does not exist.", "Write a number from 1 to 65535; SSH is 22.")
    if fields.host_identity and not is_host_identity(fields.host_identity):
        yield Reason(
            "host_identity.grammar",
            "The host identity is not one host key.",
            "Paste type and key from /etc/ssh/ssh_host_ecdsa_key.pub without the comment, or leave it empty for now.",
        )
    # No account yet is a fact worth keeping; `may_connect` refuses such a connection.
    if fields.target_account and not is_account(fields.target_account):
        yield Reason(
            "target_account.grammar",
            f"Account {shown(fields.target_account)} is not a login name.",
            "Use lower-case letters, digits, hyphen and underscore, beginning with a letter, at most 32 long, "
            "or leave it empty for now.",
        )
    yield from _choice_reasons("method", fields.method, Method)
    yield from _choice_reasons("elevation", fields.elevation, Elevation)
    if (fields.target_account == "root") != (fields.elevation == Elevation.ROOT):
        yield Reason(
            "elevation.contradiction",
            "The account root goes with elevation root, and no other account does.",
            "Choose root for the account root; none or sudo for any other.",
        )
    yield from _choice_reasons("platform", fields.platform, Platform)
    yield from _platform_reasons(fields)
    yield from _root_reasons(fields.watched_roots)


def _platform_reasons(fields: ConnectionFields) -> Iterator[Reason]:
    """What does not go with the platform; nothing for a platform that there is not, which is told already."""
    if fields.elevation == Elevation.SUDO and fields.platform != Platform.UNIX:
        yield Reason(
            "elevation.platform",
            "There is sudo on Unix only.",
            "Choose none, and an account that may read what is measured.",
        )
    drives = [is_drive_root(root) for root in fields.watched_roots]
    if fields.platform == Platform.WINDOWS and not all(drives):
        yield Reason(
            "watched_roots.drive",
            "A watched folder on Windows begins with its drive.",
            "Write it like /C:/Windows/System32/drivers, and a space in it as %20.",
        )
    if fields.platform == Platform.UNIX and any(drives):
        yield Reason(
            "watched_roots.no_drive",
            "A watched folder with a drive is one of Windows.",
            "Set the platform of the connection to Windows.",
        )
    if fields.platform in DEVICES and fields.watched_roots:
        yield Reason(
            "watched_roots.device",
            "A device has no folders to watch: its configuration and its firmware are measured.",
            "Leave the watched folders empty.",
        )


def _root_reasons(roots: tuple[str, ...]) -> Iterator[Reason]:
    for root in roots:
        if not is_watched_root(root):
            yield Reason(
                "watched_roots.grammar",
                f"Watched folder {shown(root)} is not a plain absolute path.",
                "Begin with a slash; letters, digits and . _ @ + - only, no spaces and no .. in it.",
            )
    if len(roots) > MAX_ROOTS or len(set(roots)) != len(roots):
        yield Reason(
            "watched_roots.list",
            f"Watched folders are at most {MAX_ROOTS}, each named once.",
            "Remove doubles, or watch a folder higher up.",
        )


def may_connect(connection: ConnectionView) -> Decision:
    """Decide whether anything may be opened over this connection: its grammar holds, account and host key are set."""
    named = require_that(
        bool(connection.target_account),
        "target_account.missing",
        "The connection names no account, so nobody can log in over it.",
        "Set the login name on the asset's page, or choose work on site.",
    )
    pinned = require_that(
        bool(connection.host_identity),
        "host_identity.missing",
        "No host key is pinned for this connection, so the gate could not tell the machine from an impostor.",
        "Read /etc/ssh/ssh_host_ecdsa_key.pub on the machine itself and set type and key.",
    )
    return Decision(check_connection(connection.fields).reasons + named.reasons + pinned.reasons)


def check_entry_point(fields: EntryPointFields) -> Decision:
    """Decide whether an entry point may stand like this; missing evidence is a gap, not an error."""
    return Decision(tuple(_entry_point_reasons(fields)))


def _entry_point_reasons(fields: EntryPointFields) -> Iterator[Reason]:
    yield from _choice_reasons("kind", fields.kind, EntryPointKind)
    yield from _choice_reasons("mfa", fields.mfa, SecondFactor)
    if not fields.name:
        yield Reason("name.missing", "The entry point has no name.", "Name the product or the place, such as RMM.")
    for name in ("name", "termination", "log_source"):
        yield from _text_reasons(name, getattr(fields, name))
    yield from _person_reasons(fields.owner)
    if fields.mfa == SecondFactor.NOT_APPLICABLE and fields.kind != EntryPointKind.PANEL:
        yield Reason(
            "mfa.not_applicable",
            "Only a physical panel can do without a second factor question.",
            "Say whether it is enforced or missing.",
        )
    yield from _id_list_reasons("assets", fields.assets, MAX_ENTRY_POINT_ASSETS)


def gaps_of(point: EntryPointView, on: date) -> Decision:
    """Say what an entry point lacks on that day before work through it can count as controlled (3.7.2[d])."""
    fix = "Complete it in the entry-point register."
    gaps = []
    if point.mfa is SecondFactor.MISSING:
        gaps.append(Reason("mfa.gap", f"{point.name} asks for no second factor.", "Turn it on there, then say so."))
    if not point.termination:
        gaps.append(Reason("termination.gap", f"It is not said how sessions through {point.name} end.", fix))
    if not point.log_source:
        gaps.append(Reason("log_source.gap", f"It is not said where {point.name} logs who came in.", fix))
    if not point.owner:
        gaps.append(Reason("owner.gap", f"{point.name} has no owner.", fix))
    if point.review_due is None or point.review_due < on:
        gaps.append(Reason("review_due.gap", f"The review of {point.name} is due.", "Review it and set the next date."))
    elif point.review_due > on + REVIEW_WITHIN:
        gaps.append(
            Reason("review_due.far", f"The next review of {point.name} is more than a year off.", "Set it sooner.")
        )
    return Decision(tuple(gaps))


def difference(old: AssetFields, new: AssetFields) -> Mapping[str, tuple[object, object]]:
    """Return the fields that differ, each with its old and new value."""
    pairs = {name: (getattr(old, name), getattr(new, name)) for name in AssetFields.__dataclass_fields__}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _is_reachable_address(text: str) -> bool:
    if not is_address(text):
        return False
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return is_name_of_host(text)
    broadcast = text == "255.255.255.255"
    return not (address.is_unspecified or address.is_multicast or broadcast or text.lower().startswith("fe80:"))


def _text_reasons(name: str, text: str) -> Iterator[Reason]:
    label = name.replace("_", " ").capitalize()
    problem = text_problem(text)
    if problem:
        yield Reason(f"{name}.characters", f"{label} {problem}.", "Type it again as one line of plain text.")
    if len(text) > MAX_TEXT[name]:
        yield Reason(f"{name}.long", f"{label} is longer than {MAX_TEXT[name]} characters.", "Shorten it.")


def _choice_reasons(name: str, value: str, kind: type[StrEnum]) -> Iterator[Reason]:
    if value not in set(kind):
        label = name.replace("_", " ").capitalize()
        choices = ", ".join(kind)
        yield Reason(f"{name}.choice", f"{label} {shown(value)} is not known.", f"Choose one of: {choices}.")


def _person_reasons(owner: str) -> Iterator[Reason]:
    if owner and not _ID.fullmatch(owner):
        yield Reason("owner.grammar", "The owner is not a person of the roster.", "Choose a person from the list.")


def _id_list_reasons(name: str, ids: tuple[str, ...], most: int) -> Iterator[Reason]:
    if len(ids) > most or len(set(ids)) != len(ids) or not all(_ID.fullmatch(one) for one in ids):
        label = name.replace("_", " ").capitalize()
        yield Reason(f"{name}.list", f"{label} names at most {most} assets, each once.", "Choose them from the list.")


def shown(text: str) -> str:
    """Return text as it may stand in a sentence: quoted, short, escapes visible."""
    visible = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text[:40])
    return f'"{visible}{"..." if len(text) > 40 else ""}"'
