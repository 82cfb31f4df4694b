"""`verify_ledger` names what is wrong with stored rows, one wrong thing at a time."""

import pytest
from tests.append_only import database_in_hand
from tests.clock import StillClock

from quarterdeck.evidence import api as evidence
from quarterdeck.kernel.actors import OPERATOR
from quarterdeck_verify import merkle
from quarterdeck_verify.entry import decode, encode, leaf_hash

pytestmark = pytest.mark.django_db(transaction=True)
ENTRY = "UPDATE evidence_ledgerentry SET "


def fill(clock: StillClock, count: int = 20) -> None:
    with evidence.act(OPERATOR, clock) as act:
        for number in range(count):
            act.record(
                "thing.done", evidence.ObjectRef("thing", "th_1"), data={"number": number},
                ticket="MT-2026-00001" if number % 2 else None,
            )  # fmt: skip


def problems(statement: str, *values: object) -> list[str]:
    with database_in_hand() as cursor:
        cursor.execute(statement, list(values))
    return evidence.verify_ledger().problems


def test_a_whole_ledger_over_several_tiles(clock: StillClock) -> None:
    fill(clock, 600)
    report = evidence.verify_ledger()
    assert (report.size, report.problems) == (600, [])
    assert report.root == merkle.root([entry.leaf for entry in evidence.entries()]).hex()


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (ENTRY + "leaf = body WHERE seq = 5",
         "entry 5: its bytes do not fit its leaf hash"),
        (ENTRY + "object_id = 'th_2' WHERE seq = 5", "entry 5: its columns say something else than its bytes"),
        (ENTRY + "actor_id = 'pe_other' WHERE seq = 5", "entry 5: its columns say something else than its bytes"),
        ("DELETE FROM evidence_ledgerentry WHERE seq = 5", "entry 6: entry 5 is missing before it"),
        ("DELETE FROM evidence_ledgerentry WHERE seq > 15", "the head counts 20 entries, 16 are there"),
        ("UPDATE evidence_ledgerhead SET size = 19", "the ledger's head does not fit its entries"),
        ("UPDATE evidence_ledgerhead SET frontier = tip", "the ledger's head does not fit its entries"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(clock: StillClock, statement: str, said: str) -> None:
    fill(clock)
    assert said in problems(statement)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"data": {"number": 99}}, "entry 6: does not follow the entry before it"),
        ({"prev": "ab" * 32}, "entry 5: does not follow the entry before it"),
        ({"ticket_seq": 77}, "entry 5: MT-2026-00001 has a hole before its entry 77"),
        ({"ticket_prev": "ab" * 32}, "entry 5: MT-2026-00001 has a hole before its entry 3"),
        ({"ts": "2020-01-01T00:00:00.000000Z"}, "entry 5: its time is before that of the entry before it"),
    ],
)
def test_a_body_that_was_forged_with_its_leaf(clock: StillClock, changes: dict[str, object], said: str) -> None:
    fill(clock)
    fields = decode(next(evidence.entries(from_seq=5)).body) | changes
    body = encode(fields)
    row = [body, leaf_hash(body), fields["ticket_seq"]]
    assert said in problems(ENTRY + "body = %s, leaf = %s, ticket_seq = %s WHERE seq = 5", *row)


def test_bytes_that_are_no_canonical_entry(clock: StillClock) -> None:
    fill(clock)
    body = next(evidence.entries(from_seq=5)).body.replace(b'"v":1', b'"v": 1')
    found = problems(ENTRY + "body = %s, leaf = %s WHERE seq = 5", body, leaf_hash(body))
    assert "entry 5: not a canonical entry (the JSON is not in its canonical form)" in found


@pytest.mark.parametrize(
    "statement",
    ["DELETE FROM evidence_ledgertile WHERE number = 1", "UPDATE evidence_ledgertile SET data = %s WHERE number = 1"],
)
def test_a_tile_that_is_not_that_of_the_entries(clock: StillClock, statement: str) -> None:
    fill(clock, 600)
    values = [b"\0" * 8192] if "%s" in statement else []
    assert problems(statement, *values) == ["tile 0/1 is missing, or not that of the entries"]
    assert evidence.inclusion_proof(300, 600), "proofs are made from the entries"
