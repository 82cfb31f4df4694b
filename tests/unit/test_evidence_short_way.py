"""The short way through a log says what the long one says, of any row that was changed, and of none more."""

import random

import pytest
from tests.attack.package_fixture import Ledger

from quarterdeck.evidence.rows import StoredRow
from quarterdeck.evidence.short_way import ShortWay
from quarterdeck.evidence.verification import _Reading
from quarterdeck_verify import entry

EVENTS = (
    ("checks.ran", {"number": 1, "state": "passed"}), ("thing.done", {}), ("asset.seen", {"a": {"b": [1]}, "c": None}),
)  # fmt: skip
WORDS = (None, "x", "MT-2026-00002", 7, "pe_iris", b"checks.ran", "")
BITS = (b"", b"0", b'"', b",", b"\xc3\xa4", b" ", b"Z", b"1", b"a", b"\\", b"{}")


def genuine() -> list[StoredRow]:
    ledger = Ledger()
    for number in range(60):
        event, data = EVENTS[number % 7 % 3]
        ticket = (None, "MT-2026-00001", "MT-2026-00002")[number % 3]
        files = [("proof", "a.txt", b"x")] if number % 11 == 0 else []
        ledger.add(event, ticket, data | ({"number": number} if "number" in data else {}), files)
    return [row_of(body) for body in ledger.bodies]


def row_of(body: bytes) -> StoredRow:
    told = entry.decode(body)
    return (told["seq"], told["event_id"], told["event"], told["ticket"], told["ticket_seq"], told["actor"]["id"],
            told["object"]["type"], told["object"]["id"], entry.leaf_hash(body), body)  # fmt: skip


ROWS = genuine()


def problems(rows: list[StoredRow]) -> list[str]:
    reading = _Reading()
    for row in rows:
        reading.read(row)
    return reading.report.problems


def changed(chance: random.Random) -> list[StoredRow]:
    """The rows with one to three of them changed: a column, bytes with their leaf or without, order, kind."""
    rows = list(ROWS)
    for _ in range(chance.randrange(1, 4)):
        place, kind = chance.randrange(len(rows)), chance.randrange(6)
        row = list(rows[place])
        if kind == 0:
            row[chance.randrange(1, 8)] = chance.choice(WORDS)
        elif kind <= 3 and isinstance(row[9], bytes):
            body = bytearray(row[9])
            at = chance.randrange(len(body))
            body[at : at + chance.randrange(3)] = chance.choice(BITS)
            row[9] = bytes(body)
            row[8] = entry.leaf_hash(row[9]) if kind > 1 else row[8]
        elif kind == 4:
            other = chance.randrange(len(rows))
            rows[place], rows[other] = rows[other], rows[place]
            continue
        else:
            row[9] = "text"
        rows[place] = tuple(row)  # type: ignore[assignment]
    return rows


def test_a_whole_log_takes_the_short_way(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[bool] = []
    takes = ShortWay.takes
    monkeypatch.setattr(ShortWay, "takes", lambda self, row: taken.append(takes(self, row)) or taken[-1])
    assert problems(ROWS) == []
    assert sum(taken) > 25, "most plain entries go the short way"


def test_the_short_way_says_what_the_long_one_says(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = [changed(random.Random(seed)) for seed in range(1_500)]
    short = [problems(rows) for rows in cases]
    monkeypatch.setattr(ShortWay, "takes", lambda self, row: False)
    assert short == [problems(rows) for rows in cases]
    assert sum(map(bool, short)) > 1_200
