"""Backups at the terminal: where they are, snapshots of a ticket's assets, and restore drills."""

import argparse

from quarterdeck.entrypoints.cli.naming import Names
from quarterdeck.entrypoints.cli.server import Server
from quarterdeck.entrypoints.cli.showing import JsonValue, clean, show_rows
from quarterdeck.entrypoints.cli.ticket_verbs import ticket_path
from quarterdeck.entrypoints.cli.verbs import Group, as_row, as_rows, flag, option, text_of

PRODUCTS = (
    "restic",
    "borg",
    "pg_dump",
    "pg_base",
    "files",
    "btrfs",
    "qcow2",
    "ebs",
    "ami",
    "vsphere",
    "vss",
    "job_log",
)
SNAPSHOTS = {
    "Id": "id",
    "Asset": "asset",
    "Product": "product",
    "State": "state",
    "Taken": "taken_at",
    "Said": "sentence",
}
PROOFS = {"Asset": "asset", "Product": "product", "Backup of": "taken_at", "Verified": "verified",
          "Encrypted": "encrypted", "Until": "valid_until", "Said": "sentence"}  # fmt: skip
PLANS = {"Id": "id", "Asset": "asset", "Every (days)": "every_days", "Due": "due_at", "Overdue": "overdue",
         "Last": "last"}  # fmt: skip
DRILLS = {"Asset": "asset", "Tried": "finished_at", "Passed": "passed", "Same": "same", "Different": "different",
          "Missing": "missing", "Newer": "newer", "Said": "sentence"}  # fmt: skip


def add(verbs: Group) -> None:
    """Add `backup-source`, `backup-proofs`, `snapshots`, `drills`, `drill-plans`, and what is done to one of them."""
    _add_source(verbs)
    made = verbs.verb("backup-proofs", "list what was found out about a ticket's backups", list_proofs)
    _number(made)
    flag(made, "--json", "print JSON")
    made = verbs.verb("snapshots", "list the snapshots of a ticket", list_snapshots)
    _number(made)
    flag(made, "--json", "print JSON")
    nouns = verbs.group("snapshot", "a point to go back to, taken under a ticket")
    made = nouns.verb("take", "take a snapshot of an asset of the ticket", take)
    _number(made)
    made.add_argument("asset", help="host name or id of the asset")
    made = nouns.verb("look", "read a snapshot back", look)
    _number(made)
    made.add_argument("id", help="id of the snapshot, see `qd snapshots`")
    _add_drills(verbs)


def _number(made: argparse.ArgumentParser) -> None:
    made.add_argument("number", metavar="MT-YYYY-NNNNN", help="the ticket's number")


def _add_source(verbs: Group) -> None:
    made = verbs.verb("backup-source", "say where an asset's backups or snapshots are", set_source)
    made.add_argument("asset", help="host name or id of the asset")
    made.add_argument("--product", required=True, choices=PRODUCTS, help="what makes them")
    option(made, "--repository", "where they are, in the product's own form")
    option(made, "--credential-file", "path of a file on the server, mode 0600", metavar="PATH")
    made.add_argument("--max-age", type=int, default=24, metavar="HOURS", help="the oldest that counts (default 24)")
    option(made, "--host", "the asset's name in the product, or account@host where it is asked over SSH")
    option(made, "--path", "the folder that is backed up, or where the product keeps what it makes")
    option(made, "--tag", "only backups with this tag")
    made.add_argument("--depth", default="all", choices=("all", "sample", "structure"), help="how much is read back")
    option(made, "--offline", "where the copy lies that no network reaches")
    made.add_argument("--offline-days", type=int, default=0, metavar="DAYS", help="how long that copy keeps")
    made.add_argument("--contract-days", type=int, default=0, metavar="DAYS", help="how long the contract asks for")


def _add_drills(verbs: Group) -> None:
    made = verbs.verb("drills", "list restores that were tried", list_drills)
    option(made, "--asset", "only of this asset: host name or id", metavar="HOST")
    flag(made, "--json", "print JSON")
    made = verbs.verb("drill-plans", "list restore drills: due, overdue, results", list_plans)
    option(made, "--asset", "only of this asset: host name or id", metavar="HOST")
    flag(made, "--json", "print JSON")
    nouns = verbs.group("drill-plan", "how often a restore of an asset is tried")
    made = nouns.verb("set", "set how often a restore of an asset is tried", set_plan)
    made.add_argument("asset", help="host name or id of the asset")
    made.add_argument("--scratch", required=True, help="folder on the server, or a PostgreSQL server to restore to")
    made.add_argument("--against", default="source", choices=("source", "baseline"), help="what it is compared with")
    made.add_argument("--every", type=int, default=91, metavar="DAYS", help="how often (default 91, quarterly)")
    made = nouns.verb("ask", "ask for a drill now", ask)
    made.add_argument("id", help="id of the plan, see `qd drill-plans`")
    made = nouns.verb("end", "end a plan", end)
    made.add_argument("id", help="id of the plan, see `qd drill-plans`")


