"""Somebody writes into the tables of captures and orders by hand: nothing is concluded, proven or exported."""

from datetime import timedelta
from pathlib import Path

import pytest
from tests.access_shop import authorise, make_shop, open_ticket
from tests.app.test_backups_proofs import Bench as BackupBench
from tests.app.test_baselines_drift import Bench, _surprise
from tests.append_only import database_in_hand
from tests.clock import StillClock
from tests.package_shop import PackageShop
from tests.sealer_process import running_sealer
from tests.shop import FAST_HASHER
from tests.ticket_yard import build_yard

from quarterdeck.assessor import api as assessor
from quarterdeck.baselines import api as baselines
from quarterdeck.config.api import load
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Outcome, act
from quarterdeck.kernel.decision import Refused
from quarterdeck.sessions import api as sessions
from quarterdeck.sessions.api import SessionKind, Work
from quarterdeck.workflows import close_ticket, export_package
from quarterdeck.workflows.export_package import Press

pytestmark = pytest.mark.django_db(transaction=True)


def by_hand(statement: str, *values: object) -> None:
    with database_in_hand() as cursor:
        cursor.execute(statement, list(values))
        assert cursor.rowcount > 0


def codes(call, *args, **named) -> tuple[str, ...]:
    with pytest.raises(Refused) as caught:
        call(*args, **named)
    return caught.value.decision.codes


@pytest.fixture
def bench(clock: StillClock, tmp_path: Path) -> Bench:
    return Bench(clock, tmp_path)


@pytest.fixture
def backup(clock: StillClock, tmp_path: Path) -> BackupBench:
    return BackupBench(clock, tmp_path)


def test_an_explanation_that_nobody_gave_explains_nothing(bench: Bench) -> None:
    bench.around(lambda: _surprise(bench))
    worst = bench.items()["/web/tool"]
    by_hand(
        "UPDATE baselines_driftitem SET disposition = 'explained', disposed_by = %s, disposed_at = %s,"
        " reason_sha256 = %s, entry = 'ev_invented' WHERE id = %s",
        bench.shop.people["avery"], bench.clock.now(), "ab" * 32, worst.id,
    )  # fmt: skip
    assert codes(bench.settle, "/other.conf") == ("drift.unsealed",)
    assert bench.fact("drift.explained").outcome is Outcome.FAILED


def test_a_difference_taken_out_of_the_table_is_missed(bench: Bench) -> None:
    bench.around(lambda: _surprise(bench))
    by_hand("DELETE FROM baselines_driftitem WHERE id = %s", bench.items()["/web/tool"].id)
    assert codes(bench.settle, "/other.conf") == ("drift.unsealed",)


def test_a_difference_turned_into_an_expected_one_is_missed(bench: Bench) -> None:
    bench.around(lambda: _surprise(bench))
    worst = bench.items()["/web/tool"]
    by_hand("UPDATE baselines_driftitem SET drift_class = 'expected' WHERE id = %s", worst.id)
    assert codes(bench.settle, "/other.conf") == ("drift.unsealed",)


def test_an_invented_explanation_is_not_carried_into_the_next_comparison(bench: Bench) -> None:
    bench.around(lambda: _surprise(bench))
    by_hand(
        "UPDATE baselines_driftitem SET disposition = 'explained', disposed_by = %s, disposed_at = %s,"
        " reason_sha256 = %s, entry = 'ev_invented' WHERE disposition = '' AND drift_class <> 'expected'",
        bench.shop.people["avery"], bench.clock.now(), "ab" * 32,
    )  # fmt: skip
    assert codes(bench.take, baselines.Phase.AFTER) == ("drift.unsealed",)
    assert bench.fact("drift.explained").outcome is Outcome.FAILED


def test_true_explanations_are_carried_on(bench: Bench) -> None:
    bench.around(lambda: _surprise(bench))
    bench.settle("/other.conf")
    bench.settle("/web/tool")
    bench.take(baselines.Phase.AFTER)
    bench.posture_explained()
    assert bench.fact("drift.explained").outcome is Outcome.PASSED
    bench.take(baselines.Phase.AFTER)
    bench.posture_explained()
    assert bench.fact("drift.explained").outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("UPDATE maintenance_sessions_maintenancesession SET state = 'ended', end_reason = 'logout'", "row.altered"),
        ("UPDATE maintenance_sessions_maintenancesession SET exit_status = 0", "row.altered"),
        ("DELETE FROM maintenance_sessions_maintenancesession", "row.missing"),
    ],
)
def test_sessions_that_were_changed_or_taken_away_conclude_nothing(
    clock: StillClock, statement: str, code: str
) -> None:
    shop = make_shop(clock)
    authorise(shop, "sam")
    open_ticket(shop)
    with act(shop.actor("sam"), clock) as current:
        begun = sessions.begin(
            current, ticket=shop.ticket, person=shop.people["sam"], asset=shop.asset, grant="ag_abcdefghijkmnpqr",
            serial=7, work=next(iter(Work)), source="127.0.0.1",
        )  # fmt: skip
    clock.advance(minutes=5)
    with act(shop.actor("sam"), clock) as current:
        ending = sessions.Ending(
            session=begun.id, state=sessions.SessionState.INTERRUPTED, reason=next(iter(sessions.EndReason)),
            session_terminated=clock.now(), network_terminated=clock.now(), exit_status=None, lines=0, head="",
            streams={},
        )  # fmt: skip
        sessions.end(current, ending, None)
    assert not _altered_rows(clock)
    by_hand(statement)
    assert _altered_rows(clock) == [("MA.L2-3.7.5[b]", "session.unsealed", shop.ticket)]
    assert code in codes(close_ticket.conclude_sessions, shop.actor("sam"), clock, shop.ticket)
    assert evidence.facts(ticket=shop.ticket, kinds=["session.recorded"]) == []


