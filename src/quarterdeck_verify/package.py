"""The layout of a package: which files it has, and the exact spelling of each file that Quarterdeck itself reads.

A BagIt 1.0 bag (RFC 8493) in ASCII names without brackets or spaces. Every `parse_*` refuses what its `make_*`
would not write, so that each byte of these files counts. The layout is described in docs/reference/package-format.md.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from quarterdeck_verify import entry

PACKAGE_NAMESPACE = "quarterdeck-package"
CHECKPOINT_NAMESPACE = "quarterdeck-checkpoint"
ROTATION_NAMESPACE = "quarterdeck-rotation"

BAGIT = "bagit.txt"
BAG_INFO = "bag-info.txt"
MANIFEST = "manifest-sha256.txt"
TAG_MANIFEST = "tagmanifest-sha256.txt"
SIGNATURE = "tagmanifest-sha256.txt.sig"
SIGNERS = "keys/allowed_signers"
INSTRUCTIONS = "VERIFY.txt"
VERIFIER = "verify.pyz"
WITNESSES = "keys/witnesses.txt"
TSA_ROOT = "keys/tsa-root.pem"
STAMP = "tagmanifest-sha256.txt.tsr"

PAYLOAD = "data/"
LEDGER = "data/ledger/"
ENTRIES = "data/ledger/entries.jsonl"
PROOFS = "data/ledger/proofs.jsonl"
CHECKPOINT = "data/ledger/checkpoint"
CHECKPOINT_SIGNATURE = "data/ledger/checkpoint.sig"
CHECKPOINT_NOTE = "data/ledger/checkpoint.note"
CHECKPOINT_STAMP = "data/ledger/checkpoint.tsr"
CONSISTENCY = "data/ledger/consistency.json"
ANCHORS = "data/ledger/anchors/"
RECEIPTS = "data/ledger/anchors/receipts.jsonl"
ARTIFACTS = "data/artifacts/"
VIEWS = "data/views.sha256"
REPORT = "data/report.html"
SCOPE = "data/scope.json"
WITHHELD = "data/withheld.csv"

REQUIRED = frozenset(
    (BAGIT, BAG_INFO, MANIFEST, TAG_MANIFEST, SIGNATURE, SIGNERS, ENTRIES, PROOFS, CHECKPOINT, CHECKPOINT_SIGNATURE,
     CONSISTENCY, VIEWS, REPORT, SCOPE, WITHHELD)
)  # fmt: skip
OPTIONAL = frozenset(
    (INSTRUCTIONS, VERIFIER, CHECKPOINT_NOTE, WITNESSES, TSA_ROOT, STAMP, CHECKPOINT_STAMP, RECEIPTS)
)  # fmt: skip
UNLISTED = frozenset((TAG_MANIFEST, SIGNATURE, STAMP))

BAGIT_TEXT = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
EXPORTED = "package.exported"
PERIOD_SEALED = "period.sealed"
KEY_ROTATED = "key.rotated"
ROTATION_ROLE = "key_rotation"
KEY_REPLACED = "sealer.key_replaced"
REPLACEMENT_ROLE = "key_replacement"
WITHHELD_HEADER = "sha256,size,seq,ticket,role,name,reason"
MAX_TICKETS = 1_000_000
SCOPE_KINDS = ("ticket", "set", "period", "assessment")

_BASE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,48}[A-Za-z0-9])?", re.ASCII)
_MANIFEST_LINE = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9._+=@/-]{1,200})", re.ASCII)
_INFO_LINE = re.compile(r"([A-Z][A-Za-z0-9-]{0,60}): ([^\x00-\x1f\x7f]{1,300})")
_REASON = re.compile(r"[a-z0-9_.-]{1,80}", re.ASCII)
_ANCHOR = re.compile(r"(?:0|[1-9][0-9]{0,15})\.[A-Za-z0-9_.-]{1,60}", re.ASCII)


@dataclass(frozen=True, slots=True)
class TicketHead:
    """How many entries a ticket has and the leaf hash (hexadecimal) of the last of them."""

    number: str
    count: int
    head: str


@dataclass(frozen=True, slots=True)
class Scope:
    """What a package was asked to hold.

    `tickets` are the tickets whose entries it holds, with their heads; `ranges` are (first, last) of all ticket
    numbers that were given out in the period, one pair per year: numbers are contiguous, so what is missing shows.
    Times are RFC 3339 in UTC with microseconds.
    """

    kind: str
    organisation: str
    log: str
    since: str | None
    until: str | None
    exported_at: str
    tickets: tuple[TicketHead, ...]
    ranges: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Withheld:
    """An artifact that a ledger entry names and the package leaves out, with a reason such as `no_consent`."""

    sha256: str
    size: int
    seq: int
    ticket: str
    role: str
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class ConsistencyStep:
    """A proof that the tree of `size` entries with `root` is a prefix of the tree of the package's checkpoint."""

    size: int
    root: bytes
    proof: tuple[bytes, ...]


def is_base_name(text: str) -> bool:
    """True for a folder name such as `MA-EVIDENCE-ACME-2026-11`."""
    return _BASE.fullmatch(text) is not None


