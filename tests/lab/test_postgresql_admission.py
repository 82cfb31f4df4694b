"""Admission against close and revoke on PostgreSQL (attacks.md row 17): once the closing commits, nobody is admitted.

The races are held open by the server itself: a table lock stops the admission after it has read and before it has
written. So the order is certain and not a matter of luck; a second test leaves it to luck, many times.
"""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psycopg
import pytest
from tests.access_shop import Place, Shop, authorise, make_shop, open_ticket
from tests.access_signer import NearSigner, fresh_key, near_signer
from tests.clock import StillClock
from tests.lab.postgres_lab import Cluster
from tests.lab.together import together

from quarterdeck.access import api as access
from quarterdeck.adapters.certificate_signature import signed_by
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import act
from quarterdeck.kernel.decision import ALLOWED, Refused
from quarterdeck.personnel import api as personnel
from quarterdeck.sessions import api as sessions
from quarterdeck.sessions.api import Presented, Work
from quarterdeck.tickets import api as tickets
from quarterdeck.workflows.admission import GateDesk
from quarterdeck.workflows.take_access import take_access

DOOR = access.GateDoor("127.0.0.1", 8622, "quarterdeck", " ".join(fresh_key().split()[:2]))
SESSIONS = "maintenance_sessions_maintenancesession"
ROUNDS = 8


class Gate:
    """A desk with a real signer, a shop with an open ticket, and the ways to end what Sam may do."""

    def __init__(self, shop: Shop, signer: NearSigner, url: str) -> None:
        self.shop, self.signer, self.url = shop, signer, url
        ours = partial(signed_by, authority_line=str(signer.status()["entry_ca"]))
        self.desk = GateDesk(shop.clock, signer, ours, lambda: ALLOWED)
        self.key = fresh_key()
        personnel.register_key(shop.people["sam"], self.key, actor=shop.actor("sam"), clock=shop.clock)

    def certificate(self) -> bytes:
        material = take_access(
            self.shop.actor("sam"), self.shop.clock, ticket=self.shop.ticket, public_key=self.key, signer=self.signer,
            door=DOOR,
        )  # fmt: skip
        return access.certificate_blob(material.assets[0].certificate)

    def admit(self, blob: bytes) -> None:
        self.desk.admit(Presented(blob, "192.0.2.77", Work.COMMAND))

    def end_work(self) -> None:
        with act(self.shop.actor("sam"), self.shop.clock) as current:
            tickets.end_work(current, self.shop.ticket)
            access.revoke_for(current, ticket=self.shop.ticket, reason="work.ended")

    def revoke_person(self) -> None:
        with act(self.shop.actor("iris"), self.shop.clock) as current:
            access.revoke_for(current, person=self.shop.people["sam"], reason="person.left")

    def deactivate(self) -> None:
        personnel.deactivate_person(self.shop.people["sam"], actor=self.shop.actor("iris"), clock=self.shop.clock)

    def revoke_everything(self) -> None:
        with act(self.shop.actor("iris"), self.shop.clock) as current:
            access.order(current, access.Scope.EVERYTHING, "", "Tried in the lab.")

    def reopen(self) -> None:
        with act(self.shop.actor("sam"), self.shop.clock) as current:
            tickets.reopen(current, self.shop.ticket)


ENDINGS = {
    "end_work": "access.withdrawn", "revoke_person": "access.revoked", "deactivate": "person.deactivated",
    "revoke_everything": "revocation.ordered",
}  # fmt: skip


@pytest.fixture
def gate(on_postgresql: str, tmp_path: Path) -> Gate:
    clock = StillClock()
    shop = make_shop(clock, {"web01": Place()})
    authorise(shop, "sam")
    open_ticket(shop)
    return Gate(shop, near_signer(tmp_path / "signer", clock), on_postgresql)


def waiting(cluster: Cluster, url: str) -> int:
    """How many sessions of this database wait for a lock."""
    name = url.rsplit("/", 1)[1]
    query = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}' AND wait_event_type = 'Lock'"  # noqa: S608  our own database's name
    return int(str(cluster.sql(query)[0][0]))


def until(holds: Callable[[], bool], seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def began_after(event: str) -> list[int]:
    """Sequence numbers of sessions that began after the last entry of this event."""
    ended = evidence.last_entry([event])
    assert ended is not None
    return [entry.seq for entry in evidence.entries(events=["session.began"], from_seq=ended.seq)]


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_ends_access_waits_for_an_admission_under_way(gate: Gate, cluster: Cluster, ending: str) -> None:
    blob = gate.certificate()
    done: list[str] = []

    def hold_the_admission() -> None:
        with psycopg.connect(gate.url) as holder:
            holder.execute(f"LOCK TABLE {SESSIONS} IN SHARE MODE")
            held.append(True)
            until(lambda: waiting(cluster, gate.url) >= 2 or bool(done))
            holder.rollback()

    def admit() -> None:
        until(lambda: bool(held))
        gate.admit(blob)

    def end() -> None:
        until(lambda: bool(held) and waiting(cluster, gate.url) >= 1)
        getattr(gate, ending)()
        done.append(ending)

    held: list[bool] = []
    assert together([hold_the_admission, admit, end]) == [None, None, None]
    assert len(sessions.running()) == 1
    assert began_after(ENDINGS[ending]) == []
    with pytest.raises(Refused):
        gate.admit(blob)
    assert evidence.verify_ledger().problems == []


def test_many_admissions_race_with_the_end_of_the_work(gate: Gate) -> None:
    outcomes = set()
    for number in range(ROUNDS):
        blob = gate.certificate()
        admissions = [partial(gate.admit, blob)] * 3
        place = number % 4
        raised = together([*admissions[:place], gate.end_work, *admissions[place:]])
        assert all(error is None or isinstance(error, Refused) for error in raised), raised
        assert raised[place] is None
        outcomes.add(sum(error is None for error in raised))
        assert began_after("access.withdrawn") == []
        gate.reopen()
    assert evidence.verify_ledger().problems == []
    began = len(list(evidence.entries(events=["session.began"])))
    assert began == len(sessions.running())
