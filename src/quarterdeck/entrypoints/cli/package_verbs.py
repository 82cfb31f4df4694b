"""Assessor packages: order one, wait for it, fetch it; and verify one, offline, without any server."""

import argparse
import hashlib
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from quarterdeck.entrypoints.cli.server import Failed, Server, require_room_for
from quarterdeck.entrypoints.cli.showing import JsonValue, clean, show_json, show_rows
from quarterdeck.entrypoints.cli.ticket_verbs import ticket_path
from quarterdeck.entrypoints.cli.verbs import Group, as_row, as_rows, flag, option, text_of
from quarterdeck_verify import bundle
from quarterdeck_verify.__main__ import main as verify_main

COLUMNS = {"Id": "id", "State": "state", "Name": "base", "Ordered": "ordered_at", "Size": "size", "SHA-256": "sha256"}
HASH_FILES = ("CMMCAssessmentArtifacts.log", "CMMCAssessmentLogHash.log", "HashedArtifacts.zip")
LOOK_SECONDS = 1.0
UNFINISHED = {"waiting", "running"}


def add(verbs: Group) -> None:
    """Add `packages`, `package ...` and `verify`."""
    flag(verbs.verb("packages", "list the assessor packages", list_packages), "--json", "print JSON")
    nouns = verbs.group("package", "one assessor package")
    made = nouns.verb("export", "make a package of tickets or of a period, and fetch it", export)
    made.add_argument("--ticket", action="append", default=[], metavar="MT-YYYY-NNNNN", help="may be repeated")
    made.add_argument(
        "--practice", action="append", default=[], metavar="ID",
        help="of an assessment: all that speaks to MA.L2-3.7.5, or MA for the whole family; may be repeated",
    )  # fmt: skip
    option(made, "--from", "beginning of a period, with offset, for example 2026-11-01T00:00:00Z", metavar="TIME")
    option(made, "--until", "end of the period, not included", metavar="TIME")
    option(
        made, "--encrypt-to",
        "recordings of CUI assets go encrypted: passphrase (shown once), a certificate file (PEM), or age1...",
        metavar="WHOM",
    )  # fmt: skip
    option(made, "--output", "file to write (default: the package's own name here)", metavar="FILE")
    option(made, "--code", "six digits of your authenticator app, should a fresh second factor be needed")
    made = nouns.verb("consent", "let the recordings of a ticket leave in packages (CUI owner)", consent)
    made.add_argument("number", metavar="MT-YYYY-NNNNN", help="the ticket's number")
    option(made, "--code", "six digits of your authenticator app, should a fresh second factor be needed")
    made = nouns.verb("download", "fetch a finished package", download)
    made.add_argument("id", help="id of the package, see `qd packages`")
    option(made, "--output", "file to write (default: the package's own name here)", metavar="FILE")
    made = nouns.verb("hashes", "fetch the two logs and the archive of the CMMC hashing guide", hashes)
    made.add_argument("id", help="id of the package, see `qd packages`")
    option(made, "--output", "folder to write them to (default: here)", metavar="DIR", default=".")
    made = nouns.verb("compare", "hold the log of ArtifactHash.ps1 against a package: equal 0, different 1", compare)
    made.add_argument("id", help="id of the package, see `qd packages`")
    made.add_argument("log", metavar="LOG", help="the CMMCAssessmentArtifacts.log that the script wrote")
    flag(made, "--json", "print JSON")
    _add_verify(verbs)


def _add_verify(verbs: Group) -> None:
    made = verbs.verb("verify", "verify a package, offline: INTACT 0, ALTERED 1, UNANCHORED 3", verify)
    made.add_argument("package", nargs="?", default="", help="package.zip or the unpacked folder")
    option(made, "--write", "write the verifier as one file for others instead, such as verify.pyz", metavar="FILE")
    flag(made, "--digest", "print the SHA-256 of that one file instead, to compare with one that you got")
    made.add_argument("--signers", action="append", default=[], metavar="FILE", help="allowed_signers from outside it")
    made.add_argument("--anchor", action="append", default=[], metavar="FILE", help="a checkpoint kept outside")
    made.add_argument("--witness", action="append", default=[], metavar="FILE", help="witnesses' keys from outside it")
    made.add_argument("--tsa-root", action="append", default=[], metavar="FILE", help="root of a stamping authority")
    flag(made, "--json", "print the report as JSON")


def list_packages(arguments: argparse.Namespace) -> int:
    """List packages."""
    rows = as_rows(Server().get("/packages"))
    show_rows(rows, COLUMNS, as_json=arguments.json, none="No package yet. `qd package export` makes one.")
    return 0


def export(arguments: argparse.Namespace) -> int:
    """Order a package, wait until it is made, fetch it."""
    since, until = getattr(arguments, "from"), arguments.until
    if not arguments.ticket and not arguments.practice and not (since and until):
        raise Failed("Name tickets with --ticket, a period with --from and --until, or practices with --practice.")
    server = Server(code=arguments.code)
    recipient = _recipient(arguments.encrypt_to)
    require_room_for(Path(arguments.output or "package.zip"))
    body: dict[str, JsonValue] = {
        "tickets": list(arguments.ticket),
        "practices": _practices(server, arguments.practice),
        "recipient": recipient,
    }
    body |= {name: value for name, value in (("since", since), ("until", until)) if value}
    order = as_row(server.post("/packages", body))
    if text_of(order, "passphrase"):
        print(f"Passphrase, shown once and kept nowhere: {text_of(order, 'passphrase')}")
    while text_of(order, "state") in UNFINISHED:
        time.sleep(LOOK_SECONDS)
        order = as_row(server.get(f"/packages/{text_of(order, 'id')}"))
        print(f"\r{clean(text_of(order, 'message')):<60}", end="", file=sys.stderr)
    print(file=sys.stderr)
    return _fetch(server, order, arguments.output)


