"""Between tickets digests are carried and marked; every week, and for tickets, everything is hashed."""

import pytest
from tests.clock import StillClock
from tests.monitoring_bench import MonitoringBench

from quarterdeck.baselines import api as baselines
from quarterdeck.evidence.api import entries, facts, read_artifact

pytestmark = pytest.mark.django_db(transaction=True)


def carried_in(bench: MonitoringBench) -> tuple[int, int]:
    """Return how many digests the newest monitored baseline says that it carried, and how many its manifest marks."""
    told = list(entries(events=["baseline.monitored"]))[-1]
    manifest = read_artifact(str(told.data["manifest"]))
    return int(str(told.data["carried"])), manifest.count(b" method=carried\n")


def test_the_second_run_carries_what_did_not_move_and_a_week_later_all_is_hashed(settings) -> None:
    bench = MonitoringBench(StillClock())
    bench.approved(hours=24)
    assert bench.tick(minutes=1)
    assert carried_in(bench) == (0, 0)
    assert bench.tick(hours=25)
    said, marked = carried_in(bench)
    assert said == marked > 100
    fact = facts(asset=bench.shop.asset, kinds=["baseline.monitored"])[-1]
    assert fact.detail["carried"] == said
    assert 0 < fact.detail["rehashed"] < said
    assert [item for finding in bench.with_files() for item in bench.files(finding)] == []
    assert bench.tick(hours=25)
    assert carried_in(bench)[0] > 100
    assert bench.tick(days=6)
    assert carried_in(bench) == (0, 0)
    assert baselines.FULL_EVERY.days == 7
