"""PostgreSQL carries the ledger: migrations as an ordinary role, append-only, the guard, durability, concurrency."""

import threading
from collections.abc import Callable
from datetime import timedelta

import psycopg
import pytest
from django.core.exceptions import ImproperlyConfigured, SuspiciousOperation
from django.db import DatabaseError, connection, connections, transaction
from django.test import Client
from tests.lab.postgres_lab import ROLE, Cluster, copied_database, default_database
from tests.lab.together import together

from quarterdeck.entrypoints.supervisor.ledger_checks import durability
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.guard import open_guard
from quarterdeck.evidence.models import LedgerEntry, LedgerHead, LedgerTile
from quarterdeck.kernel.actors import Actor, ActorKind
from quarterdeck.kernel.clock import SystemClock
from quarterdeck.kernel.decision import refuse

IRIS = Actor("pe_iris", ActorKind.PERSON, "mfa")
THING = evidence.ObjectRef("asset", "as_1")
WRITERS, ACTS = 8, 25
pytestmark = pytest.mark.usefixtures("on_postgresql")


def append(count: int = 1, ticket: str | None = None, event_id: str | None = None) -> None:
    with evidence.act(IRIS, SystemClock()) as act:
        for _ in range(count):
            act.record("asset.changed", THING, ticket=ticket, event_id=event_id)


def test_all_migrations_apply_for_an_ordinary_role() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper OR rolcreatedb OR rolcreaterole FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (False,)
        cursor.execute("SELECT count(*) FROM django_migrations WHERE app = 'evidence'")
        assert cursor.fetchone()[0] >= 1
        cursor.execute("SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger WHERE tgname LIKE '%_no_change'")
        assert ("evidence_ledgerentry",) in cursor.fetchall()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE evidence_ledgerentry SET event = 'asset.forged'",
        "UPDATE evidence_ledgerentry SET event = 'asset.forged' WHERE seq = 9",
        "DELETE FROM evidence_ledgerentry",
        "TRUNCATE evidence_ledgerentry CASCADE",
    ],
)
def test_the_server_refuses_to_change_entries(statement: str, on_postgresql: str) -> None:
    append()
    with psycopg.connect(on_postgresql) as link, pytest.raises(psycopg.DatabaseError, match="append-only"):
        link.execute(statement)
    assert evidence.verify_ledger().problems == []


def test_the_guard_refuses_unrecorded_writes() -> None:
    with pytest.raises(evidence.UnrecordedWrite):
        LedgerHead.objects.create(id=1, size=0, tip=b"", frontier=b"")
    with pytest.raises(evidence.UnrecordedWrite):
        LedgerTile.objects.bulk_create([LedgerTile(level=0, number=0, data=b"")])
    with pytest.raises(evidence.UnrecordedWrite), connection.cursor() as cursor:
        cursor.execute("DELETE FROM evidence_ledgertile")


def test_an_act_is_read_back_as_it_was_written() -> None:
    append(600, "MT-2026-00001")
    found = list(evidence.entries(ticket="MT-2026-00001"))
    assert [entry.ticket_seq for entry in found] == list(range(1, 601))
    assert all(isinstance(entry.body, bytes) and len(entry.leaf) == 32 for entry in found)
    assert evidence.verify_ledger().problems == []


def test_an_act_that_fails_leaves_nothing_and_the_connection_goes_on() -> None:
    append(event_id="ev_once")
    with pytest.raises(evidence.DuplicateEvent):
        append(event_id="ev_once")
    with pytest.raises(DatabaseError), transaction.atomic(), open_guard():
        LedgerEntry.objects.filter(seq=0).update(event="asset.forged")
    append()
    assert evidence.verify_ledger().size == 2


@pytest.mark.parametrize("whose", [f"ROLE {ROLE}", "DATABASE"])
def test_it_does_not_start_where_commits_are_not_durable(cluster: Cluster, template: str, whose: str) -> None:
    name = copied_database(cluster, template)
    target = f"{whose} {name}" if whose == "DATABASE" else f"{whose} IN DATABASE {name}"
    cluster.sql(f"ALTER {target} SET synchronous_commit = off")
    with default_database(cluster.url(name)):
        with pytest.raises(ImproperlyConfigured, match="synchronous_commit"):
            evidence.head()
        with pytest.raises(ImproperlyConfigured, match="synchronous_commit"):
            append()
    cluster.sql(f"ALTER {target} SET synchronous_commit = on")
    with default_database(cluster.url(name)):
        append()


def test_doctor_says_that_this_server_does_not_sync(cluster: Cluster) -> None:
    assert "fsync" in durability().sentence


