"""Sealing through the real socket: heads get signed, and a database that lost or changed entries does not."""

import pytest
from tests.append_only import database_in_hand
from tests.sealer_process import running_sealer

from quarterdeck.adapters.sealer_client import SealerClient
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import ObjectRef
from quarterdeck.evidence.watch import forget
from quarterdeck.kernel.actors import system
from quarterdeck.kernel.decision import Refused
from quarterdeck.workflows import seal_checkpoint as sealing
from quarterdeck_verify import checkpoint as checkpoint_format
from quarterdeck_verify.merkle import Frontier

pytestmark = pytest.mark.django_db
TICKER = system("ticker")


@pytest.fixture
def sealer(tmp_path, clock):
    with running_sealer(tmp_path / "sealer", clock) as client:
        yield client


def record(clock, event="thing.done", count=1):
    with evidence.act(TICKER, clock) as act:
        for number in range(count):
            act.record(event, ObjectRef("thing", f"th_{number}"))


def code(call):
    with pytest.raises(Refused) as caught:
        call()
    return caught.value.decision.codes[0]


def remove_entries(keep):
    """Cut the log after `keep` entries and rewind its head, as somebody with the database file can at night.

    Who was running meanwhile remembers and is refused at once (tests/attack); here every process starts anew.
    """
    frontier = Frontier()
    for entry in evidence.entries(until_seq=keep):
        frontier.append(entry.leaf)
    with database_in_hand() as cursor:
        cursor.execute("DELETE FROM evidence_artifactuse WHERE entry_id >= %s", [keep])
        cursor.execute("DELETE FROM evidence_ledgerentry WHERE seq >= %s", [keep])
        cursor.execute(
            "UPDATE evidence_ledgerhead SET size = %s, tip = %s, frontier = %s",
            [keep, entry.leaf, frontier.serialise()],
        )
    forget()


def test_an_empty_log_is_not_sealed(sealer):
    assert sealing.seal(sealer, reason="close") is None


def test_a_checkpoint_is_signed_and_kept(sealer, clock):
    record(clock, count=3)
    checkpoint = sealing.seal(sealer, reason="close")
    head = evidence.head()
    assert checkpoint == evidence.latest_checkpoint()
    assert checkpoint_format.parse(checkpoint.body).root == head.root
    assert (checkpoint.size, checkpoint.reason, checkpoint.at) == (head.size, "close", clock.now())


def test_the_next_checkpoint_continues_the_last(sealer, clock):
    record(clock, count=3)
    first = sealing.seal(sealer, reason="open")
    record(clock, count=4)
    second = sealing.seal(sealer, reason="close")
    assert (first.size, second.size) == (3, 7)
    assert evidence.verify_ledger().problems == []


def test_sealing_without_news_keeps_one_checkpoint(sealer, clock):
    record(clock)
    assert sealing.seal(sealer, reason="open") == sealing.seal(sealer, reason="close")
    assert len(evidence.checkpoints()) == 1


def test_many_entries_are_sealed_in_batches(sealer, clock, monkeypatch):
    monkeypatch.setattr(sealing, "BATCH", 10)
    record(clock, count=25)
    assert sealing.seal(sealer, reason="close").size == 25


def test_a_checkpoint_that_was_signed_but_not_kept_is_taken_again(sealer, clock):
    record(clock, count=2)
    bodies = [entry.body for entry in evidence.entries()]
    signed = sealer.seal(0, bodies, evidence.head().root.hex(), "close")
    assert evidence.latest_checkpoint() is None
    assert sealing.seal(sealer, reason="news").sshsig == signed.sshsig


def test_a_database_that_lost_entries_is_refused(sealer, clock):
    record(clock, count=5)
    sealing.seal(sealer, reason="close")
    remove_entries(keep=3)
    assert code(lambda: sealing.seal(sealer, reason="close")) == "sealer.rolled_back"


def test_a_database_that_lost_entries_and_grew_again_is_refused(sealer, clock):
    record(clock, count=5)
    sealing.seal(sealer, reason="close")
    remove_entries(keep=3)
    clock.advance(minutes=1)
    record(clock, count=6)
    assert code(lambda: sealing.seal(sealer, reason="close")) == "sealer.inconsistent"


def test_no_sealer_is_a_sentence(tmp_path, clock):
    record(clock)
    client = SealerClient(tmp_path / "nobody.sock")
    assert code(lambda: sealing.seal(client, reason="close")) == "sealer.unreachable"


def test_the_cadence_seals_milestones_at_once_and_news_after_a_quarter_of_an_hour(sealer, clock):
    record(clock)
    assert sealing.seal_if_due(sealer, clock=clock) is None
    clock.advance(minutes=15)
    assert sealing.seal_if_due(sealer, clock=clock).reason == "news"
    record(clock, "ticket.approved")
    assert sealing.seal_if_due(sealer, clock=clock).reason == "approval"
    assert sealing.seal_if_due(sealer, clock=clock) is None


def test_a_silent_log_beats_once_a_day(sealer, clock):
    record(clock)
    assert sealing.beat_if_due(actor=TICKER, clock=clock) is None
    clock.advance(days=1)
    assert sealing.beat_if_due(actor=TICKER, clock=clock)
    assert sealing.seal_if_due(sealer, clock=clock).reason == "heartbeat"
    assert sealing.beat_if_due(actor=TICKER, clock=clock) is None


def test_heads_of_recordings_pass_through_the_socket(sealer):
    sealer.keep_head("se_1", 3, "ab" * 32)
    assert sealer.last_head("se_1") == (3, "ab" * 32)
    assert sealer.last_head("se_2") is None
    assert code(lambda: sealer.keep_head("se_1", 2, "ab" * 32)) == "head.rewound"


def test_a_package_signature_passes_through_the_socket(sealer):
    assert sealer.sign_package(b"00  bagit.txt\n").startswith(b"-----BEGIN SSH SIGNATURE-----\n")