def _practices(server: Server, named: Sequence[str]) -> list[JsonValue]:
    """Return the practices; a family such as MA stands for all of its own."""
    families = {name.upper() for name in named if "." not in name}
    wanted: dict[str, None] = dict.fromkeys(name for name in named if "." in name)
    if families:
        told = [text_of(row, "practice") for row in as_rows(server.get("/objectives/status"))]
        unknown = families - {name.partition(".")[0] for name in told}
        if unknown:
            raise Failed(f"No practice begins with {', '.join(sorted(unknown))}. Name MA, or one such as MA.L2-3.7.5.")
        wanted |= dict.fromkeys(name for name in told if name.partition(".")[0] in families)
    return list(wanted)


def _recipient(said: str) -> str:
    """Return what the server takes: the word, an age recipient, or the content of a certificate file."""
    if not said or said == "passphrase" or said.startswith("age1"):
        return said
    try:
        return Path(said).read_text(encoding="ascii")
    except (OSError, UnicodeError) as error:
        raise Failed(f"{said} is no certificate file that can be read.") from error


def hashes(arguments: argparse.Namespace) -> int:
    """Fetch the files of the hashing guide."""
    server, folder, made = Server(), Path(arguments.output), list[Path]()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Failed(f"{folder} cannot be made ({error.strerror}); choose another with --output.") from error
    for name in HASH_FILES:
        if (folder / name).exists():
            raise Failed(f"{folder / name} is there already; choose another folder with --output.")
    try:
        for name in HASH_FILES:
            server.download(_path(arguments.id, "hashes", name), folder / name)
            made.append(folder / name)
    except Failed:
        # One of the three alone is a list without its hash, or the reverse.
        for path in made:
            path.unlink(missing_ok=True)
        raise
    print(*made, sep="\n")
    return 0


def _path(*steps: str) -> str:
    """Return the API's path of a package; what a person typed stays one step of it."""
    return "/packages/" + "/".join(quote(step, safe="") for step in steps)


def compare(arguments: argparse.Namespace) -> int:
    """Say how a log of DoD's script agrees with the package."""
    found = as_row(Server().upload(_path(arguments.id, "hash-log"), Path(arguments.log), {}))
    rows = as_rows(found["differences"])
    if arguments.json:
        show_json(found)
        return 1 if rows else 0
    for row in rows:
        # Paths and hashes whole: they are what somebody looks for.
        print(clean(f"{text_of(row, 'kind')}  {text_of(row, 'path')}"))
        for whose in ("ours", "theirs"):
            print(clean(f"    {whose:<6}  {text_of(row, whose).lower() or '-'}"))
    same = f"{text_of(found, 'equal')} files have the same hash"
    print(f"{same}, {len(rows)} differ." if rows else f"All {same}.")
    return 1 if rows else 0


def consent(arguments: argparse.Namespace) -> int:
    """Let the recordings of a ticket leave in packages."""
    ticket_path(arguments.number)
    Server(code=arguments.code).post(f"/packages/consent/{arguments.number}")
    print(f"Recordings of {arguments.number} may leave in packages.")
    return 0


def download(arguments: argparse.Namespace) -> int:
    """Fetch a finished package."""
    server = Server()
    return _fetch(server, as_row(server.get(_path(arguments.id))), arguments.output)


def verify(arguments: argparse.Namespace) -> int:
    """Run the verifier that is shipped with every package, with the same arguments."""
    if arguments.write:
        return write_verifier(Path(arguments.write))
    if arguments.digest:
        print(f"{bundle.digest()}  verify.pyz")
        return 0
    if not arguments.package:
        raise Failed("Name the package, or write the verifier itself with --write verify.pyz.")
    words = [arguments.package]
    for name in ("signers", "anchor", "witness", "tsa-root"):
        for file in getattr(arguments, name.replace("-", "_")):
            words += [f"--{name}", file]
    return verify_main([*words, *(["--json"] if arguments.json else [])])


def write_verifier(target: Path) -> int:
    """Write the verifier as one file, the same bytes wherever this version makes it."""
    if target.exists():
        raise Failed(f"{target} is there already.")
    try:
        bundle.build_zipapp(target)
    except OSError as error:
        raise Failed(f"{target} cannot be written ({error.strerror}).") from error
    print(f"{target}  sha256 {hashlib.sha256(target.read_bytes()).hexdigest()}")
    return 0


def _fetch(server: Server, order: dict[str, JsonValue], output: str) -> int:
    if not text_of(order, "sha256"):
        raise Failed(f"The package is {text_of(order, 'state')}: {text_of(order, 'message')}")
    target = Path(output or Path(text_of(order, "file_name")).name)
    if server.download(_path(text_of(order, "id"), "download"), target) != text_of(order, "sha256"):
        target.unlink(missing_ok=True)
        raise Failed("What arrived has not the hash that the server names, and was removed. Try again.")
    print(f"{target}  sha256 {text_of(order, 'sha256')}")
    return 0
