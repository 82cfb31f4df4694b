"""Baselines of a ticket from before to after, their drift, and who may explain it, through api and workflows."""

import json
from pathlib import Path

import pytest
from tests.access_shop import Place, Shop, approved_ticket, authorise, make_shop
from tests.clock import StillClock
from tests.measuring import LocalChannel

from quarterdeck.baselines import api as baselines
from quarterdeck.baselines.api import Disposition, DriftClass, Phase, Severity
from quarterdeck.baselines.models import Baseline
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Grade, Outcome, UnrecordedWrite
from quarterdeck.kernel.actors import OPERATOR, system
from quarterdeck.kernel.decision import Refused
from quarterdeck.tickets import api as tickets
from quarterdeck.workflows.disposition_drift import disposition_drift, open_items
from quarterdeck.workflows.take_baseline import compare_ticket, take_baseline

pytestmark = pytest.mark.django_db(transaction=True)
TICKER = system("ticker")
REASON = "The vendor's installer writes this cache file; compared with another host."


class Bench:
    """A shop whose server watches a folder of this machine, and a ticket on it."""

    def __init__(self, clock: StillClock, tree: Path) -> None:
        self.clock, self.tree, self.channel = clock, tree, LocalChannel()
        (tree / "web").mkdir()
        (tree / "web" / "site.conf").write_text("listen 80\n")
        (tree / "other.conf").write_text("x\n")
        self.shop: Shop = make_shop(clock, {"web01": Place(watched_roots=(str(tree),))})
        authorise(self.shop, "sam")
        self.number = ""

    def approved(self) -> str:
        self.number = approved_ticket(self.shop, expected_paths=(f"{self.tree}/web/**",))
        return self.number

    def opened(self) -> str:
        with evidence.act(self.shop.actor("sam"), self.clock) as act:
            tickets.open_ticket(act, self.number)
        return self.number

    def take(self, phase: Phase):
        self.clock.advance(seconds=5)
        return take_baseline(self.number, phase, channel=self.channel, actor=TICKER, clock=self.clock)

    def posture_explained(self) -> None:
        """This machine is not the test's alone: settle what its other programs changed meanwhile."""
        waiting = [item.id for item in baselines.drift(self.number)[0].open_items if item.source == "posture"]
        if waiting:
            self.clock.advance(seconds=5)
            disposition_drift(
                waiting, how=Disposition.EXPLAINED, reason=REASON, actor=self.shop.actor("avery"), clock=self.clock
            )

    def fact(self, kind: str) -> evidence.Fact:
        return evidence.facts(ticket=self.number, asset=self.shop.asset, kinds=[kind])[-1]

    def around(self, work) -> baselines.DriftView:
        self.approved()
        self.take(Phase.BEFORE)
        self.opened()
        work()
        assert self.take(Phase.AFTER).drift
        self.posture_explained()
        return baselines.drift(self.number)[0]

    def items(self) -> dict[str, baselines.DriftItemView]:
        view = baselines.drift(self.number)[0]
        return {item.path.removeprefix(str(self.tree)): item for item in view.items if item.source == "file"}

    def settle(self, *names: str, who: str = "avery", how: Disposition = Disposition.EXPLAINED, reason: str = REASON):
        found = self.items()
        chosen = [found[name].id for name in names] if names else open_items(self.number)
        self.clock.advance(seconds=5)
        return disposition_drift(chosen, how=how, reason=reason, actor=self.shop.actor(who), clock=self.clock)


@pytest.fixture
def bench(clock: StillClock, tmp_path: Path) -> Bench:
    return Bench(clock, tmp_path)


def test_a_baseline_before_is_recorded_with_artifacts_entry_and_fact(bench: Bench):
    bench.approved()
    taken = bench.take(Phase.BEFORE)
    (view,) = taken.baselines
    assert (taken.failures, view.phase, view.entries, view.unreadable, view.hashed) == ({}, Phase.BEFORE, 4, 0, 2)
    entry = evidence.entry(view.entry)
    assert entry is not None
    assert (entry.event, entry.ticket, entry.data["manifest"]) == (
        "baseline.recorded", bench.number, view.manifest_sha256,
    )  # fmt: skip
    assert {artifact["role"] for artifact in entry.artifacts} == {"manifest", "posture", "measurement"}
    assert evidence.read_artifact(view.manifest_sha256).startswith(b"#mtree v2.0\n#roots ")
    account = json.loads(evidence.read_artifact(view.account_sha256))
    assert account["manifest"]["collector_sha256"] == baselines.collector_sha256() == view.collector_sha256
    fact = bench.fact("baseline.before")
    assert (fact.outcome, fact.grade) == (Outcome.PASSED, Grade.CAPTURED)
    assert bench.channel.asked[0][3] == ("manifest", str(bench.tree))
    assert str(bench.tree).encode() not in entry.body


