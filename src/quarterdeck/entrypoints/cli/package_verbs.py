"""Assessor packages: order one, wait for it, fetch it; and verify one, offline, without any server."""

import argparse
import hashlib
import sys
import time
from pathlib import Path

from quarterdeck.entrypoints.cli.server import Failed, Server
from quarterdeck.entrypoints.cli.showing import JsonValue, clean, show_rows
from quarterdeck.entrypoints.cli.ticket_verbs import ticket_path
from quarterdeck.entrypoints.cli.verbs import Group, as_row, as_rows, flag, option, text_of
from quarterdeck_verify.__main__ import main as verify_main
from quarterdeck_verify.bundle import build_zipapp

COLUMNS = {"Id": "id", "State": "state", "Name": "base", "Ordered": "ordered_at", "Size": "size", "SHA-256": "sha256"}
LOOK_SECONDS = 1.0
UNFINISHED = {"waiting", "running"}


def add(verbs: Group) -> None:
    """Add `packages`, `package ...` and `verify`."""
    flag(verbs.verb("packages", "list the assessor packages", list_packages), "--json", "print JSON")
    nouns = verbs.group("package", "one assessor package")
    made = nouns.verb("export", "make a package of tickets or of a period, and fetch it", export)
    made.add_argument("--ticket", action="append", default=[], metavar="MT-YYYY-NNNNN", help="may be repeated")
    option(made, "--from", "beginning of a period, with offset, for example 2026-11-01T00:00:00Z", metavar="TIME")
    option(made, "--until", "end of the period, not included", metavar="TIME")
    option(made, "--output", "file to write (default: the package's own name here)", metavar="FILE")
    option(made, "--code", "six digits of your authenticator app, should a fresh second factor be needed")
    made = nouns.verb("consent", "let the recordings of a ticket leave in packages (CUI owner)", consent)
    made.add_argument("number", metavar="MT-YYYY-NNNNN", help="the ticket's number")
    option(made, "--code", "six digits of your authenticator app, should a fresh second factor be needed")
    made = nouns.verb("download", "fetch a finished package", download)
    made.add_argument("id", help="id of the package, see `qd packages`")
    option(made, "--output", "file to write (default: the package's own name here)", metavar="FILE")
    made = verbs.verb("verify", "verify a package, offline: INTACT 0, ALTERED 1, UNANCHORED 3", verify)
    made.add_argument("package", nargs="?", default="", help="package.zip or the unpacked folder")
    option(made, "--write", "write the verifier as one file for others instead, such as verify.pyz", metavar="FILE")
    made.add_argument("--signers", action="append", default=[], metavar="FILE", help="allowed_signers from outside it")
    made.add_argument("--anchor", action="append", default=[], metavar="FILE", help="a checkpoint kept outside")
    flag(made, "--json", "print the report as JSON")


def list_packages(arguments: argparse.Namespace) -> int:
    """List packages."""
    rows = as_rows(Server().get("/packages"))
    show_rows(rows, COLUMNS, as_json=arguments.json, none="No package yet. `qd package export` makes one.")
    return 0


def export(arguments: argparse.Namespace) -> int:
    """Order a package, wait until it is made, fetch it."""
    since, until = getattr(arguments, "from"), arguments.until
    if not arguments.ticket and not (since and until):
        raise Failed("Name tickets with --ticket, or a period with --from and --until.")
    body: dict[str, JsonValue] = {"tickets": list(arguments.ticket)}
    body |= {name: value for name, value in (("since", since), ("until", until)) if value}
    server = Server(code=arguments.code)
    order = as_row(server.post("/packages", body))
    while text_of(order, "state") in UNFINISHED:
        time.sleep(LOOK_SECONDS)
        order = as_row(server.get(f"/packages/{text_of(order, 'id')}"))
        print(f"\r{clean(text_of(order, 'message')):<60}", end="", file=sys.stderr)
    print(file=sys.stderr)
    return _fetch(server, order, arguments.output)


def consent(arguments: argparse.Namespace) -> int:
    """Let the recordings of a ticket leave in packages."""
    ticket_path(arguments.number)
    Server(code=arguments.code).post(f"/packages/consent/{arguments.number}")
    print(f"Recordings of {arguments.number} may leave in packages.")
    return 0


def download(arguments: argparse.Namespace) -> int:
    """Fetch a finished package."""
    server = Server()
    return _fetch(server, as_row(server.get(f"/packages/{arguments.id}")), arguments.output)


def verify(arguments: argparse.Namespace) -> int:
    """Run the verifier that is shipped with every package, with the same arguments."""
    if arguments.write:
        return write_verifier(Path(arguments.write))
    if not arguments.package:
        raise Failed("Name the package, or write the verifier itself with --write verify.pyz.")
    words = [arguments.package]
    for name in ("signers", "anchor"):
        for file in getattr(arguments, name):
            words += [f"--{name}", file]
    return verify_main([*words, *(["--json"] if arguments.json else [])])


def write_verifier(target: Path) -> int:
    """Write the verifier as one file, the same bytes wherever this version makes it."""
    if target.exists():
        raise Failed(f"{target} is there already.")
    try:
        build_zipapp(target)
    except OSError as error:
        raise Failed(f"{target} cannot be written ({error.strerror}).") from error
    print(f"{target}  sha256 {hashlib.sha256(target.read_bytes()).hexdigest()}")
    return 0


def _fetch(server: Server, order: dict[str, JsonValue], output: str) -> int:
    if not text_of(order, "sha256"):
        raise Failed(f"The package is {text_of(order, 'state')}: {text_of(order, 'message')}")
    target = Path(output or Path(text_of(order, "file_name")).name)
    server.download(f"/packages/{text_of(order, 'id')}/download", target)
    print(f"{target}  sha256 {text_of(order, 'sha256')}")
    return 0
