"""The queue of anchors: what each holder is owed, receipts, broken channels stop nobody, restarts lose nothing."""

from dataclasses import dataclass, field

import pytest
from tests.sealer_process import running_sealer

from quarterdeck.evidence import anchoring
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import AnchorGrade, ObjectRef
from quarterdeck.evidence.models import Checkpoint
from quarterdeck.kernel.actors import system
from quarterdeck.workflows import anchor_checkpoints
from quarterdeck.workflows import seal_checkpoint as sealing
from quarterdeck.workflows.anchor_checkpoints import AnchorFailed, AnchorQueue, Route
from quarterdeck.workflows.cadence import REASON_OF_EVENT, Reach

pytestmark = pytest.mark.django_db


@dataclass
class Shelf:
    """A channel into memory; `broken` makes it fail like a server that is down."""

    target: str = "avery@example.test"
    channel: str = "mail"
    grade: AnchorGrade = AnchorGrade.INDEPENDENT
    broken: bool = False
    tries: int = 0
    held: list[int] = field(default_factory=list)

    def send(self, anchor):
        self.tries += 1
        if self.broken:
            raise AnchorFailed("the server is down")
        self.held.append(anchor.checkpoint.size)
        return f"held {anchor.checkpoint.size}"


@pytest.fixture
def sealed(tmp_path, clock):
    with running_sealer(tmp_path / "sealer", clock) as sealer:

        def seal(reason, count=1):
            with evidence.act(system("ticker"), clock) as act:
                for number in range(count):
                    act.record("thing.done", ObjectRef("thing", f"th_{number}"))
            return sealing.seal(sealer, reason=reason)

        yield seal


@pytest.fixture
def queue():
    return AnchorQueue("Example Organisation", "ledger@quarterdeck.example ecdsa-sha2-nistp256 AAAA\n")


def test_nothing_to_anchor_is_no_work(queue, clock):
    assert queue.send_due([Route(Shelf(), Reach.EVERY)], clock=clock) == 0


def test_a_checkpoint_goes_once_to_each_holder(queue, sealed, clock):
    avery, casey = Shelf(), Shelf("casey@example.test")
    routes = [Route(avery, Reach.EVERY), Route(casey, Reach.EVERY)]
    sealed("close")
    assert [queue.send_due(routes, clock=clock) for _ in range(3)] == [2, 0, 0]
    assert (avery.held, casey.held) == ([1], [1])
    assert {receipt.target for receipt in evidence.receipts(1)} == {"avery@example.test", "casey@example.test"}


def test_the_receipt_says_when_and_how_independent(queue, sealed, clock):
    sealed("close")
    queue.send_due([Route(Shelf(), Reach.EVERY)], clock=clock)
    receipt = evidence.receipts()[0]
    assert (receipt.grade, receipt.sent_at, receipt.receipt) == (AnchorGrade.INDEPENDENT, clock.now(), "held 1")


def test_the_oldest_unanchored_entry_moves_with_the_receipt(queue, sealed, clock):
    sealed("close", count=4)
    assert evidence.oldest_unanchored().seq == 0
    queue.send_due([Route(Shelf(), Reach.EVERY)], clock=clock)
    assert evidence.oldest_unanchored() is None


def route(channel):
    return next(one for one in evidence.anchor_routes() if one.target == channel.target)


def test_mail_waits_for_a_milestone_and_then_carries_the_newest(queue, sealed, clock):
    mail, syslog = Shelf(), Shelf("log.example.test:514", "syslog")
    routes = [Route(mail, Reach.MILESTONES), Route(syslog, Reach.EVERY)]
    for _ in range(2):
        sealed("news")
        queue.send_due(routes, clock=clock)
    assert (mail.held, syslog.held) == ([], [1, 2])
    sealed("approval")
    sealed("news")
    queue.send_due(routes, clock=clock)
    assert (mail.held, syslog.held) == ([4], [1, 2, 3, 4])


def test_a_day_with_news_only_ends_with_a_digest(queue, sealed, clock):
    mail = Shelf()
    sealed("news", count=3)
    queue.send_due([Route(mail, Reach.MILESTONES)], clock=clock)
    clock.advance(hours=24)
    queue.send_due([Route(mail, Reach.MILESTONES)], clock=clock)
    assert mail.held == [3]


def test_a_broken_channel_backs_off_and_stops_nobody(queue, sealed, clock):
    broken, whole = Shelf(broken=True), Shelf("casey@example.test")
    routes = [Route(broken, Reach.EVERY), Route(whole, Reach.EVERY)]
    sealed("close")
    assert queue.send_due(routes, clock=clock) == 1
    assert queue.send_due(routes, clock=clock) == 0
    assert (broken.tries, whole.held) == (1, [1])
    known = route(broken)
    assert (known.failures, known.sentence, known.failed_at) == (1, "the server is down", clock.now())
    clock.advance(seconds=15)
    queue.send_due(routes, clock=clock)
    assert broken.tries == 2
    clock.advance(seconds=15)
    queue.send_due(routes, clock=clock)
    assert broken.tries == 2


