"""Work and rollback tried in staging, as facts that name the ticket under which they were tried (CM.L2-3.4.4[a])."""

from datetime import datetime, timedelta

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Act, Grade, ObjectRef, Outcome
from quarterdeck.inventory import api as inventory
from quarterdeck.inventory.api import Environment
from quarterdeck.kernel.decision import Decision, all_of, require_that
from quarterdeck.personnel.api import Role
from quarterdeck.tickets.moving import locked
from quarterdeck.tickets.pictures import takes_part
from quarterdeck.tickets.rollback_terms import RollbackPlan
from quarterdeck.tickets.rows import find, view
from quarterdeck.tickets.sealing import check_ticket
from quarterdeck.tickets.standing import require_role
from quarterdeck.tickets.terms import State, TicketView

TRIED = "staging.recorded"
LONGEST_AGO = timedelta(days=90)
_BEFORE_WORK = (State.DRAFT, State.SUBMITTED, State.APPROVED, State.SCHEDULED)
_WORKING = (Role.TECHNICIAN, Role.IT_LEAD, Role.REQUESTER)


def record_staging(act: Act, number: str, staging: str) -> tuple[str, ...]:
    """Record that this work, its rollback, or both were tried under another ticket; return the kinds of fact.

    Refused unless that ticket has ended, on staging assets alone, with the same tools and mechanisms, and lately.
    """
    require_role(act, _WORKING)
    row, tried_row = locked(act, number), find(staging)
    check_ticket(tried_row).require()
    ticket, tried = view(row), view(tried_row)
    kinds = _kinds(ticket, tried)
    all_of([takes_part(ticket, act.actor, act.at), may_count(ticket, tried, act.at, kinds)]).require()
    entry = act.record(TRIED, ObjectRef("ticket", number), ticket=number, data={"staging": staging})
    for kind in kinds:
        act.fact(kind, entry=entry, outcome=Outcome.PASSED, grade=Grade.CAPTURED, ticket=number,
                 detail={"ticket": staging})  # fmt: skip
    return kinds


def _kinds(ticket: TicketView, tried: TicketView) -> tuple[str, ...]:
    """Return which facts the other ticket brings: the work when it closed well, the rollback when it was done there."""
    done = evidence.facts(ticket=tried.number, kinds=["rollback.performed"])
    performed = bool(done) and done[-1].outcome is Outcome.PASSED
    same = _steps(ticket.content.rollback_plan) == _steps(tried.content.rollback_plan)
    found = ["staging.tested"] if tried.state is State.CLOSED else []
    return tuple(found + (["rollback.tested"] if tried.state is State.ROLLED_BACK and performed and same else []))


def _steps(plan: RollbackPlan | None) -> list[tuple[str, str]]:
    return [] if plan is None else [(one.text, one.kind.value) for one in plan.steps]


def may_count(ticket: TicketView, tried: TicketView, at: datetime, kinds: tuple[str, ...]) -> Decision:
    """Decide whether what was tried under one ticket counts for another."""
    places = [inventory.asset(one.asset_id) for one in tried.assets]
    return all_of(
        [
            require_that(
                ticket.state in _BEFORE_WORK,
                "staging.too_late",
                f"{ticket.number} was opened already.",
                "What is tried in staging is tried before the work.",
            ),
            require_that(
                bool(places) and all(one.environment is Environment.STAGING for one in places),
                "staging.not_staging",
                f"{tried.number} is not about staging systems alone.",
                "Name a ticket whose assets stand in the environment staging.",
            ),
            require_that(
                set(ticket.content.items) <= set(tried.content.items),
                "staging.other_items",
                f"{tried.number} did not use the same tools, techniques and mechanisms.",
                "Try it with what the work will use.",
            ),
            require_that(
                tried.closed_at is not None and at - tried.closed_at <= LONGEST_AGO,
                "staging.long_ago",
                f"{tried.number} has not ended in the last {LONGEST_AGO.days} days.",
                "Close it, or try once more.",
            ),
            require_that(
                bool(kinds),
                "staging.nothing_tried",
                f"{tried.number} neither closed as done nor shows the same rollback, step by step and within its time.",
                "Close the work in staging as done; for the rollback, do the same steps there.",
            ),
        ]
    )
