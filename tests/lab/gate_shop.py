"""Run as a process: one act in the database of a lab gate, told as JSON. `python -m tests.lab.gate_shop ACT ...`."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import django

django.setup()

from django.core.management import call_command  # noqa: E402  the models need Django first
from tests.access_shop import Place, authorise, make_shop, open_ticket  # noqa: E402

from quarterdeck import wiring  # noqa: E402
from quarterdeck.access import api as access  # noqa: E402
from quarterdeck.adapters.openssh_ca import init_keys  # noqa: E402
from quarterdeck.config.api import load  # noqa: E402
from quarterdeck.evidence import api as evidence  # noqa: E402
from quarterdeck.kernel.actors import Actor, ActorKind  # noqa: E402
from quarterdeck.kernel.clock import SystemClock, rfc3339  # noqa: E402
from quarterdeck.personnel import api as personnel  # noqa: E402
from quarterdeck.sessions import api as sessions  # noqa: E402
from quarterdeck.tickets import api as tickets  # noqa: E402
from quarterdeck.workflows import extend_window, revoke_access  # noqa: E402
from quarterdeck.workflows.take_access import take_access  # noqa: E402

CLOCK = SystemClock()


def book() -> Path:
    return load().data_dir / "gate_shop.json"


def told() -> dict[str, str]:
    return dict(json.loads(book().read_text()))


def actor(name: str) -> Actor:
    return Actor(told()[name], ActorKind.PERSON, "mfa", CLOCK.now())


def make(port: str, account: str, identity: str, key: str, hours: str) -> dict[str, object]:
    """A shop with one server that is the lab's target, an open ticket, and Sam with this public key."""
    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)
    init_keys(load().signer_folder)
    shop = make_shop(CLOCK, {"web01": Place("127.0.0.1", int(port), account, identity)})
    authorise(shop, "sam")
    open_ticket(shop, hours=float(hours))
    personnel.register_key(shop.people["sam"], key, actor=shop.actor("sam"), clock=CLOCK)
    book().write_text(json.dumps({**shop.people, "ticket": shop.ticket, "key": key}))
    return {"ticket": shop.ticket}


def take() -> dict[str, object]:
    """Sam takes access."""
    door = access.GateDoor("127.0.0.1", load().gate_port, "any", told()["key"])
    material = take_access(
        actor("sam"), CLOCK, ticket=told()["ticket"], public_key=told()["key"], signer=wiring.signer(), door=door
    )
    return {"certificate": material.assets[0].certificate}


def revoke(scope: str) -> dict[str, object]:
    """Iris revokes; the answer says when it was committed."""
    given = access.grants(ticket=told()["ticket"])[-1]
    target = {"person": told()["sam"], "ticket": told()["ticket"], "grant": given.id, "certificate": str(given.serial),
              "everything": ""}[scope]  # fmt: skip
    revoke_access.revoke(actor("iris"), CLOCK, access.Scope(scope), target, "Tried in the lab.")
    return {"at": rfc3339(CLOCK.now())}


def lift(scope: str) -> dict[str, object]:
    """Avery lifts it."""
    target = {"person": told()["sam"], "ticket": told()["ticket"], "everything": ""}[scope]
    revoke_access.lift(actor("avery"), CLOCK, access.Scope(scope), target, "Tried in the lab.")
    return {}


def grant_time() -> dict[str, object]:
    """Avery grants what waits."""
    waiting = tickets.extensions(told()["ticket"])[-1]
    extend_window.decide(
        actor("avery"), CLOCK, told()["ticket"], waiting.id, role=tickets.ApprovalRole.APPROVER,
        verdict=tickets.Verdict.APPROVED, reason="Fine.",
    )  # fmt: skip
    return {}


def show() -> dict[str, object]:
    """What the books say."""
    number = told()["ticket"]
    return {
        "until": rfc3339(tickets.ticket(number).window.until),
        "state": tickets.ticket(number).state,
        "extensions": [[one.state, one.by_self, one.by_terminal] for one in tickets.extensions(number)],
        "sessions": [
            {
                "state": one.state,
                "reason": one.end_reason,
                "gone": one.network_terminated_at and rfc3339(one.network_terminated_at),
                "recording": one.recording,
                "sealed": sessions.check_row(one).allowed,
            }
            for one in sessions.sessions(number)
        ],
        "refused": [entry.data.get("codes") for entry in evidence.entries(ticket=number, events=["act.refused"])],
    }


ACTS: dict[str, Callable[..., dict[str, object]]] = {
    "make": make, "take": take, "revoke": revoke, "lift": lift, "grant_time": grant_time, "show": show,
}  # fmt: skip

if __name__ == "__main__":
    print(json.dumps(ACTS[sys.argv[1]](*sys.argv[2:])))
