"""A database that is not the one that was sealed last: found at once, told loudly, taken only when somebody says so."""

import pytest
from tests.app.test_sealer_workflow import record, remove_entries
from tests.append_only import database_in_hand
from tests.sealer_process import running_sealer
from tests.shop import FAST_HASHER
from tests.ticket_yard import build_yard

from quarterdeck.access import api as access
from quarterdeck.adapters.sealer_client import SealerClient
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import ObjectRef
from quarterdeck.kernel.actors import OPERATOR, system
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel import api as personnel
from quarterdeck.workflows import change_key, restore_ledger, watch_sealer
from quarterdeck.workflows.anchor_checkpoints import AnchorContradicts, AnchorQueue, Route
from quarterdeck.workflows.cadence import Reach
from quarterdeck.workflows.seal_checkpoint import seal

pytestmark = pytest.mark.django_db
TICKER = system("ticker")
BY_HAND = ObjectRef("database", "as-found")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "sealer"


@pytest.fixture
def sealer(folder, clock, settings):
    settings.PASSWORD_HASHERS = FAST_HASHER
    with running_sealer(folder, clock, restoring=True) as client:
        yield client


class Post:
    """Keeps the mails that are handed in; `broken` takes none."""

    def __init__(self, *, broken=False):
        self.mails, self.broken = [], broken

    def send(self, address, subject, text):
        if self.broken:
            raise OSError("no route")
        self.mails.append((address, subject, text))


def code(call):
    with pytest.raises(Refused) as caught:
        call()
    return caught.value.decision.codes[0]


def rolled_back(sealer, clock):
    """Eight entries, sealed at five and eight; then the database of six entries is put back."""
    record(clock, count=5)
    seal(sealer, reason="open")
    record(clock, count=3)
    seal(sealer, reason="close")
    remove_checkpoints_from(7)
    remove_entries(keep=6)


def remove_checkpoints_from(size):
    """The checkpoints of a copy of the database are as old as the copy."""
    with database_in_hand() as cursor:
        cursor.execute("DELETE FROM evidence_checkpoint WHERE size >= %s", [size])


def looked_after(sealer, clock, post=None):
    watch_sealer.look_after(sealer, lambda: post, actor=TICKER, clock=clock, url="https://qd.example")


def test_a_rollback_is_told_on_pages_in_the_ledger_and_by_mail_once_a_day(sealer, clock):
    yard = build_yard(clock)
    seal(sealer, reason="open")
    keep = evidence.head().size
    record(clock, count=3)
    seal(sealer, reason="close")
    remove_checkpoints_from(keep + 1)
    remove_entries(keep=keep)
    post = Post()
    looked_after(sealer, clock, post)
    (trouble,) = watch_sealer.shown_troubles(clock)
    assert trouble.code == "sealer.rolled_back"
    assert [mail[0] for mail in post.mails] == [personnel.person(yard.shop.ids["iris"]).email]
    assert "older than what was sealed" in post.mails[0][2]
    assert [entry.event for entry in evidence.entries(from_seq=keep)] == ["act.refused"]
    looked_after(sealer, clock, post)
    assert len(post.mails) == 1
    clock.advance(hours=25)
    looked_after(sealer, clock, post)
    assert len(post.mails) == 2
    assert watch_sealer.shown_troubles(clock) != [], "it stays until something is sealed again"


def test_a_mail_that_is_not_taken_is_tried_again(sealer, clock):
    build_yard(clock)
    seal(sealer, reason="open")
    keep = evidence.head().size
    record(clock)
    seal(sealer, reason="close")
    remove_checkpoints_from(keep + 1)
    remove_entries(keep=keep)
    looked_after(sealer, clock, Post(broken=True))
    post = Post()
    looked_after(sealer, clock, post)
    assert len(post.mails) == 1


