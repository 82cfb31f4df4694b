"""Ordering a run: the technician's act with a second factor; the access of each asset is given in the same act.

Now, when the ticket is open; or queued for its window, then check mode and the real run in one order (3.7.2[c]).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from quarterdeck.access import api as access
from quarterdeck.evidence.api import Act, act
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Decision, Refused, all_of, refuse, require_that
from quarterdeck.kernel.ids import new_id
from quarterdeck.runs import api as runs
from quarterdeck.runs.api import Mode, Reach, RunbookView, RunRoom, RunView
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import State, StepView, TicketAsset, TicketView
from quarterdeck.workflows.refusals import refusals_recorded


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is ordered: a runbook, in which mode or `unattended` in both, on which assets (none named: all)."""

    runbook: str
    mode: Mode = Mode.CHECK
    unattended: bool = False
    assets: tuple[str, ...] = ()


def order_runs(actor: Actor, clock: Clock, ticket: str, wanted: Wanted, room: RunRoom) -> tuple[RunView, ...]:
    """Queue what is wanted and return it: one run, or for an unattended order the check and the run after it."""
    modes = (Mode.CHECK, Mode.REAL) if wanted.unattended else (wanted.mode,)
    ids = [new_id("ru") for _ in modes]
    with refusals_recorded(actor, clock, "run.order", ticket):
        runbook = _usable(wanted.runbook)
        places = _places(tickets.ticket(ticket), wanted.assets)
        platforms = [inventory.connection(place.connection_id).platform.value for place in places]
        runs.fits_platforms(runbook.playbook, platforms).require()
        keys = {run: room.make_key(run) for run in ids}
        try:
            with act(actor, clock) as current:
                return _ordered(current, ticket, wanted, runbook, places, dict(zip(ids, modes, strict=True)), keys)
        except BaseException:
            for run in ids:
                room.forget(run)
            raise


def order_for_rollback(current: Act, seen: TicketView, step: StepView, run: str, key: str) -> RunView:
    """Queue the real run of a rollback's playbook step, in the act by which its person begins or repeats the rollback.

    Refused when the step's mechanism is no approved runbook, or the ticket does not admit this person to the asset.
    """
    found = next(iter(runs.runbooks(items=frozenset({step.step.item}))), None)
    runs.may_roll_back(found).require()
    if found is None:
        raise AssertionError("what may roll back is there")
    runbook = _usable(found.id)
    places = _places(seen, (step.step.asset,))
    begin, until = _times(seen, current.at, unattended=False)
    reaches = _granted(current, seen.number, runbook, places, key, begin, until)
    return runs.order_run(
        current,
        run,
        ticket=seen.number,
        runbook=runbook,
        mode=Mode.REAL,
        unattended=False,
        not_before=begin,
        until=until,
        places=reaches,
        rollback_step=step.number,
    )


def cancel_run(actor: Actor, clock: Clock, run_id: str, room: RunRoom) -> RunView:
    """Ask a run to stop: one of the ticket's people; what still waits is over at once, with its access."""
    seen = runs.run(run_id)
    with refusals_recorded(actor, clock, "run.cancel", seen.ticket):
        tickets.has_role(actor, tickets.WORKING_ROLES, clock.now()).require()
        tickets.takes_part(tickets.ticket(seen.ticket), actor, clock.now()).require()
        with act(actor, clock) as current:
            told = runs.ask_cancel(current, run_id)
            if told.is_over:
                end_access(current, told)
    if told.is_over:
        room.forget(run_id)
    return told


def end_access(current: Act, run: RunView) -> None:
    """End the grants of a run."""
    for place in run.places:
        access.end_grant(current, place.grant, "run.over")


def _ordered(
    current: Act,
    ticket: str,
    wanted: Wanted,
    runbook: RunbookView,
    places: Sequence[TicketAsset],
    modes: dict[str, Mode],
    keys: dict[str, str],
) -> tuple[RunView, ...]:
    seen = tickets.lock(current, ticket)
    begin, until = _times(seen, current.at, unattended=wanted.unattended)
    after = "" if wanted.unattended else _check_before(seen, wanted, runbook, places, current.at)
    made: list[RunView] = []
    for run, mode in modes.items():
        reaches = _granted(current, ticket, runbook, places, keys[run], begin, until)
        follows = (made[-1].id if made else after) if mode is Mode.REAL else ""
        made.append(
            runs.order_run(
                current,
                run,
                ticket=ticket,
                runbook=runbook,
                mode=mode,
                unattended=wanted.unattended,
                not_before=begin,
                until=until,
                places=reaches,
                after=follows,
            )
        )
    return tuple(made)


def _usable(runbook_id: str) -> RunbookView:
    seen = runs.runbook(runbook_id)
    all_of([runs.check_runbook(runbook_id), runs.may_use(seen)]).require()
    return seen


def _places(seen: TicketView, wanted: Sequence[str]) -> list[TicketAsset]:
    known = {place.asset_id for place in seen.assets}
    places = [one for one in seen.assets if one.connection_id and (not wanted or one.asset_id in wanted)]
    if set(wanted) - known or not places:
        raise Refused(
            refuse(
                "access.not_in_ticket",
                "The ticket names no such asset that is reached through the gate.",
                "Choose among the ticket's assets.",
            )
        )
    return places


def _times(seen: TicketView, at: datetime, *, unattended: bool) -> tuple[datetime, datetime]:
    """Return when the run may begin and must be over; Refused when it is neither open nor queued."""
    _is_ready(seen, unattended=unattended).require()
    begin = max(at, seen.window.from_)
    return begin, min(seen.window.until, begin + access.LONGEST_GRANT)


def _is_ready(seen: TicketView, *, unattended: bool) -> Decision:
    return require_that(
        seen.state is State.OPEN or (unattended and seen.state is State.SCHEDULED),
        "run.not_open",
        f"{seen.number} is {seen.state.replace('_', ' ')}, not open.",
        "Open it in its window, or queue the run unattended: it then opens the ticket by itself.",
    )


def _check_before(
    seen: TicketView, wanted: Wanted, runbook: RunbookView, places: Sequence[TicketAsset], at: datetime
) -> str:
    """Return the id of the check that the real run follows, empty for a check; Refused without a good one."""
    if wanted.mode is Mode.CHECK:
        return ""
    checks = [one for one in runs.runs(seen.number) if one.mode is Mode.CHECK and one.runbook == runbook.id]
    newest = next((one for one in checks if runs.check_run(one.id).allowed), None)
    assets = frozenset(place.asset_id for place in places)
    runs.may_be_real(newest, runbook.sha256, assets, seen.opened_at, at).require()
    return "" if newest is None else newest.id


def _granted(
    current: Act,
    ticket: str,
    runbook: RunbookView,
    places: Sequence[TicketAsset],
    key: str,
    begin: datetime,
    until: datetime,
) -> list[Reach]:
    """Give the run's access to every place; Refused with the reasons of all of them."""
    reasons: list[Decision] = []
    given: list[Reach] = []
    for place in places:
        try:
            grant = access.create_grant(
                current,
                ticket=ticket,
                person=current.actor.id,
                asset=place.asset_id,
                connection=place.connection_id,
                purpose=access.Purpose.RUN,
                public_key=key,
                valid_from=begin,
                valid_until=until,
                collector_sha256=runbook.sha256,
            )
            given.append(Reach(place.asset_id, inventory.asset(place.asset_id).hostname, grant.id))
        except Refused as refused:
            reasons.append(refused.decision)
    all_of(dict.fromkeys(reasons)).require()
    return given