def is_view(path: str) -> bool:
    """True for a payload file that was derived from the ledger: report, CSV, JSON."""
    return path.startswith(PAYLOAD) and path != VIEWS and not path.startswith((LEDGER, ARTIFACTS))


def is_known(path: str) -> bool:
    """True for a path that the layout has a place for."""
    if path in REQUIRED or path in OPTIONAL or is_view(path):
        return True
    if path.startswith(ANCHORS):
        return _ANCHOR.fullmatch(path.removeprefix(ANCHORS)) is not None
    return path.startswith(ARTIFACTS) and "/" not in path.removeprefix(ARTIFACTS)


def artifact_path(ticket: str | None, seq: int, position: int, name: str) -> str:
    """Return the path of the artifact that stands at `position` in entry `seq`, the first entry that names it."""
    return f"{ARTIFACTS}{ticket or 'LOG'}_{seq}-{position}_{name}"


def make_manifest(hashes: Mapping[str, str]) -> bytes:
    """Return `sha256sum` lines for path -> SHA-256, sorted by path."""
    return "".join(f"{hashes[path]}  {path}\n" for path in sorted(hashes)).encode("ascii")


def parse_manifest(data: bytes) -> dict[str, str]:
    """Return path -> SHA-256; ValueError for anything that `make_manifest` would not write."""
    found: dict[str, str] = {}
    for line in _lines(data):
        match = _MANIFEST_LINE.fullmatch(line)
        if match is None:
            raise ValueError("it has a line that is not `hash  path`")
        found[match[2]] = match[1]
    if make_manifest(found) != data:
        raise ValueError("a path stands in it twice or out of order")
    return found


def make_bag_info(fields: Mapping[str, str]) -> bytes:
    """Return bag-info.txt, one `Label: value` a line, sorted."""
    text = "".join(f"{label}: {fields[label]}\n" for label in sorted(fields))
    if any(_INFO_LINE.fullmatch(line) is None for line in text.split("\n")[:-1]):
        raise ValueError("bag-info.txt has a label or value that is empty, too long or has a control character")
    return text.encode("utf-8")


def parse_bag_info(data: bytes) -> dict[str, str]:
    """Return label -> value; ValueError for anything that `make_bag_info` would not write."""
    found: dict[str, str] = {}
    for line in _lines(data, "utf-8"):
        match = _INFO_LINE.fullmatch(line)
        if match is None:
            raise ValueError("it has a line that is not `Label: value`")
        found[match[1]] = match[2]
    if make_bag_info(found) != data:
        raise ValueError("a label stands in it twice or out of order")
    return found


def make_proof_line(seq: int, proof: Sequence[bytes]) -> bytes:
    """Return one line of proofs.jsonl: the entry's number and its audit path, without the line feed."""
    return entry.canonical({"proof": [step.hex() for step in proof], "seq": seq})


def parse_proof_line(line: bytes) -> tuple[int, list[bytes]]:
    """Return entry number and audit path; ValueError for anything that `make_proof_line` would not write."""
    value = entry.parse_canonical(line)
    if not isinstance(value, dict) or set(value) != {"proof", "seq"} or type(value["seq"]) is not int:
        raise ValueError("it is not a proof")
    return value["seq"], _hashes(value["proof"])


def make_consistency(steps: Iterable[ConsistencyStep]) -> bytes:
    """Return consistency.json, sorted by size."""
    ordered = sorted(steps, key=lambda step: step.size)
    return entry.canonical(
        [{"size": s.size, "root": s.root.hex(), "proof": [h.hex() for h in s.proof]} for s in ordered]
    )


def parse_consistency(data: bytes) -> list[ConsistencyStep]:
    """Return the proofs; ValueError for anything that `make_consistency` would not write."""
    value = entry.parse_canonical(data)
    if not isinstance(value, list):
        raise ValueError("it is not a list of proofs")
    found = []
    for item in value:
        if not isinstance(item, dict) or set(item) != {"size", "root", "proof"} or type(item["size"]) is not int:
            raise ValueError("it has a proof without size, root or path")
        found.append(ConsistencyStep(item["size"], _hashes([item["root"]])[0], tuple(_hashes(item["proof"]))))
    if make_consistency(found) != data or len({step.size for step in found}) != len(found):
        raise ValueError("a size stands in it twice or out of order")
    return found


def make_withheld(rows: Iterable[Withheld]) -> bytes:
    """Return withheld.csv, sorted by entry, without quotes: every field is a plain word."""
    ordered = sorted(rows, key=lambda row: (row.seq, row.name, row.sha256))
    lines = [f"{r.sha256},{r.size},{r.seq},{r.ticket},{r.role},{r.name},{r.reason}" for r in ordered]
    if any(line.count(",") != 6 or _REASON.fullmatch(line.rpartition(",")[2]) is None for line in lines):
        raise ValueError("a withheld file's reason is not a word of a-z, 0-9, _, . and -")
    return "".join(f"{line}\n" for line in (WITHHELD_HEADER, *lines)).encode("ascii")


