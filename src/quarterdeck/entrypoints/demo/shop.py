"""The shop before its first ticket: roster, logins, keys, inventory from a CSV, registers, the vendor's agreement."""

import csv
import hashlib
import io
import json
import subprocess
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from quarterdeck.entrypoints.demo.client import Api, Refusal
from quarterdeck.entrypoints.demo.people import Member, cast
from quarterdeck.entrypoints.demo.stage import ACCOUNT, LOOPBACK, DemoFailed, Stage

ASSETS = Path(__file__).parent / "data" / "assets.csv"
PROCEDURE = ASSETS.with_name("share-procedure.md")
SERVER = "files01"
DRILL_SECONDS = 60


@dataclass(slots=True)
class Shop:
    """What the steps hand on to each other."""

    stage: Stage
    people: dict[str, Member] = field(default_factory=cast)
    assets: dict[str, dict[str, Any]] = field(default_factory=dict)
    connection: str = ""
    technique: str = ""
    mechanism: str = ""
    agreement: str = ""
    ticket: str = ""
    content_hash: str = ""
    package: str = ""

    def api(self, key: str) -> Api:
        """Return the API in this person's name."""
        return Api(self.stage.url, self.people[key])

    @property
    def server_id(self) -> str:
        """Id of the file server that the ticket is about."""
        return str(self.assets[SERVER]["id"])

    @property
    def technician_key(self) -> Path:
        """Private key on Max's laptop."""
        return self.stage.folder / "home" / "max_key"


def make_roster(shop: Shop) -> str:
    """`qd init` with the founding roster; everybody gets a single-use enrolment code."""
    lines = []
    for member in shop.people.values():
        roles = ", ".join(f'"{role}"' for role in member.roles)
        lines.append(
            f'[[person]]\nname = "{member.name}"\nemail = "{member.email}"\nroles = [{roles}]\n'
            f'kind = "{member.kind}"\norganisation = "{member.organisation}"\n'
        )
    roster = shop.stage.folder / "roster.toml"
    roster.write_text("\n".join(lines))
    told = json.loads(shop.stage.qd("init", "--roster", str(roster), "--json"))
    codes = {row["email"]: row for row in told}
    for member in shop.people.values():
        member.code, member.id = codes[member.email]["code"], codes[member.email]["person"]
    return f"{len(told)} people entered once, as one ledger entry; nobody has a login yet"


def enrol_everybody(shop: Shop) -> str:
    """Each person redeems the own code: password and TOTP second factor, then logs in with both."""
    for member in shop.people.values():
        api = Api(shop.stage.url)
        told = api.call("POST", "/enrol", {"code": member.code, "password": member.password})
        member.secret, member.link = told["secret"], told["uri"]
        api.call("POST", "/enrol/confirm", {"code": member.code, "totp": member.one_time_code()})
        Api(shop.stage.url, member).login()
    again = Api(shop.stage.url).attempt("POST", "/enrol", {"code": shop.people["max"].code, "password": "x" * 20})
    if "enrolment.refused" not in getattr(again, "codes", ()):
        raise DemoFailed(f"a used enrolment code was not refused: {again}")
    return "five logins with password and TOTP; a used enrolment code was refused"


def import_inventory(shop: Shop) -> str:
    """Dry run of the CSV, then the import; a second import changes nothing."""
    data = _inventory_csv(shop.stage)
    iris = shop.api("iris")
    plan = iris.call("POST", "/assets/import", None, files={"file": ("assets.csv", data)}, data={"dry_run": "true"})
    done = iris.call(
        "POST",
        "/assets/import",
        None,
        files={"file": ("assets.csv", data)},
        data={"dry_run": "false", "token": plan["token"]},
    )
    again = iris.call("POST", "/assets/import", None, files={"file": ("assets.csv", data)}, data={"dry_run": "true"})
    if again["rows"]:
        raise DemoFailed(f"importing the same file again would change {again['rows'][:2]}")
    shop.assets = {asset["hostname"]: asset for asset in iris.call("GET", "/assets")}
    shop.connection = str(shop.assets[SERVER]["connections"][0]["id"])
    return f"{done['result']['added']} assets from a CSV; importing it again changes nothing"


