"""Run as a process on the folder and database of QD_DATA_DIR: what people and the ticker do about rollbacks.

The shop is that of `whole_shop`, its verbs those of `run_shop`; each verb takes JSON and prints JSON.
"""

import json
import sys
from datetime import timedelta

from tests.lab import run_shop
from tests.lab.run_shop import CLOCK, TICKER, Told, actor, shop

from quarterdeck import wiring
from quarterdeck.access.api import GateDoor
from quarterdeck.backups import api as backups
from quarterdeck.backups.api import Product, Source
from quarterdeck.evidence import api as evidence
from quarterdeck.inventory import api as inventory
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import RollbackPlan, RollbackStep, StepKind
from quarterdeck.tools import api as tools
from quarterdeck.workflows import close_ticket, do_captures, do_runs, read_rollback, roll_back
from quarterdeck.workflows.take_access import take_access
from quarterdeck.workflows.take_snapshot import take_snapshot


def source(told: Told) -> Told:
    """Say how snapshots of the one asset are made: the folders of a btrfs volume, or a qcow2 image."""
    asset = inventory.assets()[0]
    made = Source(
        "", asset.id, Product(str(told["product"])), str(told["repository"]), "", timedelta(hours=24),
        path=str(told.get("path", "")),
    )  # fmt: skip
    with evidence.act(actor("iris"), CLOCK) as current:
        backups.set_source(current, made)
    return {}


def plan(told: Told) -> Told:
    """Open a ticket with a rollback of these steps, each `kind` or `kind item`; with a snapshot where one is wanted."""
    asset, who = inventory.assets()[0].id, shop().people["sam"]
    steps = tuple(
        RollbackStep(f"Step of kind {kind}", who, StepKind(kind), "" if kind == "manual" else asset, item)
        for kind, _, item in (str(one).partition(" ") for one in told["steps"])  # type: ignore[attr-defined]
    )
    run_shop.MORE_CONTENT.update(rollback_plan=RollbackPlan(30, "The page does not load", steps))
    items = told.get("items") or [one.id for one in tools.items()]
    return run_shop.ticket({"items": items, "snapshot": bool(told.get("snapshot", False))})


def begin(told: Told) -> Told:
    roll_back.begin(
        actor(str(told.get("who", "sam"))), CLOCK, str(told["ticket"]), reason="The page is gone.",
        room=wiring.run_room(),
    )  # fmt: skip
    return standing(told)


def again(told: Told) -> Told:
    roll_back.ask_again(actor("sam"), CLOCK, str(told["ticket"]), room=wiring.run_room())
    return standing(told)


def tick(told: Told) -> Told:
    """What the ticker's loops do: one capture, one run."""
    did = do_captures.do_next_capture(TICKER, CLOCK, lambda: wiring.instruments(TICKER))
    ran = do_runs.do_next_run(TICKER, CLOCK, wiring.run_stage)
    return standing(told) | {"did": [did, ran]}


def standing(told: Told) -> Told:
    seen = read_rollback.standing(str(told["ticket"]))
    assert seen is not None
    states = [[one.state.value, *one.codes] for one in seen.view.steps]
    jobs = [[one.kind, one.state, one.message] for one in tickets.jobs(str(told["ticket"]))]
    return {
        "steps": states, "said": list(seen.said.values()), "waits": seen.waits, "jobs": jobs,
        "came_back": seen.came_back.value, "differences": seen.differences, "runs": list(seen.runs.values()),
    }  # fmt: skip


def say(told: Told) -> Told:
    roll_back.say_step(actor("sam"), CLOCK, str(told["ticket"]), int(str(told["step"])), done=True, said="It loads.")
    return standing(told)


def access(told: Told) -> Told:
    """Sam takes access with the technician's key; returns the certificate."""
    door = GateDoor("127.0.0.1", 22, "nobody", str(told["key"]))
    given = take_access(
        actor("sam"), CLOCK, ticket=str(told["ticket"]), public_key=str(told["key"]), signer=wiring.signer(), door=door
    )
    return {"certificate": given.assets[0].certificate}


def snapshot(told: Told) -> Told:
    made = take_snapshot(
        str(told["ticket"]), inventory.assets()[0].id, makers=wiring.snapshot_makers(), actor=actor("sam"), clock=CLOCK
    )
    return {"name": made.name, "state": made.state.value}


def close(told: Told) -> Told:
    summary = "The new page did not load; the old one is back; the vendor looks into it."
    seen = close_ticket.close(actor("iris"), CLOCK, str(told["ticket"]), summary=summary, rolled_back=True)
    return {"state": seen.state.value}


VERBS = {
    **run_shop.VERBS,
    **{one.__name__: one for one in (source, plan, begin, again, tick, standing, say, access, snapshot, close)},
}


if __name__ == "__main__":
    print(json.dumps(VERBS[sys.argv[1]](json.loads(sys.argv[2]))))
