"""Several at once, on a database of its own (attacks.md row 17): close against admission, two approvers, two editors.

Threads with connections of their own; a barrier lets them begin together. And a process killed in mid-act.
"""

import hashlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from django.db import connection, connections
from tests import access_shop, ticket_steps
from tests.access_shop import Place, authorise, make_shop, open_ticket
from tests.access_signer import fresh_key, near_signer
from tests.clock import StillClock
from tests.ticket_yard import Yard, build_yard

from quarterdeck.access import api as access
from quarterdeck.access.api import Scope
from quarterdeck.adapters.certificate_signature import signed_by
from quarterdeck.evidence import api as evidence
from quarterdeck.kernel.decision import ALLOWED, Refused
from quarterdeck.personnel import api as personnel
from quarterdeck.sessions import api as sessions
from quarterdeck.sessions.api import Presented, Work
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import ApprovalRole, State
from quarterdeck.workflows import approve, close_ticket, open_window, request, revoke_access
from quarterdeck.workflows.admission import GateDesk
from quarterdeck.workflows.take_access import take_access

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
quick_passwords = ticket_steps.quick_passwords
DOOR = access.GateDoor("127.0.0.1", 8622, "quarterdeck", " ".join(fresh_key().split()[:2]))


def at_once(*calls: Callable[[], object]) -> list[object]:
    """Begin all calls together in threads of their own and return what each returned or was refused with."""
    gate = threading.Barrier(len(calls))
    results: list[object] = [None] * len(calls)

    def run(number: int, call: Callable[[], object]) -> None:
        try:
            gate.wait(timeout=30)
            results[number] = call()
        except Refused as refusal:
            results[number] = refusal.decision.codes
        except Exception as error:  # noqa: BLE001  told by the assertion of the test
            results[number] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    return results


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Path]:
    """A database in a file, as in production: tests otherwise share one in memory, which locks whole tables."""
    kept = connections["default"]
    if kept.vendor != "sqlite":
        yield tmp_path
        return
    path = tmp_path / "db.sqlite3"
    with kept.cursor() as cursor:
        cursor.execute("VACUUM INTO %s", [str(path)])
    told = connections.settings["default"]
    name, told["NAME"] = told["NAME"], str(path)
    connections["default"] = kept.__class__({**kept.settings_dict, "NAME": str(path)}, "default")
    yield path
    connections["default"].close()
    told["NAME"] = name
    connections["default"] = kept


@pytest.fixture
def yard(clock: StillClock, database: Path, quick_passwords: None) -> Yard:
    return build_yard(clock)


def whole() -> None:
    assert evidence.verify_ledger().problems == []


@pytest.fixture
def gate(clock: StillClock, tmp_path: Path, database: Path) -> tuple[access_shop.Shop, GateDesk, bytes]:
    shop = make_shop(clock, {"web01": Place()})
    authorise(shop, "sam")
    open_ticket(shop)
    signer = near_signer(tmp_path / "signer", clock)
    desk = GateDesk(clock, signer, partial(signed_by, authority_line=str(signer.status()["entry_ca"])), lambda: ALLOWED)
    key = fresh_key()
    personnel.register_key(shop.people["sam"], key, actor=shop.actor("sam"), clock=clock)
    material = take_access(
        shop.actor("sam"), clock, ticket=shop.ticket, public_key=key, signer=signer, door=DOOR, assets=[shop.asset]
    )
    return shop, desk, access.certificate_blob(material.assets[0].certificate)


def order(number: str) -> list[str]:
    wanted = {"session.began", "ticket.work_ended", "access.revoked"}
    return [entry.event for entry in evidence.entries(ticket=number) if entry.event in wanted]


@pytest.mark.parametrize("ending", ["work ends", "access is revoked"])
def test_after_the_ending_is_committed_no_admission_succeeds(gate, clock: StillClock, ending: str) -> None:
    shop, desk, blob = gate
    grant = access.grant_for_certificate(blob)
    assert grant is not None
    ended = threading.Event()

    def admit() -> object:
        late = ended.is_set()
        presented = Presented(blob, "192.0.2.77", Work.COMMAND, hashlib.sha256(b"id").hexdigest())
        return late, desk.admit(presented).session

    def end() -> None:
        if ending == "work ends":
            close_ticket.end_work(shop.actor("sam"), clock, shop.ticket)
        else:
            with evidence.act(shop.actor("iris"), clock) as act:
                tickets.lock(act, shop.ticket)
                access.revoke(act, grant.id, "lost.laptop")
        ended.set()

    def many() -> list[object]:
        found: list[object] = []
        for _ in range(4):
            try:
                found.append(admit())
            except Refused as refusal:
                found.append(refusal.decision.codes)
        return found

    first, second, third = at_once(many, end, many)
    assert third is not None
    assert second is None, second
    attempts = [*first, *third]  # type: ignore[misc]
    begun = [one for one in attempts if isinstance(one, tuple) and len(one) == 2 and isinstance(one[0], bool)]
    assert not [one for one in begun if one[0]], "admitted although it began after the ending"
    told = order(shop.ticket)
    last = max(i for i, event in enumerate(told) if event in {"ticket.work_ended", "access.revoked"})
    assert "session.began" not in told[last:], "the ledger's order is the order of the commits"
    assert len(sessions.sessions(shop.ticket)) == len(begun)
    with pytest.raises(Refused):
        admit()
    whole()