def _inventory_csv(stage: Stage) -> bytes:
    rows = list(csv.DictReader(io.StringIO(ASSETS.read_text())))
    identity = " ".join((stage.folder / "target" / "host_key.pub").read_text().split()[:2])
    fields = [*rows[0], "host_identity"]
    for row in rows:
        row["host_identity"] = ""
        if row["hostname"] == SERVER:
            row |= {
                "address": LOOPBACK,
                "port": str(stage.ports.target),
                "target_account": ACCOUNT,
                "elevation": "root" if ACCOUNT == "root" else "none",
                "watched_roots": str(stage.tree),
                "host_identity": identity,
            }
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=fields, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def fill_registers(shop: Shop) -> str:
    """A procedure and a script in the registers, the MSP's agreement, Max's authorisation and SSH key."""
    iris, now = shop.api("iris"), datetime.now(UTC)  # noqa: TID251  the demo is a client with a wall clock of its own
    owner = shop.people["iris"].id
    shop.technique = iris.call(
        "POST",
        "/tools",
        {
            "kind": "technique",
            "name": "Share service configuration procedure",
            "version": "4",
            "owner": owner,
            "sha256": hashlib.sha256(PROCEDURE.read_bytes()).hexdigest(),
            "source": "own procedures, binder 3",
        },
    )["id"]
    moments = {"valid_from": now.isoformat(), "valid_until": (now + timedelta(days=365)).isoformat()}
    shop.agreement = iris.call(
        "POST",
        "/agreements",
        {
            "vendor": "Keel IT Services",
            "number": "SOW-2026-03",
            "permitted_actions": ["configure", "patch", "diagnose"],
            "methods": ["ssh"],
            "nda": True,
            **moments,
        },
    )["id"]
    iris.call(
        "POST",
        "/authorisations",
        {
            "holder": shop.people["max"].id,
            "actions": ["configure", "patch", "diagnose"],
            "agreement": shop.agreement,
            "competence": "Linux servers, seven years",
            "access_authorised": True,
            **moments,
        },
    )
    make_key(shop.technician_key)
    shop.api("max").call("POST", "/keys", {"public_key": shop.technician_key.with_suffix(".pub").read_text()})
    return "procedure listed, agreement SOW-2026-03 in force, Max authorised, one SSH key that is his alone"


def make_key(path: Path) -> None:
    """Make an ECDSA P-256 key pair without passphrase."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ecdsa", "-b", "256", "-N", "", "-C", "max", "-f", str(path)],
        check=True,
        timeout=30,
    )


def back_up(shop: Shop) -> str:
    """A real restic repository of the target's files, named as the server's backup source."""
    folder = shop.stage.folder
    password = folder / "restic.password"
    password.write_text("a backup password that only this demo knows\n")
    password.chmod(0o600)
    repository = folder / "backups"
    common = ["restic", "-q", "-r", str(repository), "--password-file", str(password), "--no-cache"]
    for command in (["init"], ["backup", "--host", SERVER, "--tag", "quarterdeck", str(shop.stage.tree)]):
        subprocess.run([*common, *command], check=True, capture_output=True, timeout=120)
    shop.api("iris").call(
        "PUT",
        f"/assets/{shop.server_id}/backup-source",
        {
            "product": "restic",
            "repository": str(repository),
            "credential_file": str(password),
            "host": SERVER,
            "path": str(shop.stage.tree),
            "tag": "quarterdeck",
        },
    )
    return "restic took an encrypted backup; Quarterdeck will ask restic itself for it and verify it"


def define_checks(shop: Shop) -> str:
    """What must be well on the server before and after work, asked from there; a command is no check."""
    iris = shop.api("iris")
    disk = {"path": str(shop.stage.tree), "least_mb": "10"}
    port = {"host": LOOPBACK, "port": str(shop.stage.ports.target)}
    for kind, name, values in (("disk", "Room beside the shares", disk), ("tcp", "SSH answers", port)):
        body = {"kind": kind, "name": name, "values": values, "assets": [shop.server_id]}
        iris.call("POST", "/checks", body)
    command = {"kind": "integration", "name": "Anything", "values": {"path": "/bin/sh -c id"}, "assets": []}
    refused = iris.attempt("POST", "/checks", command)
    if not isinstance(refused, Refusal):
        raise DemoFailed(f"a command was taken for a check: {refused}")
    return f"two checks of {SERVER}; a command instead of a registered mechanism was refused"


def drill_a_restore(shop: Shop) -> str:
    """A backup that was never restored is a hope: restic restores to a scratch place, and every hash is compared."""
    iris = shop.api("iris")
    scratch = shop.stage.folder / "scratch"
    scratch.mkdir(mode=0o700)
    iris.call("POST", "/drill-plans", {"asset": shop.server_id, "scratch": str(scratch)})
    deadline = time.monotonic() + DRILL_SECONDS
    while not (tried := iris.call("GET", "/drills")):
        if time.monotonic() > deadline:
            raise DemoFailed(f"no restore drill within {DRILL_SECONDS} s")
        time.sleep(0.2)
    done = tried[0]
    if not done["passed"]:
        raise DemoFailed(f"the restore drill did not pass: {done['sentence']}")
    if any(scratch.iterdir()):
        raise DemoFailed("the restore drill left files behind")
    return f"{done['same']} files restored, equal to the source, and cleaned up; next drill in a quarter"
