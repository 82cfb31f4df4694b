"""What monitoring adds to the shop of browser tests: a plan that waits, one in force, a finding on another server."""

import tempfile
from datetime import timedelta
from pathlib import Path

from tests.measuring import LocalMonitorChannel
from tests.ticket_yard import HOST_KEY, Yard

from quarterdeck.access import api as access
from quarterdeck.baselines import api as baselines
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.actors import system
from quarterdeck.kernel.clock import Clock
from quarterdeck.tickets.api import ApprovalRole, Verdict
from quarterdeck.workflows import keep_plans, run_plans

TICKER = system("ticker")
WHY = "Nobody is there at night; changes that no ticket explains have to be seen the next morning."


def _proposed(yard: Yard, clock: Clock, asset: str, connection: str) -> str:
    return keep_plans.propose(
        yard.actor("iris"), clock, asset=asset, connection=connection, cadence_hours=24,
        valid_until=clock.now() + timedelta(days=180), reason=WHY,
    ).id  # fmt: skip


def watched(yard: Yard, clock: Clock) -> dict[str, object]:
    """Propose a plan for the file server; run one for the portal across a change by hand. Returns their ids."""
    tree = Path(tempfile.mkdtemp(prefix="qd-e2e-watched-"))
    (tree / "site.conf").write_text("listen 80\n")
    portal = inventory.find_by_hostname("web01")
    assert portal is not None
    way = inventory.set_connection(
        portal.id,
        inventory.ConnectionFields(
            address="127.0.0.1", port=2201, target_account="maint", host_identity=HOST_KEY, watched_roots=(str(tree),)
        ),
        actor=yard.actor("iris"), clock=clock,
    )  # fmt: skip
    running = _proposed(yard, clock, portal.id, way.id)
    for key, role in (("avery", ApprovalRole.APPROVER), ("casey", ApprovalRole.CUI_OWNER)):
        plan = keep_plans.decide(
            yard.actor(key), clock, running, role=role, verdict=Verdict.APPROVED,
            content_hash=access.plan(running).content_hash, reason="The folders are the right ones.",
        )  # fmt: skip
    channel = LocalMonitorChannel()
    run_plans.run_plan(TICKER, clock, plan, channel)
    (tree / "site.conf").write_text("listen 8080\n")
    (tree / "unknown-tool").write_text("#!/bin/sh\n")
    (tree / "unknown-tool").chmod(0o4755)
    run_plans.run_plan(TICKER, clock, plan, channel)
    channel.fails = "The target could not be reached or refused the gate's certificate. ssh said: connection refused"
    run_plans.run_plan(TICKER, clock, plan, channel)
    return {
        "waiting_plan": _proposed(yard, clock, yard.server, yard.connection),
        "plan": running,
        "finding": baselines.findings(portal.id)[0].id,
        "portal": portal.id,
    }
