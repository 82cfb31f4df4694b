"""The act: rows and entries in one transaction, entries last, facts carried by entries, refusals folded."""

import hashlib
import io
from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, transaction

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.guard import open_guard
from quarterdeck.evidence.models import LedgerEntry, LedgerTile
from quarterdeck.kernel.actors import Actor, ActorKind
from quarterdeck.kernel.decision import Refused, refuse
from quarterdeck_verify import merkle

pytestmark = pytest.mark.django_db
IRIS = Actor("pe_iris", ActorKind.PERSON, "mfa")
THING = evidence.ObjectRef("asset", "as_1")


class Hands:
    """A clock whose hands the test turns."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment

    def boot(self) -> float:
        return self.moment.timestamp()


def write(count: int, clock: Hands, ticket: str | None = None) -> None:
    with evidence.act(IRIS, clock) as act:
        for _ in range(count):
            act.record("asset.changed", THING, ticket=ticket)


def test_an_act_appends_its_entries_in_order_and_chained() -> None:
    write(3, Hands(), "MT-2026-00001")
    found = list(evidence.entries())
    assert [entry.seq for entry in found] == [0, 1, 2]
    assert [entry.ticket_seq for entry in found] == [1, 2, 3]
    assert evidence.verify_ledger().problems == []
    assert evidence.head().root == merkle.root([entry.leaf for entry in found])


def test_a_failing_act_leaves_nothing() -> None:
    with pytest.raises(RuntimeError), evidence.act(IRIS, Hands()) as act:
        act.record("asset.changed", THING)
        raise RuntimeError("the power of the example")
    assert evidence.head().size == 0


def test_nesting_raises() -> None:
    with evidence.act(IRIS, Hands()), pytest.raises(evidence.NestedAct), evidence.act(IRIS, Hands()):
        pass


def test_an_unrecorded_write_raises() -> None:
    with pytest.raises(evidence.UnrecordedWrite):
        LedgerTile.objects.create(level=0, number=0, data=b"")


@pytest.mark.parametrize("change", ["update", "delete"])
def test_the_database_itself_refuses_changes_to_entries(change: str) -> None:
    write(1, Hands())
    with pytest.raises(DatabaseError), transaction.atomic(), open_guard():
        rows = LedgerEntry.objects.filter(seq=0)
        rows.update(event="asset.forged") if change == "update" else rows._raw_delete("default")


def test_free_text_is_refused() -> None:
    with evidence.act(IRIS, Hands()) as act, pytest.raises(ValueError, match="no free text"):
        act.record("asset.changed", THING, data={"why": "it broke again"})


def test_the_same_event_id_is_written_once() -> None:
    for _ in range(2):
        try:
            with evidence.act(IRIS, Hands()) as act:
                act.record("asset.changed", THING, event_id="ev_once")
        except evidence.DuplicateEvent:
            pass
    assert evidence.head().size == 1


def test_a_clock_behind_the_ledger_is_refused() -> None:
    clock = Hands()
    write(1, clock)
    clock.moment -= timedelta(minutes=1)
    with pytest.raises(Refused) as refusal:
        write(1, clock)
    assert refusal.value.decision.codes == ("clock.behind",)


def test_a_fact_is_read_from_the_entry_that_carries_it() -> None:
    clock = Hands()
    with evidence.act(IRIS, clock) as act:
        entry = act.record("backup.proved", THING, ticket="MT-2026-00001")
        act.fact(
            "backup.verified",
            entry=entry,
            outcome=evidence.Outcome.PASSED,
            grade=evidence.Grade.CAPTURED,
            ticket="MT-2026-00001",
            valid_until=clock.now() + timedelta(hours=1),
        )
    (fact,) = evidence.facts(ticket="MT-2026-00001")
    assert fact.kind == "backup.verified"
    assert fact.holds_at(clock.now())
    assert not fact.holds_at(clock.now() + timedelta(hours=2))


def test_refusals_within_a_minute_become_one_entry() -> None:
    clock = Hands()
    for _ in range(5):
        evidence.record_refusal(IRIS, clock, refuse("window.closed", "Not now."), rule="HP-WINDOW")
    clock.moment += timedelta(minutes=2)
    evidence.record_refusal(IRIS, clock, refuse("window.closed", "Not now."), rule="HP-WINDOW")
    assert [entry.data["folded_before"] for entry in evidence.entries(events=["act.refused"])] == [0, 4]


@pytest.mark.parametrize("content", [b"", b"hello", b"x" * 3_000_000])
def test_an_artifact_is_kept_under_its_hash(content: bytes) -> None:
    ref = evidence.store_artifact(
        io.BytesIO(content), media_type="text/plain", role="plan", name="plan.txt", may_contain_cui=False
    )
    assert ref.sha256 == hashlib.sha256(content).hexdigest()
    assert evidence.read_artifact(ref.sha256) == content
    assert evidence.object_path(ref.sha256).stat().st_mode & 0o777 == 0o400


def test_proofs_over_several_tiles_verify() -> None:
    clock = Hands()
    for _ in range(3):
        write(200, clock)
    size, leaves = 600, [entry.leaf for entry in evidence.entries()]
    root = evidence.head().root
    assert root == merkle.root(leaves)
    for index in (0, 255, 256, 511, 599):
        assert merkle.verify_inclusion(leaves[index], index, size, evidence.inclusion_proof(index, size), root)
    old_root = merkle.root(leaves[:300])
    assert merkle.verify_consistency(300, size, evidence.consistency_proof(300, size), old_root, root)
    assert evidence.verify_ledger().problems == []
