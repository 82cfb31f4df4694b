"""A real server for browser tests: its own data folder, the cast with logins, tickets in several states, a recording.

Run as `python -m tests.e2e.web_shop PORT SEED`: writes ids and TOTP secrets to SEED, then serves until it is ended.
"""

import hashlib
import json
import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "quarterdeck.settings")
django.setup()

import uvicorn  # noqa: E402
from django.core.management import call_command  # noqa: E402
from tests.e2e.more_time_seed import more_time_waits  # noqa: E402
from tests.e2e.rollback_seed import rollbacks  # noqa: E402
from tests.e2e.watched_seed import watched  # noqa: E402
from tests.ticket_yard import HOST_KEY, Yard, build_yard  # noqa: E402

from quarterdeck.asgi import application  # noqa: E402
from quarterdeck.assessor.api import Population  # noqa: E402
from quarterdeck.evidence import api as evidence  # noqa: E402
from quarterdeck.inventory import api as inventory  # noqa: E402
from quarterdeck.kernel.actors import OPERATOR  # noqa: E402
from quarterdeck.kernel.clock import SystemClock  # noqa: E402
from quarterdeck.kernel.windows import Window  # noqa: E402
from quarterdeck.sessions import api as sessions  # noqa: E402
from quarterdeck.sessions.api import (  # noqa: E402
    Ending,
    EndReason,
    Protocol,
    SessionState,
    StreamSum,
    Work,
    files_in,
    tally,
)  # fmt: skip
from quarterdeck.sessions.terms import (  # noqa: E402
    Change,
    Direction,
    FileChange,
    FileTransfer,
    Stage,
    Unhashed,
    encode_told,
)  # fmt: skip
from quarterdeck.tickets import api as tickets  # noqa: E402
from quarterdeck.tickets.api import Method, TicketAsset  # noqa: E402
from quarterdeck.workflows import attend_assessor, keep_store, request  # noqa: E402

CLOCK = SystemClock()
TOLD = (
    FileTransfer("/etc/ssl/private/share.pem", Direction.TO_TARGET, 1, size=3243, sha256="5f" * 32, closed=True,
                 whole=True),
    FileTransfer("/var/log/samba/log.smbd", Direction.FROM_TARGET, 2, size=48_000_000, unhashed=Unhashed.RESUMED,
                 closed=True),
    FileTransfer("/srv/drawings/4711-a-very-long-name-that-has-to-break-somewhere.dwg", Direction.FROM_TARGET,
                 stage=Stage.REFUSED),
    FileTransfer("/srv/\u202egpj.exe", Direction.TO_TARGET, 3, Stage.PASSING, size=4_194_304, sha256="0a" * 32),
    FileChange(Change.PERMISSIONS, "/etc/ssl/private/share.pem", detail="0600", done=True),
    FileChange(Change.REMOVED, "/etc/ssl/private/share.pem.old"),
)  # fmt: skip
COMMANDS = (
    ("sudo systemctl status smbd", "\x1b[32mactive (running)\x1b[0m since Mon 08:00\r\n"),
    ("openssl version", "OpenSSL 3.0.18\r\n"),
    ("sudo apt-get install --only-upgrade openssl", "Setting up openssl (3.0.19) ...\r\n"),
    ("sudo systemctl restart smbd", ""),
)


def seeded() -> dict[str, Any]:
    """Fill the empty database and return what a test needs to know."""
    yard = build_yard(CLOCK)  # type: ignore[arg-type]
    now = CLOCK.now()
    for hostname, title, kind, category, cui in (
        ("web01", "Supplier portal", "server", "cui_asset", True),
        ("fw01", "Border firewall", "network", "security_protection", False),
        ("cnc-3", "Mill controller", "appliance", "specialized", True),
        ("ws07", "Desk in the design office", "workstation", "contractor_risk_managed", False),
        ("mail-relay", "Mail relay", "server", "contractor_risk_managed", False),
    ):
        owner = yard.shop.ids["casey" if cui else "iris"]
        inventory.add_asset(
            inventory.AssetFields(
                hostname=hostname, title=title, asset_kind=kind, category=category, handles_cui=cui, owner=owner,
                location="Rack 2",
            ),
            actor=yard.actor("iris"), clock=CLOCK,
        )  # fmt: skip
    draft = request.request(yard.actor("iris"), CLOCK, yard.content(title="Rotate the share certificate"))
    waiting = yard.submitted(
        title="Patch openssl on the file server", window=Window(now + timedelta(hours=3), now + timedelta(hours=6))
    )
    by_key, by_passkey = (
        yard.submitted(title=title, window=Window(now + timedelta(days=day), now + timedelta(days=day, hours=3)))
        for day, title in ((2, "Patch the kernel of the file server"), (3, "Replace the file server's fans"))
    )
    scheduled = yard.scheduled(
        title="Replace the expired host certificate",
        window=Window(now - timedelta(minutes=5), now + timedelta(hours=2)),
    )
    inventory.set_connection(
        yard.server,
        inventory.ConnectionFields(address="10.0.0.9", port=22, target_account="ops", host_identity=HOST_KEY),
        actor=yard.actor("iris"), clock=CLOCK,
    )  # fmt: skip
    chore = request.log_quick(
        yard.actor("iris"), CLOCK,
        yard.content(
            title="Change the paper tray's roller", method=Method.ON_SITE, assets=(TicketAsset(yard.printer, ""),),
            technicians=(), escort="", agreement_id="", window=Window(now - timedelta(hours=1), now),
        ),
        changed_configuration=False,
    )  # fmt: skip
    quinn = yard.actor("quinn")
    question = attend_assessor.ask_question(quinn, CLOCK, "Who reviews the list of tools?", objective="MA.L2-3.7.2.a")
    sample = attend_assessor.draw_sample(quinn, CLOCK, Population.CLOSED, size=5, seed="4-2-6")
    return watched(yard, CLOCK) | rollbacks(yard, CLOCK) | {
        "question": question.id,
        "sample": sample.seq,
        "chore": chore.number,
        "secrets": yard.shop.secrets,
        "recovery": {key: list(codes) for key, codes in yard.shop.recovery.items()},
        "ids": yard.shop.ids,
        "server": yard.server,
        "tool": yard.tool,
        "draft": draft.number,
        "waiting": waiting.number,
        "by_key": by_key.number,
        "by_passkey": by_passkey.number,
        "scheduled": scheduled.number,
        "longer": more_time_waits(yard, CLOCK),
        "session": _recorded(yard, scheduled.number, SessionState.ENDED),
        "interrupted": _recorded(yard, scheduled.number, SessionState.INTERRUPTED),
        "files": _recorded(yard, scheduled.number, SessionState.ENDED, Work.TRANSFER),
    }