def test_another_default_isolation_level_changes_nothing(cluster: Cluster, template: str) -> None:
    name = copied_database(cluster, template)
    cluster.sql(f"ALTER DATABASE {name} SET default_transaction_isolation = 'repeatable read'")
    with default_database(cluster.url(name)):
        with evidence.act(IRIS, SystemClock()), connection.cursor() as cursor:
            cursor.execute("SHOW transaction_isolation")
            assert cursor.fetchone() == ("read committed",)
        assert together([append] * 4) == [None] * 4
        assert evidence.verify_ledger().size == 4


def test_text_with_nul_is_a_bad_request_and_no_server_error() -> None:
    with pytest.raises(SuspiciousOperation):
        LedgerEntry.objects.filter(ticket="MT\0").exists()
    assert list(evidence.entries(ticket="MT\0")) == []
    answers = [
        Client().get("/accounts/login/", {"next": "/\0"}),
        Client(headers={"cookie": 'sessionid="aaaaaaaaaa\\000"'}).get("/"),
        Client().post("/accounts/login/", {"login": "a\0@example.test", "password": "x\0"}),
        Client().get("/api/v1/tickets/MT%00", headers={"authorization": "Bearer qd_\u2400"}),
    ]
    assert [answer.status_code for answer in answers if answer.status_code >= 500] == []


def test_over_a_socket_and_with_a_pool(cluster: Cluster, template: str) -> None:
    name = copied_database(cluster, template)
    with default_database(cluster.socket_url(name)):
        append()
    with default_database(cluster.url(name, "?pool=3&connect_timeout=5&sslmode=disable")):
        assert together([append] * 8) == [None] * 8
        assert evidence.verify_ledger().size == 9
        assert evidence.verify_ledger().problems == []


def test_eight_writers_make_one_unforked_ledger(cluster: Cluster) -> None:
    def write(number: int) -> Callable[[], None]:
        def run() -> None:
            for turn in range(ACTS):
                append(1 + turn % 3, ticket=f"MT-2026-{1 + (number + turn) % 3:05}")

        return run

    assert together([write(number) for number in range(WRITERS)]) == [None] * WRITERS
    report = evidence.verify_ledger()
    assert report.problems == []
    assert report.size == WRITERS * sum(1 + turn % 3 for turn in range(ACTS))
    assert deadlocks(cluster) == 0


def test_refusals_at_the_same_moment_fold_into_one_tally() -> None:
    clock = SystemClock()
    decision = refuse("window.closed", "Not now.")
    call = lambda: evidence.record_refusal(IRIS, clock, decision, rule="HP-WINDOW")  # noqa: E731
    assert together([call] * 6) == [None] * 6
    assert len(list(evidence.entries(events=["act.refused"]))) == 1


def test_a_waiting_act_gives_up_in_time_instead_of_hanging(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quarterdeck.evidence.turn._WAIT", "200ms")
    inside, leave = threading.Event(), threading.Event()

    def sit() -> None:
        with evidence.act(IRIS, SystemClock()) as act:
            act.record("asset.changed", THING)
            inside.set()
            assert leave.wait(20)

    def knock() -> None:
        assert inside.wait(20)
        try:
            append()
        finally:
            leave.set()

    sat, knocked = together([sit, knock])
    assert sat is None
    assert isinstance(knocked, DatabaseError)
    assert evidence.verify_ledger().size == 1


def test_the_clock_is_read_when_the_turn_has_come() -> None:
    """A later act never carries an earlier time, however long it waited."""
    assert together([lambda: append(2)] * 6) == [None] * 6
    times = [entry.at for entry in evidence.entries()]
    assert times == sorted(times)
    assert times[-1] - times[0] < timedelta(minutes=1)


def deadlocks(cluster: Cluster) -> int:
    connections["default"].close()
    name = connections.settings["default"]["NAME"]
    ((count,),) = cluster.sql(f"SELECT deadlocks FROM pg_stat_database WHERE datname = '{name}'")  # noqa: S608
    return int(str(count))


def test_who_reads_while_others_append_sees_whole_entries_and_never_fewer_than_before() -> None:
    written = threading.Event()

    def write() -> None:
        try:
            for turn in range(4 * ACTS):
                append(1 + turn % 3, ticket="MT-2026-00001")
        finally:
            written.set()

    def read() -> None:
        known = 0
        while not written.is_set():
            found = list(evidence.entries(ticket="MT-2026-00001", events=["asset.changed"]))
            last = evidence.last_entry(["asset.changed"], object=THING)
            assert [entry.ticket_seq for entry in found] == list(range(1, len(found) + 1))
            assert len(found) >= known
            assert (0 if last is None else last.seq + 1) >= len(found)
            known = len(found)

    assert together([write, read, read, read]) == [None] * 4
    assert evidence.verify_ledger().problems == []
