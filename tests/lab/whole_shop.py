"""Run as a process, on the folder and database of QD_DATA_DIR and QD_DATABASE_URL: `make PLACE`, `take`, `told`.

`make` enters a shop whose server is the real `sshd` of PLACE, with an open ticket; `take` prints the certificate that
its technician gets from the running signer; `told` prints of every session how it ended and what its recording shows.
"""

import json
import sys
from pathlib import Path

import django

django.setup()

from django.core.management import call_command  # noqa: E402  the models need Django first
from tests.access_shop import Place, authorise, make_shop, open_ticket  # noqa: E402

from quarterdeck import wiring  # noqa: E402
from quarterdeck.access.api import GateDoor  # noqa: E402
from quarterdeck.adapters.openssh_ca import init_keys  # noqa: E402
from quarterdeck.config.api import load  # noqa: E402
from quarterdeck.evidence.api import open_artifact  # noqa: E402
from quarterdeck.kernel.actors import Actor, ActorKind  # noqa: E402
from quarterdeck.kernel.clock import SystemClock  # noqa: E402
from quarterdeck.personnel import api as personnel  # noqa: E402
from quarterdeck.sessions import api as sessions  # noqa: E402
from quarterdeck.workflows.take_access import take_access  # noqa: E402


def make(place: dict[str, object], public_key: str) -> dict[str, str]:
    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)
    init_keys(load().signer_folder)
    clock = SystemClock()
    shop = make_shop(clock, {"web01": Place(**place)})
    authorise(shop, "sam")
    open_ticket(shop)
    personnel.register_key(shop.people["sam"], public_key, actor=shop.actor("sam"), clock=clock)
    return {"ticket": shop.ticket, "person": shop.people["sam"]}


def take(made: dict[str, str], public_key: str) -> dict[str, str]:
    clock = SystemClock()
    actor = Actor(made["person"], ActorKind.PERSON, "mfa", clock.now())
    door = GateDoor("127.0.0.1", 22, "nobody", public_key)
    given = take_access(
        actor, clock, ticket=made["ticket"], public_key=public_key, signer=wiring.signer(), door=door
    )
    return {"certificate": given.assets[0].certificate}


def told() -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for seen in sessions.all_sessions():
        output = b""
        if seen.recording:
            with open_artifact(seen.recording) as cast:
                events = [json.loads(line) for line in cast.read().splitlines()[1:]]
            shown = [event[2] for event in events if event[1] == "o"]
            output = "".join(shown).encode("utf-8", "surrogateescape")
        rows.append(
            {
                "state": seen.state,
                "reason": seen.end_reason,
                "network": seen.network_terminated,
                "recorded": bool(seen.recording),
                "output": output.decode("utf-8", "replace"),
            }
        )
    return rows


def main(arguments: list[str]) -> None:
    folder = Path(arguments[1])
    public = (folder / "technician.pub").read_text().strip()
    if arguments[0] == "make":
        result: object = make(json.loads(arguments[2]), public)
    elif arguments[0] == "take":
        result = take(json.loads(arguments[2]), public)
    else:
        result = told()
    print(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1:])
