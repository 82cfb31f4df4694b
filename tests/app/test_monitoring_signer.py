"""What the signer signs under a monitoring plan: the collector that was approved, on the place that was approved."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from tests.access_signer import NearSigner, fresh_key, near_signer
from tests.clock import StillClock
from tests.monitoring_bench import TICKER, MonitoringBench
from tests.ticket_steps import codes

from quarterdeck.access import api as access
from quarterdeck.baselines import api as baselines
from quarterdeck.evidence.api import act
from quarterdeck.kernel.actors import OPERATOR
from quarterdeck.kernel.decision import Refused
from quarterdeck.workflows import keep_plans

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def bench(clock: StillClock) -> MonitoringBench:
    return MonitoringBench(clock)


@pytest.fixture
def signer(tmp_path: Path, clock: StillClock) -> NearSigner:
    return near_signer(tmp_path / "signer", clock)


def granted(bench: MonitoringBench, plan: access.PlanView) -> access.GrantView:
    with act(TICKER, bench.clock) as current:
        return access.create_monitor_grant(current, plan.id, public_key=fresh_key(), lasting=timedelta(minutes=30))


def fields(line: str) -> access.CertificateFields:
    return access.read_certificate(access.certificate_blob(line))


def test_the_certificate_runs_the_collector_and_nothing_else(bench, signer):
    plan = bench.approved()
    given = granted(bench, plan)
    said = fields(signer.monitor(given.id, fresh_key(), ["manifest", "/etc"]))
    assert said.principals == ("qd:maint@web01",)
    assert said.extensions == ()
    assert said.critical_options["source-address"] == "127.0.0.1"
    command = said.critical_options["force-command"]
    assert baselines.collector_sha256() in command
    assert command.endswith(" manifest /etc")
    assert said.valid_before - int(bench.clock.now().timestamp()) == 90
    assert said.key_id == f"{plan.id}:monitor:{given.id}"
    assert signer.signer._log.lines[-1].purpose == "monitor"


def test_only_arguments_that_were_approved(bench, signer):
    given = granted(bench, bench.approved())
    for arguments in (["manifest", "/root"], ["shell"], ["checks", "account=root"], []):
        refused = codes(signer.monitor, given.id, fresh_key(), arguments)
        assert refused[0] in {"measure.not_approved", "measure.unknown_mode"}


def test_purposes_do_not_stand_in_for_each_other(bench, signer):
    plan = bench.approved()
    monitoring = granted(bench, plan)
    assert codes(signer.measure, monitoring.id, fresh_key(), ["posture"]) == ("signer.other_purpose",)
    assert codes(signer.entry, monitoring.id) == ("signer.other_purpose",)
    assert codes(signer.target, monitoring.id, "se_abcdefghijkmnpqr", fresh_key()) == ("signer.other_purpose",)
    bench.ticket()
    with act(TICKER, bench.clock) as current:
        measuring = access.create_grant(
            current, ticket=bench.number, person="", asset=plan.asset, connection=plan.connection,
            purpose=access.Purpose.MEASURE, public_key=fresh_key(), valid_from=current.at,
            valid_until=current.at + timedelta(minutes=5), collector_sha256=plan.collector_sha256,
        )  # fmt: skip
    assert codes(signer.monitor, measuring.id, fresh_key(), ["posture"]) == ("signer.other_purpose",)
    assert signer.status()["signed"] == 0


@pytest.mark.parametrize(
    ("happens", "code"),
    [
        (lambda bench, plan: bench.move_connection(address="192.0.2.66"), "content.changed"),
        (lambda bench, plan: bench.move_connection(watched_roots=("/",)), "content.changed"),
        (lambda bench, plan: bench.clock.advance(days=201), "plan.expired"),
        (
            lambda bench, plan: keep_plans.end(bench.shop.actor("avery"), bench.clock, plan.id, reason="Enough."),
            "plan.not_approved",
        ),
        (lambda bench, plan: bench.with_cui(), "content.changed"),
    ],
    ids=["address", "folders", "time", "ended", "cui"],
)
def test_what_ends_a_plan_ends_its_signatures(bench, signer, happens: Callable[..., object], code: str):
    plan = bench.approved()
    given = granted(bench, plan)
    assert signer.monitor(given.id, fresh_key(), ["posture"])
    happens(bench, plan)
    assert code in codes(signer.monitor, given.id, fresh_key(), ["posture"])
    with act(TICKER, bench.clock) as current, pytest.raises(Refused):
        access.create_monitor_grant(current, plan.id, public_key=fresh_key(), lasting=timedelta(minutes=5))


def test_a_restore_ends_it_too(bench, signer):
    given = granted(bench, bench.approved())
    with act(OPERATOR, bench.clock) as current:
        access.begin_epoch(current, "restored")
    assert {"access.old_epoch", "plan.old_epoch"} <= set(codes(signer.monitor, given.id, fresh_key(), ["posture"]))


def test_an_open_ticket_comes_first(bench, signer):
    given = granted(bench, bench.approved())
    bench.ticket()
    bench.open()
    assert codes(signer.monitor, given.id, fresh_key(), ["posture"]) == ("plan.ticket_open",)


def test_reconciliation_covers_it(bench, signer):
    given = granted(bench, bench.approved())
    line = signer.monitor(given.id, fresh_key(), ["posture"])
    with act(TICKER, bench.clock) as current:
        access.bind_certificate_line(current, given.id, line)
    silent = fields(signer.monitor(given.id, fresh_key(), ["posture"])).serial
    bench.clock.advance(minutes=6)
    assert [(one["serial"], one["purpose"]) for one in signer.reconcile()] == [(silent, "monitor")]
