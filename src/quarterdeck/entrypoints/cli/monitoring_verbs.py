"""Monitoring between tickets at the terminal: plans proposed, decided, ended; findings read and settled."""

import argparse
import sys
from functools import partial

from quarterdeck.entrypoints.cli.capture_verbs import DRIFT, with_words
from quarterdeck.entrypoints.cli.naming import Names
from quarterdeck.entrypoints.cli.server import Failed, Server
from quarterdeck.entrypoints.cli.showing import JsonValue, clean, confirm, show_json, show_rows, table
from quarterdeck.entrypoints.cli.verbs import Group, Handler, as_row, as_rows, flag, option, text_of

PLANS = {"Id": "id", "Asset": "asset", "State": "state", "Every (h)": "cadence_hours", "Until": "valid_until"}
RUNS = {"Began": "started_at", "Outcome": "outcome", "Why": "said"}
FINDINGS = {"Id": "id", "Asset": "asset", "Found": "found_at", "Unexplained": "open_items"}


def add(verbs: Group) -> None:
    """Add `monitoring-plans`, `monitoring-plan ...`, `findings` and `finding ...`."""
    made = verbs.verb("monitoring-plans", "list the monitoring plans", list_plans)
    option(made, "--asset", "only of this asset: host name or id", metavar="HOST")
    flag(made, "--json", "print JSON")
    nouns = verbs.group("monitoring-plan", "one standing plan to measure an asset between tickets")
    made = nouns.verb("propose", "propose to measure an asset between tickets; two others decide", propose)
    made.add_argument("asset", help="host name or id of the asset, see `qd assets`")
    option(made, "--connection", "id of the connection (default: the asset's only one)", metavar="ID")
    made.add_argument("--every", type=int, default=24, metavar="HOURS", help="how often: 4 to 744 hours (default 24)")
    made.add_argument("--until", required=True, metavar="DATE", help="last day, such as 2027-11-23; a year at most")
    made.add_argument("--reason", required=True, help="why, in a sentence")
    made = _numbered(nouns, "show", "show a plan with what it froze, its runs and findings", show_plan)
    flag(made, "--json", "print JSON")
    for name, words in (("approve", "approve exactly the plan shown"), ("refuse", "refuse the plan")):
        made = _numbered(nouns, name, words, partial(decide, name))
        made.add_argument("--role", required=True, choices=("approver", "cui_owner"), help="the role you decide in")
        made.add_argument("--reason", required=True, help="why, in a sentence")
        option(made, "--hash", "content hash that you read; without it the content is shown and you are asked")
    made = _numbered(nouns, "end", "end a plan at once", end)
    made.add_argument("--reason", required=True, help="why, in a sentence")
    _add_findings(verbs)


def _add_findings(verbs: Group) -> None:
    made = verbs.verb("findings", "list what was found between tickets and is not explained", list_findings)
    option(made, "--asset", "only of this asset: host name or id", metavar="HOST")
    flag(made, "--all", "also what is explained")
    flag(made, "--json", "print JSON")
    nouns = verbs.group("finding", "what differs between two measurements and no ticket explains")
    made = nouns.verb("show", "show the differences of a finding", show_finding)
    made.add_argument("id", type=int, help="number of the finding, see `qd findings`")
    flag(made, "--json", "print JSON")
    made = nouns.verb("settle", "explain differences of a finding, perhaps by a ticket", settle)
    made.add_argument("id", type=int, help="number of the finding, see `qd findings`")
    made.add_argument("--item", action="append", type=int, default=[], metavar="ID", help="may be repeated")
    flag(made, "--all-open", "all that nobody explained yet")
    made.add_argument("--reason", required=True, help="why, in a sentence")
    made.add_argument(
        "--how", default="explained", choices=("explained", "reverted", "finding"), help="default: explained"
    )
    option(made, "--ticket", "number of the ticket that explains it", metavar="MT-YYYY-NNNNN")
    option(made, "--code", "six digits of your authenticator app, should a fresh second factor be needed")


def _numbered(nouns: Group, name: str, words: str, handler: Handler) -> argparse.ArgumentParser:
    made = nouns.verb(name, words, handler)
    made.add_argument("id", help="id of the plan, see `qd monitoring-plans`")
    option(made, "--code", "six digits of your authenticator app, should a fresh second factor be needed")
    return made


def list_plans(arguments: argparse.Namespace) -> int:
    """List plans."""
    rows = _named(Server(), "/monitoring-plans", arguments)
    show_rows(rows, PLANS, as_json=arguments.json, none="No asset is monitored between tickets yet.")
    return 0


def propose(arguments: argparse.Namespace) -> int:
    """Propose a plan for an asset's connection."""
    server = Server()
    names = Names(server)
    asset = names.asset(arguments.asset)
    body: dict[str, JsonValue] = {
        "asset": asset,
        "connection": names.connection(asset, arguments.connection),
        "cadence_hours": arguments.every,
        "valid_until": arguments.until,
        "reason": arguments.reason,
    }
    return _tell(server.post("/monitoring-plans", body))


def show_plan(arguments: argparse.Namespace) -> int:
    """Show a plan."""
    page = as_row(Server().get(_path(arguments.id)))
    if arguments.json:
        show_json(page)
        return 0
    print(content_of(page))
    if page["waits_for_ticket"]:
        print(f"Waits until {text_of(page, 'waits_for_ticket')} has ended.")
    for title, rows, columns in (("runs", page["runs"], RUNS), ("findings", page["findings"], FINDINGS)):
        found = as_rows(rows)
        print(f"\n{table(found, columns)}" if found else f"\nNo {title} yet.")
    return 0