def test_work_as_declared_leaves_nothing_to_explain(bench: Bench):
    view = bench.around(lambda: (bench.tree / "web" / "site.conf").write_text("listen 443\n"))
    files = [item for item in view.items if item.source == "file"]
    assert [(item.drift_class, item.kind.value) for item in files] == [(DriftClass.EXPECTED, "changed")]
    assert view.open_items == ()
    assert bench.fact("drift.explained").outcome is Outcome.PASSED
    assert bench.channel.asked[-1][3][0] == "posture"
    assert bench.channel.asked[-1][3][1].startswith("since=")


def _surprise(bench: Bench) -> None:
    (bench.tree / "web" / "site.conf").write_text("listen 443\n")
    (bench.tree / "other.conf").write_text("y\n")
    (bench.tree / "web" / "tool").write_text("#!/bin/sh\n")
    (bench.tree / "web" / "tool").chmod(0o4755)


def test_what_was_not_declared_waits_for_somebody_and_a_gain_of_power_too(bench: Bench):
    view = bench.around(lambda: _surprise(bench))
    found = bench.items()
    assert {name: (item.drift_class, item.severity) for name, item in found.items()} == {
        "/web/tool": (DriftClass.UNEXPLAINED, Severity.FORBIDDEN),
        "/other.conf": (DriftClass.UNEXPLAINED, Severity.ORDINARY),
        "/web/site.conf": (DriftClass.EXPECTED, Severity.ORDINARY),
    }
    assert view.items[0].severity is Severity.FORBIDDEN
    fact = bench.fact("drift.explained")
    assert (fact.outcome, fact.detail["open"]) == (Outcome.FAILED, 2)
    told = json.loads(evidence.read_artifact(view.document_sha256))
    assert {row["path"].removeprefix(str(bench.tree)) for row in told["files"]} >= {"/web/tool", "/other.conf"}


def test_somebody_else_explains_and_the_fact_passes(bench: Bench):
    bench.around(lambda: _surprise(bench))
    bench.settle("/other.conf")
    assert bench.fact("drift.explained").outcome is Outcome.FAILED
    bench.settle("/web/tool", how=Disposition.FINDING)
    fact = bench.fact("drift.explained")
    assert (fact.outcome, fact.detail["findings"]) == (Outcome.PASSED, 1)
    item = bench.items()["/other.conf"]
    assert (item.disposed_by, item.disposition) == (bench.shop.people["avery"], Disposition.EXPLAINED)
    assert evidence.read_artifact(item.reason_sha256).decode() == REASON
    entry = evidence.last_entry(["drift.disposed"], ticket=bench.number)
    assert entry is not None
    assert (entry.actor_id, entry.data["how"]) == (bench.shop.people["avery"], "finding")


def test_all_that_is_open_can_be_explained_at_once(bench: Bench):
    bench.around(lambda: _surprise(bench))
    bench.settle()
    assert open_items(bench.number) == []


@pytest.mark.parametrize(("who", "code"), [("sam", "drift.own_work"), ("max", "drift.role")])
def test_neither_the_technician_nor_a_stranger_explains(bench: Bench, who: str, code: str):
    bench.around(lambda: _surprise(bench))
    with pytest.raises(Refused) as refused:
        bench.settle(who=who)
    assert code in refused.value.decision.codes
    assert len(open_items(bench.number)) == 2
    refusal = evidence.last_entry(["act.refused"], ticket=bench.number)
    assert refusal is not None
    assert refusal.actor_id == bench.shop.people[who]


@pytest.mark.parametrize("actor", [OPERATOR, TICKER])
def test_no_process_and_no_operator_explains(bench: Bench, actor):
    bench.around(lambda: _surprise(bench))
    bench.clock.advance(seconds=5)
    with pytest.raises(Refused):
        disposition_drift(
            open_items(bench.number), how=Disposition.EXPLAINED, reason=REASON, actor=actor, clock=bench.clock
        )
    assert len(open_items(bench.number)) == 2


def test_a_reason_says_something_and_the_choice_exists(bench: Bench):
    bench.around(lambda: _surprise(bench))
    with pytest.raises(Refused, match="reason"):
        bench.settle(reason="  ok  ")
    for chosen in ([], [10**6]):
        with pytest.raises(Refused):
            disposition_drift(
                chosen, how=Disposition.EXPLAINED, reason=REASON, actor=bench.shop.actor("avery"), clock=bench.clock
            )
    expected = bench.items()["/web/site.conf"].id
    with pytest.raises(Refused, match="expected anyway"):
        disposition_drift(
            [expected], how=Disposition.EXPLAINED, reason=REASON, actor=bench.shop.actor("avery"), clock=bench.clock
        )