def set_source(arguments: argparse.Namespace) -> int:
    """Say where backups are."""
    server = Server()
    asset = Names(server).asset(arguments.asset)
    body: dict[str, JsonValue] = {
        "product": arguments.product,
        "repository": arguments.repository,
        "credential_file": arguments.credential_file,
        "max_age_hours": arguments.max_age,
        "host": arguments.host,
        "path": arguments.path,
        "tag": arguments.tag,
        "depth": arguments.depth,
        "offline": arguments.offline,
        "offline_days": arguments.offline_days,
        "contract_days": arguments.contract_days,
    }
    server.put(f"/assets/{asset}/backup-source", body)
    print(clean(f"{arguments.asset} is backed up with {arguments.product}."))
    return 0


def list_proofs(arguments: argparse.Namespace) -> int:
    """List proofs."""
    _show(Server(), f"{ticket_path(arguments.number)}/backup-proofs", PROOFS, arguments, "No proof yet.")
    return 0


def list_snapshots(arguments: argparse.Namespace) -> int:
    """List snapshots."""
    _show(Server(), f"{ticket_path(arguments.number)}/snapshots", SNAPSHOTS, arguments, "No snapshot yet.")
    return 0


def take(arguments: argparse.Namespace) -> int:
    """Take a snapshot."""
    server = Server()
    asset = Names(server).asset(arguments.asset)
    return _told(as_row(server.post(f"{ticket_path(arguments.number)}/snapshots", {"asset": asset})))


def look(arguments: argparse.Namespace) -> int:
    """Read a snapshot back."""
    return _told(as_row(Server().post(f"{ticket_path(arguments.number)}/snapshots/{arguments.id}/look", {})))


def list_drills(arguments: argparse.Namespace) -> int:
    """List drills."""
    _show(Server(), "/drills", DRILLS, arguments, "No restore was tried yet.")
    return 0


def list_plans(arguments: argparse.Namespace) -> int:
    """List the register."""
    _show(Server(), "/drill-plans", PLANS, arguments, "No restore is drilled yet; see `qd drill-plan set`.")
    return 0


def set_plan(arguments: argparse.Namespace) -> int:
    """Set a plan."""
    server = Server()
    asset = Names(server).asset(arguments.asset)
    row = as_row(server.post("/drill-plans", {
        "asset": asset, "scratch": arguments.scratch, "against": arguments.against, "every_days": arguments.every,
    }))  # fmt: skip
    print(f"{text_of(row, 'id')}: every {text_of(row, 'every_days')} days, the first is due now.")
    return 0


def ask(arguments: argparse.Namespace) -> int:
    """Ask for a drill now."""
    row = as_row(Server().post(f"/drill-plans/{arguments.id}/ask", {}))
    print(f"{text_of(row, 'id')} is due now; see `qd drills` in a while.")
    return 0


def end(arguments: argparse.Namespace) -> int:
    """End a plan."""
    Server().post(f"/drill-plans/{arguments.id}/end", {})
    print(f"{arguments.id} is ended.")
    return 0


def _show(server: Server, path: str, columns: dict[str, str], arguments: argparse.Namespace, none: str) -> None:
    names = Names(server)
    said = getattr(arguments, "asset", "")
    rows = as_rows(server.get(path, asset=names.asset(said)) if said else server.get(path))
    if not arguments.json:
        rows = [row | {"asset": names.of(row["asset"]), "last": _last(row)} for row in rows]
    show_rows(rows, columns, as_json=arguments.json, none=none)


def _last(row: dict[str, JsonValue]) -> str:
    newest = row.get("newest")
    if not isinstance(newest, dict):
        return "never tried"
    return "came back whole" if newest.get("passed") else f"failed: {text_of(newest, 'sentence')}"


def _told(row: dict[str, JsonValue]) -> int:
    print(clean(f"{text_of(row, 'id')}: {text_of(row, 'state')}. {text_of(row, 'sentence')}"))
    return 1 if text_of(row, "state") == "failed" else 0