def _altered_rows(clock: StillClock) -> list[tuple[str, str, str]]:
    """What stands against objectives because somebody wrote into rows: objective, code, ticket."""
    return [
        (row.id, gap.code, gap.ticket)
        for row in assessor.objective_status(clock.now())
        for gap in row.gaps
        if gap.code.endswith(".unsealed")
    ]


@pytest.mark.parametrize("change", ["finding = 'not_ratified'", "state = 'draft'"])
def test_a_ticket_changed_by_hand_stands_against_its_objective(press: PackageShop, change: str) -> None:
    number = press.closed()
    assert not _altered_rows(press.clock)
    by_hand(f"UPDATE tickets_maintenanceticket SET {change}")  # noqa: S608
    assert ("CM.L2-3.4.3[c]", "ticket.unsealed", number) in _altered_rows(press.clock)


def test_a_backup_source_pointed_elsewhere_by_hand_proves_nothing(backup: BackupBench) -> None:
    backup.backup(hours=1)
    backup.set_source()
    by_hand("UPDATE backups_backupsource SET path = '/elsewhere'")
    assert codes(backup.prove) == ("backup.source_unsealed",)


@pytest.fixture
def press(clock: StillClock, tmp_path: Path, settings):
    settings.PASSWORD_HASHERS = FAST_HASHER
    with running_sealer(tmp_path / "sealer", clock) as sealer:
        yield PackageShop(build_yard(clock), sealer)


@pytest.mark.parametrize("change", ["ordered_by = %s", "base = '../../' || %s", "tickets = '[\"' || %s || '\"]'"])
def test_an_order_that_nobody_gave_makes_no_package_in_anybodys_name(press: PackageShop, change: str) -> None:
    number = press.closed()
    order = export_package.order_package(press.yard.actor("iris"), press.clock, numbers=[number])
    by_hand(f"UPDATE assessor_packageorder SET {change}", press.yard.shop.ids["quinn"])  # noqa: S608
    export_package.make_next_package(press.clock, lambda: Press(press.sealer, {}))
    assert assessor.order(order.id).state is assessor.OrderState.FAILED
    assert list(evidence.entries(events=["package.exported"])) == []
    assert not export_package.packages_dir().exists()


def test_a_finished_order_made_to_point_at_another_file_hands_nothing_out(press: PackageShop) -> None:
    number = press.closed()
    order = export_package.order_package(press.yard.actor("iris"), press.clock, numbers=[number])
    export_package.make_next_package(press.clock, lambda: Press(press.sealer, {}))
    outside = export_package.packages_dir().parent / "secret.zip"
    outside.write_bytes(b"not yours")
    by_hand("UPDATE assessor_packageorder SET base = '../secret'")
    assert codes(export_package.take_package, press.yard.actor("iris"), press.clock, order.id) == ("package.unsealed",)


def test_somebody_who_takes_no_part_writes_no_session_under_a_ticket(clock: StillClock) -> None:
    shop = make_shop(clock)
    authorise(shop, "sam")
    open_ticket(shop)
    clock.advance(hours=1)
    told = {
        "ticket": shop.ticket, "kind": SessionKind.ON_SITE, "asset": shop.asset, "person": "",
        "began_at": clock.now() - timedelta(minutes=9), "ended_at": clock.now(), "account": "Swapped the fan.",
        "how_ended": "Logged off at the console.",
    }  # fmt: skip

    def write(who: str, **changes: object) -> None:
        with act(shop.actor(who), clock) as current:
            sessions.record_manual(current, **(told | changes))  # type: ignore[arg-type]

    others = [key for key in shop.people if key not in ("sam", "iris")]
    for other in others:
        assert set(codes(write, other)) & {"ticket.not_yours", "role.missing"}
    assert codes(write, "sam", entry_point="the front door / left") == ("entry_point.unknown",)
    assert codes(write, "sam", began_at=clock.now() - timedelta(days=900)) == ("session.too_long",)
    assert codes(write, "sam", account="Swapped \u202ethe fan.") == ("text.unreadable",)
    write("sam")


def altered(sha256: str, data: bytes) -> None:
    """Put other bytes into the evidence folder under the name of a stored file."""
    path = next(path for path in (load().data_dir / "objects").rglob("*") if path.is_file() and sha256 in path.name)
    path.chmod(0o600)
    path.write_bytes(data)


def test_a_baseline_made_to_look_like_the_one_after_hides_no_difference(bench: Bench) -> None:
    view = bench.around(lambda: _surprise(bench))
    altered(view.before.manifest_sha256, evidence.read_artifact(view.after.manifest_sha256))
    told = bench.take(baselines.Phase.AFTER)
    assert "is not the one that was sealed" in str(told)
    assert not told.drift
    assert bench.fact("drift.explained").outcome is Outcome.FAILED


def test_an_altered_recording_is_not_handed_out_and_stops_the_package_with_a_sentence(press: PackageShop) -> None:
    number = press.closed()
    named = [one["sha256"] for entry in evidence.entries(ticket=number) for one in entry.artifacts]
    assert named
    altered(named[0], b"something else")
    assert codes(evidence.open_artifact, named[0]) == ("artifact.altered",)
    order = export_package.order_package(press.yard.actor("iris"), press.clock, numbers=[number])
    export_package.make_next_package(press.clock, lambda: Press(press.sealer, {}))
    told = assessor.order(order.id)
    assert told.state is assessor.OrderState.FAILED
    assert "is not the one that was sealed" in told.message