@dataclass
class Defective(Shelf):
    """A channel with a defect: it raises what no channel may raise."""

    def send(self, anchor):
        raise KeyError("a defect")


def test_a_channel_with_a_defect_stops_nobody_either(queue, sealed, clock):
    defective, whole = Defective(), Shelf("casey@example.test")
    sealed("close")
    assert queue.send_due([Route(defective, Reach.EVERY), Route(whole, Reach.EVERY)], clock=clock) == 1
    assert "a defect" in route(defective).sentence


def test_what_was_missed_is_made_good_in_order(queue, sealed, clock):
    every, newest = Shelf(broken=True), Shelf("casey@example.test", broken=True)
    routes = [Route(every, Reach.EVERY), Route(newest, Reach.MILESTONES)]
    for _ in range(3):
        sealed("close")
        queue.send_due(routes, clock=clock)
        clock.advance(hours=1)
    every.broken = newest.broken = False
    assert queue.send_due(routes, clock=clock) == 4
    assert (every.held, newest.held) == ([1, 2, 3], [3])
    assert (route(every).failures, route(every).sentence, route(every).next_try) == (0, "", None)


def test_who_gets_the_newest_at_once_is_never_sent_an_older_one(queue, sealed, clock):
    witness = Shelf("witness.example.test", "witness", broken=True)
    for _ in range(3):
        sealed("news")
        queue.send_due([Route(witness, Reach.NEWEST)], clock=clock)
    witness.broken = False
    clock.advance(minutes=15)
    assert [queue.send_due([Route(witness, Reach.NEWEST)], clock=clock) for _ in range(2)] == [1, 0]
    assert witness.held == [3]


def test_a_restart_forgets_neither_what_is_owed_nor_the_back_off(queue, sealed, clock):
    channel = Shelf(broken=True)
    for _ in range(3):
        sealed("news")
        queue.send_due([Route(channel, Reach.EVERY)], clock=clock)
    again = AnchorQueue(queue.organisation, queue.allowed_signers)
    assert again.send_due([Route(channel, Reach.EVERY)], clock=clock) == 0
    assert channel.tries == 1
    channel.broken = False
    clock.advance(minutes=15)
    assert again.send_due([Route(channel, Reach.EVERY)], clock=clock) == 3
    assert channel.held == [1, 2, 3]


def test_a_long_outage_is_made_good_in_bounded_batches(queue, sealed, clock, monkeypatch):
    monkeypatch.setattr(anchor_checkpoints, "BATCH", 2)
    channel = Shelf(broken=True)
    for _ in range(5):
        sealed("news")
        queue.send_due([Route(channel, Reach.EVERY)], clock=clock)
    channel.broken = False
    clock.advance(minutes=15)
    assert [queue.send_due([Route(channel, Reach.EVERY)], clock=clock) for _ in range(4)] == [2, 2, 1, 0]
    assert channel.held == [1, 2, 3, 4, 5]


def test_a_checkpoint_that_was_kept_late_is_sent_late_and_not_lost(queue, sealed, clock):
    channel = Shelf()
    sealed("news")
    queue.send_due([Route(channel, Reach.EVERY)], clock=clock)
    late = sealed("news")
    Checkpoint.objects.filter(size=2).delete()
    sealed("news")
    queue.send_due([Route(channel, Reach.EVERY)], clock=clock)
    evidence.save_checkpoint(
        size=2, root=bytes.fromhex(late.root), body=late.body, sshsig=late.sshsig, note=late.note, key_id=late.key_id,
        reason=late.reason, at=late.at,
    )  # fmt: skip
    queue.send_due([Route(channel, Reach.EVERY)], clock=clock)
    assert channel.held == [1, 3, 2]


def test_a_channel_added_after_years_begins_with_the_newest(queue, sealed, clock):
    for _ in range(4):
        sealed("close")
    channel = Shelf()
    queue.send_due([Route(channel, Reach.EVERY)], clock=clock)
    sealed("news")
    queue.send_due([Route(channel, Reach.EVERY)], clock=clock)
    assert channel.held == [4, 5]


def test_receipts_of_an_older_version_are_where_a_route_goes_on(queue, sealed, clock):
    for _ in range(3):
        sealed("close")
    evidence.save_receipt(
        size=1,
        channel="mail",
        target="avery@example.test",
        grade=AnchorGrade.INDEPENDENT,
        sent_at=clock.now(),
        receipt="",
    )
    channel = Shelf()
    queue.send_due([Route(channel, Reach.EVERY)], clock=clock)
    assert channel.held == [2, 3]


def test_who_asks_for_a_trial_gets_the_newest_again_and_at_once(queue, sealed, clock):
    channel = Shelf()
    sealed("news")
    queue.send_due([Route(channel, Reach.EVERY)], clock=clock)
    evidence.ask_anchor_route(route(channel), clock.now())
    assert [queue.send_due([Route(channel, Reach.EVERY)], clock=clock) for _ in range(2)] == [1, 0]
    assert channel.held == [1, 1]