def test_a_sealer_that_is_started_again_gets_two_minutes(tmp_path, clock):
    record(clock)
    nobody = SealerClient(tmp_path / "nobody.sock")
    looked_after(nobody, clock)
    assert watch_sealer.shown_troubles(clock) == []
    clock.advance(minutes=3)
    looked_after(nobody, clock)
    assert watch_sealer.shown_troubles(clock)[0].code == "sealer.unreachable"
    with running_sealer(tmp_path / "sealer", clock) as sealer:
        looked_after(sealer, clock)
    assert watch_sealer.shown_troubles(clock) == []


def test_a_due_seal_that_is_refused_is_trouble_and_ends_with_the_next_seal(sealer, folder, clock):
    record(clock)
    (folder / "sealing_key").rename(folder / "away")
    clock.advance(minutes=15)
    assert code(lambda: watch_sealer.seal_due(sealer, actor=TICKER, clock=clock)) == "sealer.key_missing"
    assert watch_sealer.shown_troubles(clock)[0].code == "sealer.key_missing"
    (folder / "away").rename(folder / "sealing_key")
    watch_sealer.seal_due(sealer, actor=TICKER, clock=clock)
    assert watch_sealer.shown_troubles(clock) == []


def test_a_rolled_back_ledger_is_taken_only_by_the_explicit_act(sealer, clock):
    rolled_back(sealer, clock)
    assert code(lambda: seal(sealer, reason="close")) == "sealer.rolled_back"
    epoch = access.current_epoch()
    done = restore_ledger.restore(sealer, BY_HAND, actor=OPERATOR, clock=clock)
    assert (done.how, done.size, done.common_size, done.lost) == ("restored", 6, 5, 3)
    entry = evidence.last_entry(("ledger.restored",))
    assert (entry.actor_kind, entry.data["abandoned_size"], entry.data["common_size"]) == ("operator", 8, 5)
    assert access.current_epoch() > epoch
    assert sealer.status().epoch == 2
    assert evidence.verify_ledger().problems == []


def test_a_backup_that_nobody_touched_loses_what_came_after_it(sealer, clock):
    rolled_back(sealer, clock)
    done = restore_ledger.restore(sealer, ObjectRef("backup", "x"), actor=OPERATOR, clock=clock, untouched=True)
    assert (done.lost, done.common_size) == (2, 6)


def test_an_old_copy_that_went_on_is_a_fork(sealer, clock):
    rolled_back(sealer, clock)
    clock.advance(minutes=1)
    record(clock, count=9)
    assert code(lambda: seal(sealer, reason="close")) == "sealer.inconsistent"
    looked_after(sealer, clock)
    assert watch_sealer.shown_troubles(clock)[0].code == "sealer.inconsistent"
    done = restore_ledger.restore(sealer, BY_HAND, actor=OPERATOR, clock=clock)
    assert (done.how, done.common_size, done.lost) == ("restored", 5, 3)
    record(clock)
    assert seal(sealer, reason="close").size == evidence.head().size


def test_a_ledger_of_somebody_else_is_not_taken(sealer, clock, tmp_path):
    record(clock, count=4)
    with running_sealer(tmp_path / "other", clock) as other:
        seal(other, reason="close")
    bodies = [entry.body for entry in evidence.entries()]
    sealer.seal(0, bodies[:2], "", "close")
    forged = (2, "ab" * 32)
    refusal = code(lambda: sealer.restore(forged, 4, bodies[2:], evidence.head().root.hex()))
    assert refusal == "sealer.inconsistent"