def parse_withheld(data: bytes) -> list[Withheld]:
    """Return the rows; ValueError for anything that `make_withheld` would not write."""
    found = []
    for line in _lines(data)[1:]:
        cells = line.split(",")
        if len(cells) != 7 or not (cells[1].isdecimal() and cells[2].isdecimal() and len(cells[1] + cells[2]) < 40):
            raise ValueError("it has a malformed row")
        found.append(Withheld(cells[0], int(cells[1]), int(cells[2]), cells[3], cells[4], cells[5], cells[6]))
    if make_withheld(found) != data:
        raise ValueError("it is not in the order and spelling that Quarterdeck writes")
    return found


def make_scope(scope: Scope) -> bytes:
    """Return scope.json, indented for people; the spelling is fixed."""
    if scope.kind not in SCOPE_KINDS:
        raise ValueError("a package is of a ticket, a set, a period or an assessment")
    document = {
        "v": 1,
        "kind": scope.kind,
        "organisation": scope.organisation,
        "log": scope.log,
        "since": scope.since,
        "until": scope.until,
        "exported_at": scope.exported_at,
        "tickets": [{"number": t.number, "count": t.count, "head": t.head} for t in scope.tickets],
        "ranges": [{"first": first, "last": last} for first, last in scope.ranges],
    }
    return (json.dumps(document, indent=1, sort_keys=True, ensure_ascii=True) + "\n").encode("ascii")


def parse_scope(data: bytes) -> Scope:
    """Return the scope; ValueError for anything that `make_scope` would not write."""
    try:
        value = json.loads(data)
        scope = Scope(
            kind=value["kind"],
            organisation=value["organisation"],
            log=value["log"],
            since=value["since"],
            until=value["until"],
            exported_at=value["exported_at"],
            tickets=tuple(TicketHead(t["number"], t["count"], t["head"]) for t in value["tickets"]),
            ranges=tuple((r["first"], r["last"]) for r in value["ranges"]),
        )
        again = make_scope(scope)
    except (json.JSONDecodeError, UnicodeError, RecursionError):
        raise ValueError("it is not JSON") from None
    except (KeyError, TypeError):
        raise ValueError("it lacks a field or has one of another kind") from None
    if again != data or not _scope_is_sound(scope):
        raise ValueError("it is not in the spelling that Quarterdeck writes")
    return scope


def range_numbers(first: str, last: str) -> range:
    """Return the running numbers of a range of tickets of one year, both ends included."""
    return range(int(first[8:]), int(last[8:]) + 1)


def months(scope: Scope) -> list[str]:
    """Return the months, such as `2026-11`, that a period touches: from `since` to just before `until`."""
    first, last = scope.since or scope.exported_at, scope.until or scope.exported_at
    found = []
    year, month = int(first[:4]), int(first[5:7])
    while (text := f"{year:04}-{month:02}") + "-01T00:00:00.000000Z" < max(last, first[:8] + "02") and year < 10_000:
        found.append(text)
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    return found


def exported_data(base: str, views: bytes, leaves: Iterable[bytes]) -> dict[str, str | int]:
    """Return the data of the `package.exported` entry: hashes of the list of views and of the slice before it."""
    digest, count = hashlib.sha256(), 0
    for leaf in leaves:
        digest.update(leaf)
        count += 1
    return {
        "package": base,
        "views_sha256": hashlib.sha256(views).hexdigest(),
        "entries": count,
        "slice_sha256": digest.hexdigest(),
    }


def _scope_is_sound(scope: Scope) -> bool:
    texts = (scope.organisation, scope.log)
    times = (scope.exported_at, *(t for t in (scope.since, scope.until) if t is not None))
    return (
        all(isinstance(text, str) for text in texts)
        and all(entry.is_moment(time) for time in times)
        and all(_head_is_sound(t) for t in scope.tickets)
        and [t.number for t in scope.tickets] == sorted({t.number for t in scope.tickets})
        and all(_range_is_sound(first, last) for first, last in scope.ranges)
        and len({first[:7] for first, _ in scope.ranges}) == len(scope.ranges)
        and sum(len(range_numbers(first, last)) for first, last in scope.ranges) <= MAX_TICKETS
    )


def _head_is_sound(head: TicketHead) -> bool:
    return entry.is_ticket_number(head.number) and type(head.count) is int and entry.is_sha256(head.head)


def _range_is_sound(first: Any, last: Any) -> bool:  # noqa: ANN401  whatever the JSON holds
    known = entry.is_ticket_number(first) and entry.is_ticket_number(last)
    return known and first[:7] == last[:7] and first <= last


def _hashes(value: object) -> list[bytes]:
    if not isinstance(value, list) or not all(entry.is_sha256(item) for item in value):
        raise ValueError("it has a hash that is not 64 hexadecimal digits")
    return [bytes.fromhex(item) for item in value]


def _lines(data: bytes, encoding: str = "ascii") -> list[str]:
    try:
        lines = data.decode(encoding).split("\n")
    except UnicodeError:
        raise ValueError("it is not text") from None
    if lines.pop():
        raise ValueError("its last line is cut off")
    return lines