def test_a_second_measurement_keeps_the_explanations_of_the_same_differences(bench: Bench):
    bench.around(lambda: _surprise(bench))
    bench.settle()
    old = open_items(bench.number)
    (bench.tree / "third.conf").write_text("z\n")
    bench.take(Phase.AFTER)
    bench.posture_explained()
    waiting = [item.path for item in baselines.drift(bench.number)[0].open_items]
    assert old == []
    assert waiting == [f"{bench.tree}/third.conf"]
    assert bench.fact("drift.explained").detail["open"] == 1


def test_an_outdated_difference_is_not_settled(bench: Bench):
    bench.around(lambda: _surprise(bench))
    stale = open_items(bench.number)
    bench.take(Phase.AFTER)
    with pytest.raises(Refused, match="older comparison"):
        disposition_drift(
            stale, how=Disposition.EXPLAINED, reason=REASON, actor=bench.shop.actor("avery"), clock=bench.clock
        )


def test_what_was_settled_is_not_settled_again_and_the_rest_stays_sealed(bench: Bench):
    bench.around(lambda: _surprise(bench))
    both = open_items(bench.number)
    assert len(both) > 1
    bench.settle()
    with pytest.raises(Refused) as caught:
        disposition_drift(
            both[:1], how=Disposition.FINDING, reason=REASON, actor=bench.shop.actor("avery"), clock=bench.clock
        )
    assert caught.value.decision.codes == ("drift.settled",)
    assert all(item.disposition == Disposition.EXPLAINED.value for item in bench.items().values() if item.id in both)
    assert compare_ticket(bench.number, actor=TICKER, clock=bench.clock)[1] == {}


def test_nothing_is_measured_before_once_the_ticket_is_open(bench: Bench):
    bench.approved()
    bench.take(Phase.BEFORE)
    bench.opened()
    with pytest.raises(Refused, match="opened already"):
        bench.take(Phase.BEFORE)
    assert len(baselines.baselines(ticket=bench.number)) == 1


def test_nothing_is_measured_after_before_the_ticket_was_open(bench: Bench):
    bench.approved()
    with pytest.raises(Refused, match="never opened"):
        bench.take(Phase.AFTER)


def test_a_target_that_fails_leaves_a_fact_that_is_not_known(bench: Bench):
    bench.approved()
    bench.channel.fails = {bench.shop.asset}
    taken = bench.take(Phase.BEFORE)
    assert taken.baselines == ()
    assert taken.failures == {bench.shop.asset: "The target could not be reached."}
    assert bench.fact("baseline.before").outcome is Outcome.UNKNOWN


def test_a_truncated_measurement_is_not_a_baseline(bench: Bench):
    bench.approved()
    bench.channel.cut = 300
    taken = bench.take(Phase.BEFORE)
    assert "ends too early" in taken.failures[bench.shop.asset]
    assert baselines.baselines(ticket=bench.number) == []


def test_without_a_baseline_from_before_there_is_no_drift_and_no_passed_fact(bench: Bench):
    bench.approved()
    bench.opened()
    taken = bench.take(Phase.AFTER)
    assert taken.drift == ()
    assert "one from before" in taken.failures[bench.shop.asset]
    assert evidence.facts(ticket=bench.number, kinds=["drift.explained"]) == []


def test_a_missing_folder_shows_and_stays_unreadable(bench: Bench):
    gone = bench.tree / "web"

    def work() -> None:
        (gone / "site.conf").unlink()
        gone.rmdir()

    view = bench.around(work)
    assert {item.kind.value for item in view.items if item.source == "file"} == {"removed"}


def test_a_row_that_the_ledger_does_not_know_is_not_believed(bench: Bench):
    bench.around(lambda: _surprise(bench))
    before, after = baselines.baselines(ticket=bench.number)
    with pytest.raises(UnrecordedWrite):
        Baseline.objects.filter(id=before.id).update(manifest_sha256=after.manifest_sha256)
    with evidence.act(OPERATOR, bench.clock):
        Baseline.objects.filter(id=before.id).update(manifest_sha256=after.manifest_sha256)
    with pytest.raises(Refused, match="not what the ledger says"):
        baselines.compare(bench.number, bench.shop.asset)
    assert compare_ticket(bench.number, actor=TICKER, clock=bench.clock)[0] == ()


def test_the_ledger_still_verifies(bench: Bench):
    bench.around(lambda: _surprise(bench))
    bench.settle()
    assert evidence.verify_ledger().problems == []