def test_a_mail_says_what_happened_since_the_last(queue, sealed, clock):
    told = []
    channel = Shelf()
    channel.send = lambda anchor: told.append((anchor.before, dict(anchor.news))) or "taken"
    for reason in ("close", "news", "open", "close"):
        sealed(reason)
        queue.send_due([Route(channel, Reach.MILESTONES)], clock=clock)
    assert told == [(0, {"close": 1}), (1, {"news": 1, "open": 1}), (3, {"close": 1})]


def test_what_a_hostile_server_says_cannot_steer_a_terminal(queue, sealed, clock):
    channel = Shelf()
    channel.send = lambda anchor: (_ for _ in ()).throw(AnchorFailed("550 \x1b]0;owned\x07 \u202egnorw" + "x" * 900))
    sealed("close")
    queue.send_due([Route(channel, Reach.EVERY)], clock=clock)
    assert route(channel).sentence.startswith("550  ]0;owned   gnorwxx")
    assert len(route(channel).sentence) == 500


# A change of the sealing key that no sealer made is refused by the sealer: tests of changes of key tell of those.
OF_THE_SEALER = {"sealer.key_installed", "key.rotated", "sealer.key_replaced"}
EVENTS = [event for event, why in REASON_OF_EVENT.items() if why != "heartbeat" and event not in OF_THE_SEALER]


@pytest.mark.parametrize("event", EVENTS)
def test_every_event_of_the_cadence_is_sealed_and_sent_at_once(queue, tmp_path, clock, event):
    mail, stamp, syslog = Shelf(), Shelf("https://tsa.example.test", "rfc3161"), Shelf("log.example.test:514", "syslog")
    routes = [Route(mail, Reach.MILESTONES), Route(stamp, Reach.STAMPS), Route(syslog, Reach.EVERY)]
    with running_sealer(tmp_path / "sealer", clock) as sealer:
        with evidence.act(system("ticker"), clock) as act:
            act.record(event, ObjectRef("thing", "th_1"))
        assert sealing.seal_if_due(sealer, clock=clock).reason == REASON_OF_EVENT[event]
        queue.send_due(routes, clock=clock)
    stamped = REASON_OF_EVENT[event] in ("close", "export")
    assert (mail.held, stamp.held, syslog.held) == ([1], [1] if stamped else [], [1])


def test_news_are_sent_after_a_quarter_of_an_hour_and_a_silent_day_ends_with_a_heartbeat(queue, tmp_path, clock):
    mail, stamp, syslog = Shelf(), Shelf("https://tsa.example.test", "rfc3161"), Shelf("log.example.test:514", "syslog")
    routes = [Route(mail, Reach.MILESTONES), Route(stamp, Reach.STAMPS), Route(syslog, Reach.EVERY)]
    with running_sealer(tmp_path / "sealer", clock) as sealer:

        def beat():
            sealing.beat_if_due(actor=system("ticker"), clock=clock)
            sealing.seal_if_due(sealer, clock=clock)
            queue.send_due(routes, clock=clock)
            return mail.held, stamp.held, syslog.held

        with evidence.act(system("ticker"), clock) as act:
            act.record("thing.done", ObjectRef("thing", "th_1"))
        clock.advance(minutes=14)
        assert beat() == ([], [], [])
        clock.advance(minutes=1)
        assert beat() == ([], [], [1])
        clock.advance(hours=23, minutes=45)
        assert beat() == ([2], [2], [1, 2])
        clock.advance(hours=24)
        assert beat() == ([2, 3], [2, 3], [1, 2, 3])


def test_who_is_killed_between_sending_and_receipt_sends_again(queue, sealed, clock):
    @dataclass
    class Killed(Shelf):
        def send(self, anchor):
            super().send(anchor)
            raise SystemExit

    channel = Killed()
    sealed("news")
    with pytest.raises(SystemExit):
        queue.send_due([Route(channel, Reach.EVERY)], clock=clock)
    again = Shelf()
    clock.advance(seconds=15)  # the back-off was noted before the sending
    assert queue.send_due([Route(again, Reach.EVERY)], clock=clock) == 1
    assert (channel.held, again.held) == ([1], [1])


def test_only_the_newest_settled_checkpoints_are_looked_at_again(queue, sealed, clock, monkeypatch):
    monkeypatch.setattr(anchoring, "LOOK_BACK", 2)
    channel = Shelf()
    for _ in range(6):
        sealed("news")
        queue.send_due([Route(channel, Reach.EVERY)], clock=clock)
    assert (channel.held, route(channel).floor) == ([1, 2, 3, 4, 5, 6], 4)
    assert evidence.count_owed(route(channel)) == 0


def test_what_is_still_owed_is_never_counted_as_settled(queue, sealed, clock, monkeypatch):
    monkeypatch.setattr(anchoring, "LOOK_BACK", 1)
    monkeypatch.setattr(anchor_checkpoints, "BATCH", 1)
    channel = Shelf(broken=True)
    for _ in range(4):
        sealed("news")
        queue.send_due([Route(channel, Reach.EVERY)], clock=clock)
    channel.broken = False
    clock.advance(minutes=15)
    for _ in range(4):
        queue.send_due([Route(channel, Reach.EVERY)], clock=clock)
    assert channel.held == [1, 2, 3, 4]