def test_a_sealer_that_forgot_signs_nothing_until_it_is_told_to(clock, tmp_path, settings):
    settings.PASSWORD_HASHERS = FAST_HASHER
    with running_sealer(tmp_path / "first", clock, restoring=True) as sealer:
        record(clock, count=5)
        seal(sealer, reason="close")
    (tmp_path / "first" / "state.json").unlink()
    with running_sealer(tmp_path / "first", clock, restoring=True) as sealer:
        record(clock, "ticket.approved")
        assert code(lambda: seal(sealer, reason="close")) == "sealer.forgot"
        looked_after(sealer, clock)
        assert watch_sealer.shown_troubles(clock)[0].code == "sealer.forgot"
        assert not (tmp_path / "first" / "state.json").exists()
        done = restore_ledger.restore(sealer, BY_HAND, actor=OPERATOR, clock=clock)
        assert (done.how, done.changes) == ("adopted", ())
        looked_after(sealer, clock)
        assert watch_sealer.shown_troubles(clock) == []


def test_a_whole_folder_lost_is_a_key_replaced_without_the_old_ones_signature(clock, tmp_path, settings):
    settings.PASSWORD_HASHERS = FAST_HASHER
    with running_sealer(tmp_path / "first", clock, restoring=True) as sealer:
        fingerprint = sealer.status().key_id
        with evidence.act(OPERATOR, clock) as act:
            act.record("sealer.key_installed", ObjectRef("sealing_key", "x"), data={"sha256": fingerprint})
        seal(sealer, reason="close")
    with running_sealer(tmp_path / "second", clock, restoring=True) as sealer:
        assert code(lambda: seal(sealer, reason="close")) == "sealer.forgot"
        done = restore_ledger.restore(sealer, BY_HAND, actor=OPERATOR, clock=clock)
        assert [change.event for change in done.changes] == ["sealer.key_replaced"]
        assert change_key.unacknowledged().unsigned
        assert evidence.latest_checkpoint().key_id == sealer.status().key_id != fingerprint


def test_a_change_of_keys_survives_being_set_back(sealer, clock):
    record(clock, count=3)
    seal(sealer, reason="open")
    change, _ = change_key.change_key(sealer, OPERATOR, clock)
    remove_checkpoints_from(4)
    remove_entries(keep=3)
    done = restore_ledger.restore(sealer, BY_HAND, actor=OPERATOR, clock=clock)
    assert [item.sha256 for item in done.changes] == [change.sha256]
    assert evidence.last_entry(("key.rotated",)).data["sha256"] == change.sha256
    assert evidence.latest_checkpoint().key_id == change.sha256


def test_going_on_with_what_was_sealed_is_said_to_be_that(sealer, clock):
    record(clock, count=3)
    seal(sealer, reason="open")
    record(clock)
    done = restore_ledger.restore(sealer, BY_HAND, actor=OPERATOR, clock=clock)
    assert (done.how, done.lost) == ("continued", 0)


class Contradicting:
    """A holder that has seen another history; `silent` one that took it."""

    channel, target, grade = "witness", "msp.example/witness", evidence.AnchorGrade.INDEPENDENT

    def __init__(self):
        self.silent = False

    def send(self, anchor):
        if not self.silent:
            raise AnchorContradicts("the witness msp.example/witness has seen 99 entries of our log, here are 3")
        return "cosigned"


def test_a_witness_that_contradicts_is_as_loud_as_the_sealer(sealer, clock):
    build_yard(clock)
    seal(sealer, reason="open")
    queue, witness, post = AnchorQueue("Example", ""), Contradicting(), Post()
    queue.send_due([Route(witness, Reach.EVERY)], clock=clock)
    looked_after(sealer, clock, post)
    (trouble,) = watch_sealer.shown_troubles(clock)
    assert (trouble.kind, trouble.code) == ("witness:msp.example/witness", "anchor.contradicts")
    assert "has seen 99 entries" in post.mails[0][2]
    seal(sealer, reason="news")
    looked_after(sealer, clock, post)
    kinds = [one.kind for one in watch_sealer.shown_troubles(clock)]
    assert kinds == [trouble.kind], "that the sealer seals does not end it"
    witness.silent = True
    clock.advance(minutes=1)
    queue.send_due([Route(witness, Reach.EVERY)], clock=clock)
    assert watch_sealer.shown_troubles(clock) == []