def _cast() -> bytes:
    lines: list[object] = [{"version": 2, "width": 100, "height": 24}]
    at = 0.5
    for command, answer in COMMANDS:
        lines.append([round(at, 3), "o", "maint@fs01:~$ "])
        for letter in command:
            at += 0.05
            lines.append([round(at, 3), "o", letter])
        at += 20.0
        lines.append([round(at, 3), "o", "\r\n" + answer])
    lines.append([round(at, 3), "f", encode_told(TOLD[0])])  # players pass over events of files
    lines.append([round(at, 3), "m", "15 minutes left"])
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def _files_cast() -> bytes:
    header: object = {"version": 2, "width": 100, "height": 24}
    lines = [header, *([at, "f", encode_told(one)] for at, one in enumerate(TOLD))]
    return "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines).encode()


def _recorded(yard: Yard, number: str, state: SessionState, work: Work = Work.TERMINAL) -> str:
    """Keep a session as the gate's warden would, with a recording whose chain holds."""
    actor, data = yard.actor("max"), _files_cast() if work is Work.TRANSFER else _cast()
    with evidence.act(actor, CLOCK) as act:
        begun = sessions.begin(
            act, ticket=number, person=yard.shop.ids["max"], asset=yard.server, grant="ag_e2e", serial=7,
            work=work, source="192.0.2.9", protocol=Protocol.SFTP if work is Work.TRANSFER else None,
        )  # fmt: skip
    head = hashlib.sha256(b"quarterdeck-recording\n" + begun.id.encode()).digest()
    for line in data.splitlines(keepends=True):
        head = hashlib.sha256(head + line).digest()
    kept = evidence.store_artifact(
        data, media_type="application/x-asciicast", role="recording", name=f"{begun.id}.cast", may_contain_cui=True
    )
    ended = state is SessionState.ENDED
    moment = CLOCK.now() if ended else None
    ending = Ending(
        begun.id, EndReason.COMPLETED if ended else EndReason.INTERRUPTED, state, moment, moment, 0 if ended else None,
        None, len(data.splitlines()), head.hex(), {"output": StreamSum(len(data), hashlib.sha256(data).hexdigest())},
        tally(files_in(data.splitlines(keepends=True))),
    )  # fmt: skip
    with evidence.act(actor, CLOCK) as act:
        sessions.end(act, ending, kept)
    return begun.id


def _store_looked_after() -> None:
    """Let the night pass over the store: its properties read back, its files read through."""
    store = evidence.artifact_store()
    keep_store.read_facts_back(CLOCK, store)
    keep_store.order_scrub(OPERATOR, CLOCK, everything=True)
    keep_store.do_next_job(OPERATOR, CLOCK, store)


def _failing_anchor() -> None:
    """Remember a collector that refuses, as the sending process would: a long sentence on the evidence page."""
    route = evidence.open_anchor_route("syslog", "tls:siem.example.test:6514")
    why = "it refused the connection without a client certificate (TLSV13_ALERT_CERTIFICATE_REQUIRED)"
    evidence.route_failed(route, f"the syslog server {route.target} did not take it: {why}", CLOCK.now(), CLOCK.now())


def main() -> None:
    """Migrate, fill, serve."""
    port, seed = int(sys.argv[1]), Path(sys.argv[2])
    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)
    told = seeded()
    _failing_anchor()
    assert tickets.ticket(told["waiting"]).state is tickets.State.SUBMITTED
    _store_looked_after()
    seed.write_text(json.dumps(told))
    uvicorn.run(application, host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    main()