def content_of(page: dict[str, JsonValue]) -> str:
    """Return everything that a decision covers, in reading order, ending with its hash."""
    plan, frozen = as_row(page["plan"]), as_row(page["frozen"])
    asset = as_row(frozen["asset"])
    told: list[tuple[str, JsonValue]] = [
        ("reason", frozen["reason"]),
        ("proposed by", frozen["proposer"]),
        ("asset", asset["hostname"]),
        ("category", asset["category"]),
        ("handles CUI", asset["handles_cui"]),
        *((f"connection {key}", value) for key, value in as_row(asset["connection"]).items()),
        ("every (hours)", frozen["cadence_hours"]),
        ("until", frozen["valid_until"]),
        ("collector", frozen["collector_sha256"]),
    ]
    lines = [f"{text_of(plan, 'id')}  {text_of(plan, 'state')}"]
    lines += [f"  {key.replace('_', ' '):<26} {_words(value)}" for key, value in told]
    moved = page["changes"] or plan["differences"]
    lines += [
        clean(f"  CHANGED {text_of(one, 'field')}: {text_of(one, 'old')} -> {text_of(one, 'new')}")
        for one in as_rows(moved)
    ]
    lines.append(f"  {'content hash':<26} {text_of(plan, 'content_hash')}")
    return "\n".join(lines)


def _words(value: JsonValue) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return clean(", ".join(map(str, value)) if isinstance(value, list) else str(value))


def decide(name: str, arguments: argparse.Namespace) -> int:
    """Approve or refuse exactly what was shown: the hash that was read goes with the decision (attacks.md row 27)."""
    server = Server(code=arguments.code)
    content_hash = arguments.hash
    if not content_hash:
        page = as_row(server.get(_path(arguments.id)))
        print(content_of(page), file=sys.stderr)
        if not confirm(f"{name.capitalize()} exactly this as {arguments.role}?"):
            raise Failed("Nothing was decided. At a terminal answer yes, in a script give the --hash that you read.")
        content_hash = text_of(as_row(page["plan"]), "content_hash")
    body: dict[str, JsonValue] = {"role": arguments.role, "content_hash": content_hash, "reason": arguments.reason}
    return _tell(server.post(f"{_path(arguments.id)}/{name}", body))


def end(arguments: argparse.Namespace) -> int:
    """End a plan."""
    return _tell(Server(code=arguments.code).post(f"{_path(arguments.id)}/end", {"reason": arguments.reason}))


def list_findings(arguments: argparse.Namespace) -> int:
    """List findings."""
    rows = _named(Server(), "/findings", arguments, open_only=str(not arguments.all).lower())
    show_rows(rows, FINDINGS, as_json=arguments.json, none="Nothing waits for an explanation.")
    return 0


def show_finding(arguments: argparse.Namespace) -> int:
    """Show a finding."""
    server = Server()
    page = as_row(server.get(f"/findings/{arguments.id}"))
    if arguments.json:
        show_json(page)
        return 0
    finding = as_row(page["finding"])
    print(f"{clean(Names(server).of(finding['asset']))}: {text_of(finding, 'open_items')} not explained")
    print(table([with_words(item) for item in as_rows(finding["items"])], DRIFT))
    between = page["tickets_in_between"]
    print(f"Work in between: {_words(between)}" if between else "No ticket worked on it in between.")
    return 0


def settle(arguments: argparse.Namespace) -> int:
    """Settle the named differences of a finding, or all that are open."""
    server, path = Server(code=arguments.code), f"/findings/{arguments.id}"
    chosen: list[JsonValue] = list(arguments.item)
    if arguments.all_open:
        finding = as_row(as_row(server.get(path))["finding"])
        chosen += [item["id"] for item in as_rows(finding["items"])
                   if text_of(item, "drift_class") != "expected" and not text_of(item, "disposition")]  # fmt: skip
    if not chosen:
        raise Failed("Name the differences with --item, or all with --all-open; there may be none left.")
    body: dict[str, JsonValue] = {
        "items": chosen,
        "disposition": arguments.how,
        "reason": arguments.reason,
        "ticket": arguments.ticket,
    }
    left = as_row(server.post(f"{path}/settle", body))
    print(f"{len(chosen)} settled, {text_of(left, 'open_items')} left.")
    return 0


def _named(server: Server, path: str, arguments: argparse.Namespace, **query: str) -> list[dict[str, JsonValue]]:
    """Return a list of the server, of one asset if wanted; assets by their host name, but not in JSON."""
    names = Names(server)
    asset = names.asset(arguments.asset) if arguments.asset else ""
    rows = as_rows(server.get(path, asset=asset, **query))
    return rows if arguments.json else [row | {"asset": names.of(row["asset"])} for row in rows]


def _path(plan: str) -> str:
    return f"/monitoring-plans/{_id(plan)}"


def _id(text: str) -> str:
    if not text.replace("_", "").isalnum() or not text.isascii():
        raise Failed(f"{text!r} is no id; see `qd monitoring-plans` or `qd assets`.")
    return text


def _tell(answer: JsonValue) -> int:
    row = as_row(answer)
    print(f"{text_of(row, 'id')} is {text_of(row, 'state')}.")
    return 0
