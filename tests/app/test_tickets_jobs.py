"""Captures asked for: one of a kind at a time, leased, retried when a worker dies, cancelled, put back."""

from datetime import timedelta

import pytest
from tests import ticket_steps
from tests.ticket_steps import TICKER, codes, opened
from tests.ticket_yard import Yard

from quarterdeck.evidence import api as evidence
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.jobs import LEASE, MOST_ATTEMPTS
from quarterdeck.workflows import close_ticket, do_captures, prepare_ticket

pytestmark = pytest.mark.django_db
yard, quick_passwords = ticket_steps.yard, ticket_steps.quick_passwords


@pytest.fixture
def number(yard: Yard) -> str:
    return yard.scheduled().number


def ask(yard: Yard, number: str) -> tickets.JobView:
    return prepare_ticket.ask_to_prepare(yard.actor("max"), yard.clock, number)


def take(yard: Yard) -> tickets.JobView:
    job = tickets.take_job(yard.clock)
    assert job is not None
    return job


def test_asking_twice_is_one_job(yard: Yard, number: str) -> None:
    first, second = ask(yard, number), ask(yard, number)
    assert first == second
    taken = take(yard)
    assert (taken.state, taken.attempts, taken.id) == ("running", 1, first.id)
    assert ask(yard, number).id == first.id
    assert tickets.take_job(yard.clock) is None, "nobody takes what another one does"


def test_who_asks_and_when(yard: Yard) -> None:
    view = yard.submitted()
    assert codes(ask, yard, view.number) == ("state.wrong",)
    assert codes(close_ticket.ask_to_verify, yard.actor("max"), yard.clock, view.number) == ("state.wrong",)
    number = yard.scheduled(window=ticket_steps_window(yard)).number
    refused = codes(prepare_ticket.ask_to_prepare, yard.actor("quinn"), yard.clock, number)
    assert refused == ("role.missing",)
    assert tickets.take_job(yard.clock) is None


def ticket_steps_window(yard: Yard):
    window = yard.content().window
    return type(window)(window.from_ + timedelta(hours=5), window.until + timedelta(hours=5))


def test_a_job_whose_worker_died_is_taken_again_and_given_up_after_some_tries(yard: Yard, number: str) -> None:
    ask(yard, number)
    for attempt in range(1, MOST_ATTEMPTS + 1):
        assert take(yard).attempts == attempt
        yard.clock.advance(seconds=LEASE.total_seconds() + 1)
    assert tickets.take_job(yard.clock) is None
    (job,) = tickets.jobs(number)
    assert (job.state, job.message) == ("failed", f"Given up after {MOST_ATTEMPTS} tries. ")
    assert ask(yard, number).id != job.id


def test_progress_keeps_the_lease_and_tells_of_the_wish_to_cancel(yard: Yard, number: str) -> None:
    ask(yard, number)
    job = take(yard)
    yard.clock.advance(seconds=100)
    assert tickets.tell_progress(job.id, "Baseline before", yard.clock)
    yard.clock.advance(seconds=100)
    assert tickets.take_job(yard.clock) is None
    tickets.cancel_job(job.id)
    assert not tickets.tell_progress(job.id, "Baseline before", yard.clock)


def test_a_waiting_job_that_is_cancelled_never_runs(yard: Yard, number: str) -> None:
    job = ask(yard, number)
    tickets.cancel_job(job.id)
    assert tickets.take_job(yard.clock) is None
    assert [(one.state, one.message) for one in tickets.jobs(number)] == [("failed", "Cancelled.")]


def test_what_is_put_back_waits_behind_the_others_and_loses_no_try(yard: Yard, number: str) -> None:
    other = yard.scheduled(window=ticket_steps_window(yard)).number
    ask(yard, number)
    yard.clock.advance(seconds=1)
    ask(yard, other)
    job = take(yard)
    assert job.ticket == number
    yard.clock.advance(seconds=1)
    tickets.put_back_job(job.id, "Waits for running sessions to end.", clock=yard.clock)
    assert take(yard).ticket == other
    again = take(yard)
    assert (again.ticket, again.attempts) == (number, 1)


def test_an_ended_job_stays_ended(yard: Yard, number: str) -> None:
    ask(yard, number)
    job = take(yard)
    tickets.finish_job(job.id, failed=False, message="Done.", clock=yard.clock)
    tickets.cancel_job(job.id)
    assert [(one.state, one.cancel_asked) for one in tickets.jobs(number)] == [("done", False)]


def test_verification_of_a_ticket_without_sessions_concludes_and_then_needs_its_instruments(yard: Yard) -> None:
    number = opened(yard)
    close_ticket.end_work(yard.actor("max"), yard.clock, number)

    def broken() -> prepare_ticket.Instruments:
        raise OSError("no channel in this test")

    with pytest.raises(OSError, match="no channel"):
        do_captures.do_next_capture(TICKER, yard.clock, broken)
    (job,) = tickets.jobs(number)
    assert (job.state, job.message) == ("failed", "Broke off: OSError: no channel in this test")
    assert not do_captures.do_next_capture(TICKER, yard.clock, broken)


def test_a_job_whose_ticket_moved_on_is_refused_and_recorded(yard: Yard, number: str) -> None:
    ask(yard, number)
    with evidence.act(yard.actor("iris"), yard.clock) as act:
        tickets.withdraw(act, number, "No longer needed.")
    assert do_captures.do_next_capture(TICKER, yard.clock, lambda: None)  # type: ignore[arg-type,return-value]
    assert tickets.jobs(number)[0].state == "failed"
    refused = evidence.last_entry(["act.refused"], object=evidence.ObjectRef("rule", "capture.prepare"))
    assert refused is not None
    assert refused.data["codes"] == ["state.wrong"]