@pytest.mark.parametrize("other", ["work ends", "ticket opens"])
def test_a_revocation_meets_a_ticket_that_moves_as_it_is(gate, clock: StillClock, other: str) -> None:
    """Whether work is to be ended is asked in the act: never refused for a lost race, never left open (3.7.5[b])."""
    shop, desk, blob = gate
    number = shop.ticket
    if other == "ticket opens":
        close_ticket.end_work(shop.actor("sam"), clock, number)

    def move() -> object:
        if other == "work ends":
            return close_ticket.end_work(shop.actor("sam"), clock, number)
        return open_window.reopen(shop.actor("sam"), clock, number)

    def take_away() -> object:
        return revoke_access.revoke(shop.actor("iris"), clock, Scope.TICKET, number, "Seen doing something else.")

    moved, revoked = at_once(move, take_away)
    assert isinstance(revoked, revoke_access.Reach), revoked
    assert not isinstance(moved, Exception), moved
    assert tickets.ticket(number).state is State.VERIFYING, "its work is over, whoever came first"
    assert not desk.standing([access.read_certificate(blob).serial])[access.read_certificate(blob).serial].may_stay
    assert [one.target for one in access.revocations()] == [number]
    whole()


def test_two_approvers_at_once_both_count_once(yard: Yard) -> None:
    view = yard.submitted()

    def decide(key: str, role: str) -> Callable[[], object]:
        return lambda: approve.approve(
            yard.actor(key), yard.clock, view.number, role=ApprovalRole(role), content_hash=view.content_hash,
            reason="At the same time.",
        ).state  # fmt: skip

    results = at_once(decide("avery", "approver"), decide("casey", "cui_owner"), decide("avery", "approver"))
    twice = [one for one in results if isinstance(one, tuple)]
    assert twice in ([("approval.given",)], [("state.wrong",)]), results
    found = tickets.ticket(view.number)
    assert found.state is State.SCHEDULED
    assert sorted(a.role for a in found.approvals) == ["approver", "cui_owner"]
    whole()


def test_approval_against_edit_never_approves_what_was_not_shown(yard: Yard) -> None:
    view = yard.submitted()
    at_once(
        lambda: approve.approve(
            yard.actor("avery"), yard.clock, view.number, role=ApprovalRole.APPROVER, content_hash=view.content_hash,
            reason="As shown.",
        ),
        lambda: request.edit(
            yard.actor("iris"), yard.clock, view.number, yard.content(plan="Another."), version=view.version
        ),
    )  # fmt: skip
    found = tickets.ticket(view.number)
    assert found.content.plan == "Another."
    assert [a for a in found.approvals if a.void_at is None] == []
    whole()


def test_two_editors_at_once_lose_nothing(yard: Yard) -> None:
    view = yard.submitted()
    results = at_once(
        *(
            lambda key=key, title=title: (
                request.edit(
                    yard.actor(key), yard.clock, view.number, yard.content(title=title), version=view.version
                ).title
            )
            for key, title in (("iris", "Hers"), ("max", "His"))
        )
    )
    won = [one for one in results if isinstance(one, str)]
    assert len(won) == 1, results
    assert [one for one in results if one != won[0]] == [("ticket.edited_meanwhile",)]
    assert tickets.ticket(view.number).title == won[0]
    whole()


def test_numbers_of_eight_requesters_at_once_are_contiguous(yard: Yard) -> None:
    def ask(name: int) -> Callable[[], object]:
        def several() -> list[str]:
            return [
                request.request(yard.actor("iris"), yard.clock, yard.content(title=f"Work {name}.{n}")).number
                for n in range(2)
            ]

        return several

    results = at_once(*(ask(n) for n in range(8)))
    numbers = sorted(number for found in results for number in found)  # type: ignore[attr-defined]
    assert numbers == [f"MT-2026-{n:05d}" for n in range(1, 17)]
    whole()


KILLED = """
import os, sys
import django
django.setup()
from quarterdeck.evidence import api as evidence
from quarterdeck.kernel.actors import Actor, ActorKind
from quarterdeck.kernel.clock import parse_rfc3339
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.models import MaintenanceTicket
class Still:
    def now(self): return parse_rfc3339(sys.argv[3])
    def boot(self): return 0.0
who = Actor(sys.argv[2], ActorKind.PERSON, "mfa", Still().now())
act = evidence.act(who, Still())
current = act.__enter__()
tickets.withdraw(current, sys.argv[1], "Killed in the middle.")
if sys.argv[4] == "after the entries":
    current.finish()
assert MaintenanceTicket.objects.get(number=sys.argv[1]).state == "withdrawn"
print("in the middle", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("when", ["before the entries", "after the entries"])
def test_a_process_killed_in_mid_act_leaves_nothing_half_written(yard: Yard, tmp_path: Path, when: str) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("not run here: the child opens the SQLite file of this test")
    view = yard.submitted()
    size = evidence.head().size
    copy = tmp_path / "copy.sqlite3"
    with connection.cursor() as cursor:
        cursor.execute("VACUUM INTO %s", [str(copy)])
    env = os.environ | {"QD_DATABASE_URL": f"sqlite:///{copy}", "DJANGO_SETTINGS_MODULE": "quarterdeck.settings"}
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, view.number, yard.shop.ids["iris"], "2026-11-23T14:00:00Z", when],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == "in the middle\n"
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=30)
    process.stdout.close()
    process.stdin.close()
    reading = subprocess.run(
        [sys.executable, "-c", READ, view.number], env=env, text=True, capture_output=True, timeout=120, check=True
    )
    assert reading.stdout.split() == ["submitted", str(size), "0", "True"], reading.stderr


READ = """
import sys
import django
django.setup()
from quarterdeck.evidence import api as evidence
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.models import MaintenanceTicket
from quarterdeck.tickets.sealing import check_ticket
row = MaintenanceTicket.objects.get(number=sys.argv[1])
report = evidence.verify_ledger()
print(row.state, report.size, len(report.problems), check_ticket(row).allowed)
"""
