"""The queue of anchors: the newest checkpoint to everybody, receipts kept, a broken channel stops nobody."""

from dataclasses import dataclass, field

import pytest
from tests.sealer_process import running_sealer

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import AnchorGrade, ObjectRef
from quarterdeck.kernel.actors import system
from quarterdeck.workflows import seal_checkpoint as sealing
from quarterdeck.workflows.anchor_checkpoints import AnchorFailed, AnchorQueue, Route
from quarterdeck.workflows.cadence import Reach

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


def test_mail_waits_for_a_milestone_and_then_carries_the_newest(queue, sealed, clock):
    mail, syslog = Shelf(), Shelf("log.example.test:514", "syslog")
    routes = [Route(mail, Reach.MILESTONES), Route(syslog, Reach.EVERY)]
    for reason in ("news", "open"):
        sealed(reason)
        queue.send_due(routes, clock=clock)
    assert (mail.held, syslog.held) == ([], [1, 2])
    sealed("approval")
    sealed("news")
    queue.send_due(routes, clock=clock)
    assert (mail.held, syslog.held) == ([4], [1, 2, 4])


def test_a_broken_channel_backs_off_and_stops_nobody(queue, sealed, clock):
    broken, whole = Shelf(broken=True), Shelf("casey@example.test")
    routes = [Route(broken, Reach.EVERY), Route(whole, Reach.EVERY)]
    sealed("close")
    assert queue.send_due(routes, clock=clock) == 1
    assert queue.send_due(routes, clock=clock) == 0
    assert (broken.tries, whole.held) == (1, [1])
    assert queue.troubles() == {("mail", "avery@example.test"): "the server is down"}
    clock.advance(seconds=15)
    queue.send_due(routes, clock=clock)
    assert broken.tries == 2
    clock.advance(seconds=15)
    queue.send_due(routes, clock=clock)
    assert broken.tries == 2


def test_what_was_missed_is_made_good_by_one_sending(queue, sealed, clock):
    channel = Shelf(broken=True)
    for _ in range(3):
        sealed("close")
        queue.send_due([Route(channel, Reach.EVERY)], clock=clock)
        clock.advance(hours=1)
    channel.broken = False
    assert queue.send_due([Route(channel, Reach.EVERY)], clock=clock) == 1
    assert channel.held == [3]
    assert queue.troubles() == {}
