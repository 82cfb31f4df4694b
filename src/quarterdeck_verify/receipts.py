"""What left the exporter's server and what its holders answered, as the package tells it; it never counts as an anchor.

`receipts.jsonl` has one canonical line for each checkpoint and holder. Beside it lie the checkpoints themselves, their
signatures, time stamps (`<size>.tsr`) and cosignatures of witnesses, under the size of the checkpoint.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from quarterdeck_verify import entry, package
from quarterdeck_verify.members import Members

GRADES = ("independent", "same_administrator")
HOLDERS = ("person", "collector", "authority", "witness", "bucket", "other")
_TEXTS = ("channel", "grade", "holder", "receipt", "sent_at", "target")


@dataclass(frozen=True, slots=True, order=True)
class Receipt:
    """One holder of one checkpoint.

    `holder` says what it is: `person`, `collector`, `authority`, `witness`, `bucket`; `target` is its address. `file`
    names the file beside `receipts.jsonl` that is the receipt, empty where `receipt` is all there is.
    """

    size: int
    channel: str
    target: str
    holder: str
    grade: str
    sent_at: str
    receipt: str
    file: str = ""


def make_receipts(rows: Iterable[Receipt]) -> bytes:
    """Return receipts.jsonl, sorted by size, channel and target."""
    return b"".join(entry.canonical(_told(row)) + b"\n" for row in sorted(rows))


def parse_receipts(data: bytes) -> list[Receipt]:
    """Return the receipts; ValueError for anything that `make_receipts` would not write."""
    found = []
    for line in data.split(b"\n")[:-1]:
        value = entry.parse_canonical(line)
        if not isinstance(value, dict) or set(value) != {*_TEXTS, "file", "size"} or type(value["size"]) is not int:
            raise ValueError("it has a line that is no receipt")
        if not all(isinstance(value[name], str) for name in (*_TEXTS, "file")) or not entry.is_moment(value["sent_at"]):
            raise ValueError("it has a receipt with a field of another kind")
        if value["grade"] not in GRADES or value["holder"] not in HOLDERS:
            raise ValueError("it has a receipt with an unknown grade or kind of holder")
        found.append(Receipt(**value))
    if make_receipts(found) != data:
        raise ValueError("it is not in the order and spelling that Quarterdeck writes")
    return found


def check_receipts(members: Members) -> list[Receipt]:
    """Hold the list against the files beside it; returns what it tells, empty when there is none or it is malformed."""
    found = members.findings
    if package.RECEIPTS not in members.measured:
        return []
    try:
        rows = parse_receipts(members.read(package.RECEIPTS))
    except ValueError as problem:
        found.add("member.malformed", package.RECEIPTS, f"It cannot be used: {problem}.")
        return []
    beside = {package.RECEIPTS}
    for row in rows:
        body, file = f"{package.ANCHORS}{row.size}.checkpoint", package.ANCHORS + row.file
        beside |= {body, f"{body}.sig"} | ({file} if row.file else set())
        if body not in members.measured or (row.file and file not in members.measured):
            sentence = f"A receipt of the checkpoint of {row.size} names a file that is not there."
            found.add("receipt.file_missing", package.RECEIPTS, sentence)
    for name in sorted(members.measured):
        if name.startswith(package.ANCHORS) and name not in beside:
            found.add("receipt.unknown_file", name, "No receipt of the package belongs to this file.")
    return rows


def _told(row: Receipt) -> dict[str, str | int]:
    return {
        "channel": row.channel, "file": row.file, "grade": row.grade, "holder": row.holder, "receipt": row.receipt,
        "sent_at": row.sent_at, "size": row.size, "target": row.target,
    }  # fmt: skip
