"""PostgreSQL takes what holders are called and what they say, and one that it does not take stops nobody else."""

from dataclasses import dataclass

import pytest
from django.db import DatabaseError
from tests.sealer_process import running_sealer

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import AnchorGrade, ObjectRef
from quarterdeck.kernel.actors import system
from quarterdeck.workflows import seal_checkpoint as sealing
from quarterdeck.workflows.anchor_checkpoints import AnchorFailed, AnchorQueue, Route
from quarterdeck.workflows.cadence import Reach

pytestmark = pytest.mark.usefixtures("on_postgresql")
LONGEST = "a" * 241 + "@example.test"  # 254 characters, the most that a person's address may have


@dataclass
class Holder:
    """A holder in memory; `words` is what it says, `refuses` whether it takes nothing."""

    target: str
    words: str = "taken"
    refuses: bool = False
    channel: str = "mail"
    grade: AnchorGrade = AnchorGrade.INDEPENDENT
    tries: int = 0

    def send(self, anchor):
        self.tries += 1
        if self.refuses:
            raise AnchorFailed(self.words)
        return self.words


@pytest.fixture
def seal(tmp_path, clock):
    with running_sealer(tmp_path / "sealer", clock) as sealer:
        with evidence.act(system("ticker"), clock) as act:
            act.record("thing.done", ObjectRef("thing", "th_1"))
        sealing.seal(sealer, reason="close")
        yield


def send(holders, clock):
    return AnchorQueue("Example Organisation", "").send_due([Route(one, Reach.EVERY) for one in holders], clock=clock)


def test_long_addresses_and_words_with_a_nul_are_kept(seal, clock):
    hostile = Holder("b@example.test", "250 \0 ok")
    refusing = Holder("c@example.test", "552 \0 full", refuses=True)
    assert send([Holder(LONGEST), hostile, refusing], clock) == 2
    assert {one.target for one in evidence.receipts()} == {LONGEST, "b@example.test"}
    assert [one.sentence for one in evidence.anchor_routes() if one.failures] == ["552   full"]
    assert (send([hostile, refusing], clock), hostile.tries, refusing.tries) == (0, 1, 1)


def test_one_that_cannot_be_noted_is_told_after_the_others_were_served(seal, clock):
    odd, whole = Holder("x" * 300), Holder("b@example.test")
    with pytest.raises(DatabaseError):
        send([odd, whole], clock)
    assert (odd.tries, whole.tries) == (0, 1)
    assert [one.target for one in evidence.receipts()] == ["b@example.test"]
