"""Run as a process on the folder and database of QD_DATA_DIR: what people and the ticker do about runs, verb by verb.

The shop is that of `whole_shop`: one real target behind the real gate. Each verb takes JSON and prints JSON.
"""

import json
import sys
import threading
from datetime import timedelta
from pathlib import Path

import django

django.setup()

from django.db import connection  # noqa: E402  the models need Django first
from tests.access_shop import Shop, approved_ticket  # noqa: E402
from tests.waiting import wait_for  # noqa: E402

from quarterdeck import wiring  # noqa: E402
from quarterdeck.access import api as access  # noqa: E402
from quarterdeck.baselines import api as baselines  # noqa: E402
from quarterdeck.evidence import api as evidence  # noqa: E402
from quarterdeck.inventory import api as inventory  # noqa: E402
from quarterdeck.inventory.api import ConnectionFields  # noqa: E402
from quarterdeck.kernel.actors import Actor, ActorKind, system  # noqa: E402
from quarterdeck.kernel.clock import SystemClock  # noqa: E402
from quarterdeck.kernel.decision import Refused  # noqa: E402
from quarterdeck.kernel.windows import Window  # noqa: E402
from quarterdeck.personnel import api as personnel  # noqa: E402
from quarterdeck.runs import api as runs  # noqa: E402
from quarterdeck.sessions import api as sessions  # noqa: E402
from quarterdeck.tickets import api as tickets  # noqa: E402
from quarterdeck.workflows import close_ticket, do_captures, do_runs, keep_runbooks, order_runs  # noqa: E402
from quarterdeck.workflows.open_window import open_ticket  # noqa: E402
from quarterdeck.workflows.take_baseline import take_baseline  # noqa: E402
from quarterdeck.workflows.take_snapshot import snapshot_for_ticket  # noqa: E402

CLOCK = SystemClock()
TICKER = system("ticker")
Told = dict[str, object]
MORE_CONTENT: dict[str, object] = {}  # what a ticket shall say beside its usual content


def shop() -> Shop:
    """The shop as the database has it; people by the first part of their addresses."""
    people = {one.email.partition("@")[0].partition(".")[0]: one.id for one in personnel.people()}
    assets = {one.hostname: one for one in inventory.assets()}
    return Shop(CLOCK, people, assets, item="")


def actor(name: str) -> Actor:
    return Actor(shop().people[name], ActorKind.PERSON, "mfa", CLOCK.now(), "totp")


def propose(told: Told) -> Told:
    made = keep_runbooks.propose(
        actor("sam"),
        CLOCK,
        name=str(told["name"]),
        repository=str(told["repository"]),
        commit=str(told["commit"]),
        playbook=str(told["playbook"]),
        source=wiring.runbook_source(),
    )
    seen = keep_runbooks.decide(
        actor("avery"), CLOCK, made.id, approve=True, sha256=made.sha256, reason="Read line by line."
    )
    return {"id": seen.id, "item": seen.item, "sha256": seen.sha256, "signature": seen.signature.value}


def watch(told: Told) -> Told:
    """Watch a folder of the target, so that the baselines tell what the run changed."""
    asset = inventory.assets()[0]
    one = asset.connections[0]
    fields = ConnectionFields(
        one.address, one.target_account, port=one.port, host_identity=one.host_identity,
        elevation=one.elevation.value, watched_roots=(str(told["root"]),),
    )  # fmt: skip
    inventory.set_connection(asset.id, fields, connection_id=one.id, actor=actor("iris"), clock=CLOCK)
    return {}


def found(told: Told) -> Told:
    """Close the shop's own ticket, which has the one target until then."""
    summary = evidence.store_artifact(
        b"Done.", media_type="text/plain", role="summary", name="summary.txt", may_contain_cui=False
    )
    [number] = [one.number for one in tickets.tickets()]
    with evidence.act(actor("sam"), CLOCK) as current:
        tickets.end_work(current, number)
    with evidence.act(actor("sam"), CLOCK) as current:
        tickets.close(current, number, rolled_back=False, summary=summary)
    return told


def ticket(told: Told) -> Told:
    """Bring a ticket that names the runbook to `scheduled`, or to `open` after its preparation's baseline."""
    now = CLOCK.now()
    window = Window(now + timedelta(seconds=float(str(told.get("opens_in", 0)))), now + timedelta(hours=2))
    items = tuple(str(one) for one in told["items"])  # type: ignore[attr-defined]
    number = approved_ticket(shop(), "sam", items=items, window=window, **MORE_CONTENT)
    if told.get("snapshot", False):
        [asset] = [one.asset_id for one in tickets.ticket(number).assets]
        snapshot_for_ticket(number, asset, makers=wiring.snapshot_makers(), actor=TICKER, clock=CLOCK)
    if told.get("open", True):
        channel = wiring.instruments(TICKER).channel
        take_baseline(number, baselines.Phase.BEFORE, channel=channel, actor=TICKER, clock=CLOCK)
        open_ticket(actor("sam"), CLOCK, number)
    return {"ticket": number}


