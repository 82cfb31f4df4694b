"""The shop that every e2e test visits: the demo's own steps up to a package, then tickets in each state that is shown.

Everything is real: `qd up`, a target `sshd`, mail, second factors. Tests that change a ticket have one of their own.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from subprocess import DEVNULL, Popen
from typing import Any

from tests import waiting

from quarterdeck.entrypoints.demo import __main__ as play
from quarterdeck.entrypoints.demo import ticket as demo_ticket
from quarterdeck.entrypoints.demo.people import Member, cast
from quarterdeck.entrypoints.demo.shop import Shop
from quarterdeck.entrypoints.demo.stage import LOOPBACK, Stage, free_ports, listens, set_up, wait_for

LAST_STEP = "Export the package"
STEP_UP_SECONDS = 3
# The same web on the same data, for which a second factor is old after three seconds instead of ten minutes.
_IMPATIENT = f"""
import sys, uvicorn
from datetime import timedelta
from quarterdeck.kernel import actors
actors.STEP_UP_MAX_AGE = timedelta(seconds={STEP_UP_SECONDS})
where = {{"host": "{LOOPBACK}", "port": int(sys.argv[1])}}
uvicorn.run("quarterdeck.asgi:application", log_level="warning", lifespan="off", **where)
"""


@dataclass(slots=True)
class Harbour:
    """What the tests know about the shop."""

    shop: Shop
    out: Path
    impatient_url: str = ""
    tickets: dict[str, str] = field(default_factory=dict)
    cookies: dict[str, Any] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return self.shop.stage.url

    def member(self, key: str) -> Member:
        return self.shop.people[key]


@contextmanager
def open_harbour(folder: Path) -> Iterator[Harbour]:
    """Build everything in `folder`; every process ends with the block."""
    more = (
        Member("noor", "Noor Haddad", "noor@msp.example.test", ("technician",), "vendor", "Keel IT Services"),
        Member("erin", "Erin Vance", "erin@example.test", ("escort",)),
    )
    for member in more:
        member.password = f"{member.key} keeps the deck log dry"
    with set_up(folder, 0) as stage:
        out = folder / "out"
        out.mkdir()
        harbour = Harbour(Shop(stage, people=cast() | {one.key: one for one in more}), out)
        impatient: Popen[bytes] | None = None
        port = 0
        for name, act in play._steps(harbour.shop, out):
            act()
            if name == "Start every process":
                port = free_ports(1)[0]
                impatient = _start_impatient(stage, port)
            if name == LAST_STEP:
                break
        _more_tickets(harbour)
        assert impatient is not None
        wait_for("the impatient web", impatient, stage.folder / "impatient.log", partial(listens, port))
        harbour.impatient_url = f"http://{LOOPBACK}:{port}"
        yield harbour


def _start_impatient(stage: Stage, port: int) -> "Popen[bytes]":
    log = stage.cleanup.enter_context((stage.folder / "impatient.log").open("wb"))
    process = Popen(
        [sys.executable, "-c", _IMPATIENT, str(port)], env=stage.environment, stdin=DEVNULL, stdout=log, stderr=log
    )

    def stop() -> None:
        process.terminate()
        try:
            process.wait(10)
        finally:
            process.kill()

    stage.cleanup.callback(stop)
    return process


def _more_tickets(harbour: Harbour) -> None:
    """One ticket for each thing that a test does to a ticket, on days that do not overlap."""
    _authorise_noor(harbour)
    made = harbour.tickets
    made["closed"] = harbour.shop.ticket
    made["open"] = _request(harbour, "Renew the certificate of the file shares", 0, doer="noor", escort="erin")
    _approve(harbour, made["open"], "avery", "casey")
    made["escort"] = _request(
        harbour, "Clean the job tracking's spool", 0, doer="noor", escort="erin", asset="app01-staging"
    )
    _approve(harbour, made["escort"], "avery")
    for day, (key, title) in enumerate(_WAITING.items(), start=2):
        made[key] = _request(harbour, title, day, **(_PATCHING if key == "shown" else {}))
    made["scheduled"] = _request(harbour, "Update the job tracking to 4.2", 9, asset="app01")
    _approve(harbour, made["scheduled"], "avery", "casey")
    _approve(harbour, made["for_casey"], "avery")
    _open(harbour, made["open"])


_WAITING = {
    "for_phone": "Turn off the oldest protocol of the file shares",
    "for_keys": "Raise the log level of the file shares",
    "for_casey": "Move the drawings of closed jobs to the archive share",
    "shown": "Install the November security updates",
}
_PATCHING = {
    "action": "patch",
    "plan": (
        "1. Read which packages apt would change, and keep the list with the ticket.\n"
        "2. Install the security updates of Debian 12; samba and openssl are among them.\n"
        "3. Restart the file shares, check that a drawing opens, and read the log for five minutes."
    ),
    "impact": "The shares are away for about two minutes at the restart. No access right to a drawing changes.",
    "rollback": "Install the versions before from the package cache; if that fails, restore the files with restic.",
}


def _authorise_noor(harbour: Harbour) -> None:
    now = datetime.now(UTC)  # noqa: TID251
    harbour.shop.api("iris").call(
        "POST",
        "/authorisations",
        {
            "holder": harbour.member("noor").id,
            "actions": ["configure", "patch", "diagnose"],
            "agreement": harbour.shop.agreement,
            "competence": "Linux servers, in her first year here",
            "access_authorised": False,
            "valid_from": now.isoformat(),
            "valid_until": (now + timedelta(days=90)).isoformat(),
        },
    )


def _request(
    harbour: Harbour, title: str, day: int, *, doer: str = "max", escort: str = "", asset: str = "files01", **more: str
) -> str:
    shop, iris = harbour.shop, harbour.shop.api("iris")
    begins = datetime.now(UTC) + timedelta(days=day)  # noqa: TID251
    place = shop.assets[asset]
    body = {
        "title": title,
        # Planned work wants a day's notice; what is done today is a repair.
        "maintenance_type": "preventive" if day else "corrective",
        "action": "configure",
        "method": "ssh",
        "plan": "1. Read the current state.\n2. Make the one change that the title names.\n3. Read the state again.",
        "impact": "Nobody is cut off; the shares read the file at their next start.",
        "rollback": "Put the file back from the restic backup of this morning.",
        "window_from": begins.isoformat(),
        "window_until": (begins + timedelta(hours=3)).isoformat(),
        "assets": [{"asset": place["id"], "connection": place["connections"][0]["id"]}],
        "technicians": [harbour.member(doer).id],
        "escort": harbour.member(escort).id if escort else "",
        "agreement": shop.agreement,
        "items": [shop.technique],
        "expected_paths": [f"{shop.stage.tree}/share.conf"],
        **more,
    }
    number = str(iris.call("POST", "/tickets", body)["number"])
    iris.call("POST", f"/tickets/{number}/submit")
    return number


def _approve(harbour: Harbour, number: str, *keys: str) -> None:
    content = harbour.shop.api("iris").call("GET", f"/tickets/{number}")["ticket"]["content_hash"]
    for key in keys:
        role = {"avery": "approver", "casey": "cui_owner"}[key]
        body = {"role": role, "content_hash": content, "reason": "Plan, rollback and backup are sound."}
        harbour.shop.api(key).call("POST", f"/tickets/{number}/approve", body)


def _open(harbour: Harbour, number: str) -> None:
    shop = harbour.shop
    shop.api("erin").call("POST", f"/tickets/{number}/confirm-escort")
    shop.api("noor").call("POST", f"/tickets/{number}/prepare")

    def is_prepared() -> bool:
        jobs = shop.api("iris").call("GET", f"/tickets/{number}")["jobs"]
        return any(job["kind"] == "prepare" and job["state"] in {"done", "failed"} for job in jobs)

    waiting.wait_for(is_prepared, demo_ticket.CAPTURE_SECONDS, "the preparation's end", pause=0.2)
    shop.api("noor").call("POST", f"/tickets/{number}/open")
