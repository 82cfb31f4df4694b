"""Explaining a login that matches no ticket: one person's reason, perhaps the ticket that it belongs to."""

from collections.abc import Collection
from datetime import datetime

from quarterdeck.activity import api as activity
from quarterdeck.activity.api import LoginView
from quarterdeck.baselines import api as baselines
from quarterdeck.evidence import api as evidence
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import all_of
from quarterdeck.sessions import api as sessions
from quarterdeck.tickets import api as tickets
from quarterdeck.workflows.refusals import refusals_recorded


def explain_login(actor: Actor, clock: Clock, login: str, *, reason: str, ticket: str = "") -> LoginView:
    """Explain a login; the reason becomes an artifact, the entry carries its hash. A refusal is recorded and raised."""
    with refusals_recorded(actor, clock, "login.explain"):
        all_of((baselines.check_reason(reason), tickets.readable(reason))).require()
        seen = activity.login(login)
        if seen.break_glass:
            ticket = ticket or activity.break_glass(seen.break_glass).ticket
        document = evidence.store_artifact(
            reason.strip().encode(),
            media_type="text/plain",
            role="reason",
            name="login-reason.txt",
            may_contain_cui=inventory.asset(seen.asset).handles_cui,
        )
        with evidence.act(actor, clock) as current:
            return activity.explain_login(
                current,
                login,
                reason=reason,
                document=document,
                workers={*workers_at(seen.asset, seen.at), *written_down(ticket)},
                ticket=ticket,
            )


def tickets_at(asset: str, at: datetime) -> list[str]:
    """Return the tickets under which the asset was worked on at a moment, newest first."""
    return [
        view.number
        for view in tickets.tickets_of_asset(asset)
        if view.opened_at is not None and view.opened_at <= at and (view.closed_at is None or at <= view.closed_at)
    ]


def workers_at(asset: str, at: datetime) -> Collection[str]:
    """Return who worked on the asset at a moment: they explain none of its logins (3.1.4)."""
    return {person for number in tickets_at(asset, at) for person in tickets.workers(tickets.ticket(number))}


def written_down(ticket: str) -> Collection[str]:
    """Return who did the work of a ticket as its sessions say, nobody without a ticket."""
    return {one.person for one in sessions.sessions(ticket) if one.person} if ticket else ()
