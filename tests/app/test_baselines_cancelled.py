"""A long measurement shows how far it is and is cancelled in the middle: then no baseline of it is kept."""

from datetime import datetime
from pathlib import Path

import pytest
from tests.access_shop import Place, approved_ticket, authorise, make_shop
from tests.clock import StillClock
from tests.measuring import LocalChannel

from quarterdeck.baselines import api as baselines
from quarterdeck.baselines.api import Phase
from quarterdeck.evidence import api as evidence
from quarterdeck.kernel.actors import system
from quarterdeck.tickets import api as tickets
from quarterdeck.workflows import do_captures
from quarterdeck.workflows.prepare_ticket import PREPARE, Prepared
from quarterdeck.workflows.take_baseline import take_baseline

pytestmark = pytest.mark.django_db(transaction=True)
TICKER = system("ticker")


class WalkingClock(StillClock):
    """A second passes with every look."""

    def now(self) -> datetime:
        self.advance(seconds=1)
        return super().now()


@pytest.fixture
def number(tmp_path: Path, clock: StillClock) -> str:
    for at in range(1200):
        (tmp_path / f"file{at}").write_text(str(at))
    shop = make_shop(clock, {"web01": Place(watched_roots=(str(tmp_path),))})
    authorise(shop, "sam")
    number = approved_ticket(shop, expected_paths=())
    tickets.ask_capture(number, PREPARE, actor=shop.actor("sam"), clock=clock)
    return number


@pytest.fixture
def clock() -> StillClock:
    return WalkingClock()


@pytest.mark.parametrize("cancelled", [False, True])
def test_it_is_shown_and_cancelled(number: str, clock: StillClock, cancelled: bool, monkeypatch) -> None:
    shown: list[str] = []

    def only_the_baseline(actor, now, ticket, tools, progress) -> Prepared:
        def told(text: str) -> bool:
            shown.append(text)
            if cancelled and len(shown) == 2:
                tickets.cancel_job(tickets.jobs(ticket)[0].id)
            going_on = progress(text)
            assert tickets.jobs(ticket)[0].message == text
            return going_on

        taken = take_baseline(ticket, Phase.BEFORE, channel=LocalChannel(), actor=actor, clock=now, progress=told)
        return Prepared(tuple(taken.failures.values()))

    monkeypatch.setitem(do_captures.CAPTURES, PREPARE, only_the_baseline)
    assert do_captures.do_next_capture(TICKER, clock, lambda: None)  # type: ignore[arg-type,return-value]
    counts = [int(text.split(": ")[1].split()[0].replace(",", "")) for text in shown]
    assert shown[0].startswith("Baseline before of web01: ")
    assert counts == sorted(set(counts))
    job = tickets.jobs(number)[0]
    kept = [bool(baselines.baselines(ticket=number)), bool(evidence.facts(ticket=number, kinds=["baseline.before"]))]
    if cancelled:
        assert (job.state, job.message, len(shown)) == ("failed", "Cancelled. No baseline was kept.", 2)
        assert kept == [False, False]
    else:
        assert (job.state, job.message) == ("done", do_captures.ALL_DONE)
        assert counts[-1] == 1201
        assert kept == [True, True]