def cancel_meanwhile(told: Told) -> Told:
    """Do the next run in the background's place until somebody asks to stop: `do` with a cancel from a thread."""
    run = str(told["run"])

    def stop() -> None:
        wait_for(lambda: runs.progress(run).events >= int(str(told["after"])), 180, "the run's first events", 0.1)
        order_runs.cancel_run(actor("sam"), CLOCK, run, wiring.run_room())
        connection.close()

    thread = threading.Thread(target=stop)
    thread.start()
    do_runs.do_next_run(TICKER, CLOCK, wiring.run_stage)
    thread.join()
    return {}


def order(told: Told) -> Told:
    wanted = order_runs.Wanted(
        str(told["runbook"]),
        runs.Mode(str(told.get("mode", "check"))),
        bool(told.get("unattended", False)),
    )
    try:
        made = order_runs.order_runs(actor("sam"), CLOCK, str(told["ticket"]), wanted, wiring.run_room())
    except Refused as refused:
        return {"refused": list(refused.decision.codes)}
    return {"runs": [one.id for one in made]}


def do(told: Told) -> Told:
    """What the ticker does: the next run, and captures where the run waits for them."""
    del told
    did = do_runs.do_next_run(TICKER, CLOCK, wiring.run_stage)
    if not did:
        do_captures.do_next_capture(TICKER, CLOCK, lambda: wiring.instruments(TICKER))
        did = do_runs.do_next_run(TICKER, CLOCK, wiring.run_stage)
    return {"did": did}


def cancel(told: Told) -> Told:
    return {"state": order_runs.cancel_run(actor("sam"), CLOCK, str(told["run"]), wiring.run_room()).state.value}


def seen(told: Told) -> Told:
    one = runs.run(str(told["run"]))
    report = json.loads(evidence.read_artifact(one.report)) if one.report else {}
    now = runs.progress(one.id)
    return {
        "state": one.state.value, "message": one.message, "report": report, "ignored": one.ignored,
        "events": evidence.read_artifact(one.events).decode("utf-8", "replace") if one.events else "",
        "output": evidence.read_artifact(one.output).decode("utf-8", "replace") if one.output else "",
        "grants": [access.grant(place.grant).state.value for place in one.places],
        "folder": Path(wiring.run_room().folder(one.id)).exists(), "live": now.events, "ticket": one.ticket,
    }  # fmt: skip


def end(told: Told) -> Told:
    """End the work, verify, and return what the drift says of files."""
    number = str(told["ticket"])
    if tickets.ticket(number).state is tickets.State.OPEN:
        close_ticket.end_work(actor("sam"), CLOCK, number)
    try:
        found = close_ticket.verify_ticket(TICKER, CLOCK, number, wiring.instruments(TICKER))
    except close_ticket.SessionsStillRunning:
        return {"running": True}
    # Of the machine's own settings nothing: other tests mount and listen on it at the same time.
    items = [item for view in baselines.drift(number) for item in view.items]
    paths = {item.path: item.kind.value for item in items if item.path.startswith("/")}
    return {"paths": paths, "remarks": list(found.remarks), "state": tickets.ticket(number).state.value}


def told(asked: Told) -> Told:
    """What the ledger and the gate know of the ticket."""
    number = str(asked["ticket"])
    entries = evidence.entries(ticket=number)
    facts = evidence.facts(ticket=number)
    return {
        "state": tickets.ticket(number).state.value,
        "entries": [[one.event, one.actor_id, one.actor_auth] for one in entries],
        "facts": [[one.kind, one.outcome.value] for one in facts],
        "sessions": [[one.kind.value, one.person, bool(one.recording), one.state.value]
                     for one in sessions.sessions(number)],
        "notices": [one.subject for one in tickets.notices(shop().people["sam"])],
        "sam": shop().people["sam"],
    }  # fmt: skip


VERBS = {
    one.__name__: one for one in (found, propose, watch, ticket, order, do, cancel, cancel_meanwhile, seen, end, told)
}


if __name__ == "__main__":
    print(json.dumps(VERBS[sys.argv[1]](json.loads(sys.argv[2]))))
