"""What the queue notes before it sends, and what counts as held by somebody else."""

import pytest
from tests.app.test_anchor_queue import Shelf, queue, route, sealed  # noqa: F401  fixtures

from quarterdeck.evidence import api as evidence
from quarterdeck.workflows.anchor_checkpoints import Route
from quarterdeck.workflows.cadence import Reach

pytestmark = pytest.mark.django_db


def test_whose_receipt_cannot_be_kept_is_not_sent_to_every_second(queue, sealed, clock, monkeypatch):  # noqa: F811
    channel, whole = Shelf(), Shelf("casey@example.test")
    routes = [Route(channel, Reach.EVERY), Route(whole, Reach.EVERY)]
    sealed("close")
    keep = evidence.save_receipt

    def full(**words):
        if words["target"] == channel.target:
            raise OSError("the disk is full")
        keep(**words)

    monkeypatch.setattr(evidence, "save_receipt", full)
    with pytest.raises(OSError, match="the disk is full"):
        queue.send_due(routes, clock=clock)
    assert (channel.tries, whole.held) == (1, [1])
    for _ in range(10):
        queue.send_due(routes, clock=clock)
        clock.advance(seconds=1)
    assert channel.tries == 1
    monkeypatch.undo()
    clock.advance(seconds=5)
    assert queue.send_due(routes, clock=clock) == 1
    assert route(channel).next_try is None


def test_a_time_stamp_alone_is_held_by_nobody(queue, sealed, clock):  # noqa: F811
    sealed("close", count=3)
    queue.send_due([Route(Shelf("https://tsa.example.test/", "rfc3161"), Reach.STAMPS)], clock=clock)
    assert (len(evidence.receipts()), evidence.anchored_size()) == (1, 0)
    assert evidence.oldest_unanchored().seq == 0
    queue.send_due([Route(Shelf(), Reach.EVERY)], clock=clock)
    assert (evidence.anchored_size(), evidence.oldest_unanchored()) == (3, None)
