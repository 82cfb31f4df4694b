"""kill -9 while writers write: what was acknowledged is there, the ledger is whole, and everybody writes on.

Rounds alternate between the server's backends (the server restarts them itself) and the whole server. A machine that
loses its power is not tried here.

The suite takes a share; QD_TEST_CRASH_ROUNDS=50 takes the number of bench/README.md.
"""

import os
import threading
import time
from functools import partial

import pytest
from django.db import DatabaseError, connections
from tests.lab.postgres_lab import Cluster
from tests.lab.together import together

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.models import Commitment
from quarterdeck.kernel.actors import Actor, ActorKind
from quarterdeck.kernel.clock import SystemClock

WRITERS, NEEDED = 8, 12
ROUNDS = int(os.environ.get("QD_TEST_CRASH_ROUNDS", "6"))
THING = evidence.ObjectRef("asset", "as_1")


class Writers:
    """Acts until told to stop, over connections that are never renewed by hand; keeps what was acknowledged."""

    def __init__(self) -> None:
        self.acknowledged: list[str] = []
        self.unclear: list[str] = []
        self.deadlocks = 0
        self.stop = threading.Event()

    def write(self, name: str) -> None:
        number = 0
        while not self.stop.is_set():
            number += 1
            event_id = f"ev_{name}_{number}"
            file = evidence.store_artifact(
                event_id.encode(), media_type="text/plain", role="attachment", name="a.txt", may_contain_cui=False
            )
            try:
                with evidence.act(Actor("pe_iris", ActorKind.PERSON, "mfa"), SystemClock()) as act:
                    told = act.commitment(event_id)
                    act.record(
                        "asset.changed", THING, ticket="MT-2026-00001", event_id=event_id, data={"told": told},
                        artifacts=(file,),
                    )  # fmt: skip
                    act.record("asset.seen", THING)
                self.acknowledged.append(event_id)
            except DatabaseError as error:
                self.deadlocks += "deadlock" in str(error)
                self.unclear.append(event_id)
                time.sleep(0.02)  # a server that restarts refuses at once; this is no wait for a condition

    def wait_for(self, count: int) -> None:
        deadline = time.monotonic() + 30
        wanted = len(self.acknowledged) + count
        while len(self.acknowledged) < wanted:
            assert time.monotonic() < deadline, "the writers do not get on"
            time.sleep(0.01)


def kill(cluster: Cluster, writers: Writers, number: int) -> None:
    try:
        writers.wait_for(NEEDED)
        assert cluster.process is not None
        if number % 2:
            backends = cluster.backends("quarterdeck")
            assert backends
            cluster.kill_nine(backends)
            writers.wait_for(NEEDED)
            return
        cluster.kill_nine([cluster.process.pid, *cluster.backends()])
        cluster.process.wait(20)
    finally:
        writers.stop.set()


@pytest.mark.slow
def test_rounds_of_kill_nine(cluster: Cluster, on_postgresql: str) -> None:
    total, unclear = 0, 0
    for number in range(ROUNDS):
        writers = Writers()
        calls = [partial(writers.write, f"{number}_{place}") for place in range(WRITERS)]
        assert together([*calls, partial(kill, cluster, writers, number)]) == [None] * (WRITERS + 1)
        connections["default"].close()
        if cluster.process is not None and cluster.process.poll() is not None:
            cluster.start_again()
        cluster.wait_ready()
        report = evidence.verify_ledger()
        assert report.problems == []
        whole = list(evidence.entries(ticket="MT-2026-00001"))
        known = {entry.event_id for entry in whole}
        assert set(writers.acknowledged) <= known
        assert writers.deadlocks == 0
        for entry in whole:
            evidence.open_artifact(entry.artifacts[0]["sha256"]).close()
        assert set(Commitment.objects.values_list("digest", flat=True)) == {entry.data["told"] for entry in whole}
        total, unclear = total + len(writers.acknowledged), unclear + len(known & set(writers.unclear))
        assert report.size == 2 * len(known)
    assert total >= ROUNDS * NEEDED
    print(f"{total} acknowledged, {unclear} committed without an answer, ledger of {report.size}")


def test_a_connection_that_was_cut_is_replaced(cluster: Cluster, on_postgresql: str) -> None:
    """The statement that meets the cut fails; the next one connects anew, without anybody closing anything."""
    assert evidence.head().size == 0
    cluster.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'quarterdeck'")
    with pytest.raises(DatabaseError):
        evidence.head()
    assert evidence.head().size == 0
