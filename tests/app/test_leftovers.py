"""Processes left behind: looked for once an asset is quiet, told on each session, a reason where nobody could look."""

import os
import pwd
import subprocess
from functools import partial
from pathlib import Path

import pytest
from tests.access_shop import Place, Shop, authorise, make_shop, open_ticket
from tests.access_signer import fresh_key, near_signer
from tests.clock import StillClock
from tests.measuring import LocalChannel

from quarterdeck.access import api as access
from quarterdeck.adapters.certificate_signature import signed_by
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Outcome
from quarterdeck.kernel.actors import system
from quarterdeck.kernel.decision import ALLOWED
from quarterdeck.personnel import api as personnel
from quarterdeck.sessions import api as sessions
from quarterdeck.sessions.api import Ending, EndReason, Presented, SessionState, Work
from quarterdeck.workflows.admission import GateDesk
from quarterdeck.workflows.look_after_sessions import look_after_next
from quarterdeck.workflows.take_access import take_access

pytestmark = pytest.mark.django_db
DOOR = access.GateDoor("127.0.0.1", 8622, "quarterdeck", " ".join(fresh_key().split()[:2]))
TICKER = system("ticker")


class Scene:
    """One session of Sam on web01, whose account is a user of this machine."""

    def __init__(self, clock: StillClock, folder: Path, account: str) -> None:
        self.clock, self.channel = clock, LocalChannel()
        self.shop: Shop = make_shop(clock, {"web01": Place(account=account)})
        authorise(self.shop, "sam")
        open_ticket(self.shop)
        signer = near_signer(folder, clock)
        ours = partial(signed_by, authority_line=str(signer.status()["entry_ca"]))
        self.desk = GateDesk(clock, signer, ours, lambda: ALLOWED)
        key = fresh_key()
        personnel.register_key(self.shop.people["sam"], key, actor=self.shop.actor("sam"), clock=clock)
        taken = take_access(
            self.shop.actor("sam"), clock, ticket=self.shop.ticket, public_key=key, signer=signer, door=DOOR
        )
        self.blob = access.certificate_blob(taken.assets[0].certificate)

    def session(self) -> str:
        return self.desk.admit(Presented(self.blob, "192.0.2.77", Work.COMMAND)).session

    def end(self, session: str, reason: EndReason = EndReason.COMPLETED) -> None:
        now = self.clock.now()
        self.desk.seal(Ending(session, reason, SessionState.ENDED, now, now))

    def look(self) -> bool:
        return look_after_next(TICKER, self.clock, lambda: self.channel)

    def told(self, session: str) -> sessions.Leftovers:
        return sessions.leftovers(sessions.session(session))


@pytest.fixture
def scene(clock: StillClock, tmp_path: Path) -> Scene:
    return Scene(clock, tmp_path / "signer", "nobody")


def test_one_look_a_minute_after_the_last_session_of_an_asset(scene: Scene) -> None:
    first, second = scene.session(), scene.session()
    scene.end(first)
    scene.clock.advance(minutes=5)
    assert not scene.look()
    assert scene.told(second).sentence == "Not available: the session still runs."
    scene.end(second, EndReason.REVOKED)
    scene.clock.advance(seconds=59)
    assert not scene.look()
    scene.clock.advance(seconds=2)
    assert scene.look()
    assert not scene.look()
    for session in (first, second):
        assert scene.told(session).outcome is Outcome.PASSED
    entry = evidence.last_entry(["leftovers.checked"], ticket=scene.shop.ticket)
    assert entry is not None
    assert entry.artifacts
    third = scene.session()
    scene.clock.advance(seconds=1)
    scene.end(third)
    assert scene.told(third).outcome is None
    scene.clock.advance(minutes=2)
    assert scene.look()
    assert scene.told(third).outcome is Outcome.PASSED


def test_a_target_that_does_not_answer_is_not_available_and_not_asked_again(scene: Scene) -> None:
    session = scene.session()
    scene.end(session)
    scene.channel.fails.add(scene.shop.asset)
    scene.clock.advance(minutes=2)
    assert scene.look()
    told = scene.told(session)
    assert told.outcome is Outcome.UNKNOWN
    assert told.sentence.startswith("Not available: the target could not be asked")
    assert not scene.look()


@pytest.mark.skipif(os.geteuid() != 0, reason="not run here: starting a process as another user needs root")
def test_a_process_that_detached_itself_is_found(scene: Scene) -> None:
    session = scene.session()
    scene.end(session)
    scene.clock.advance(minutes=2)
    user = pwd.getpwnam("nobody")
    with subprocess.Popen(["sleep", "60"], user=user.pw_uid, group=user.pw_gid, extra_groups=[]) as left:
        assert scene.look()
        left.kill()
    assert scene.told(session).outcome is Outcome.FAILED
    entry = evidence.last_entry(["leftovers.checked"], ticket=scene.shop.ticket)
    assert entry is not None
    assert b"sleep" not in entry.body
    assert b"sleep" in evidence.read_artifact(str(entry.artifacts[0]["sha256"]))
