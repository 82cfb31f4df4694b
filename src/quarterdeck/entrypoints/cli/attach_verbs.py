"""Attaching evidence from a terminal: files in chunks that go on where they broke off, links, and the list."""

import argparse
import hashlib
from pathlib import Path
from typing import BinaryIO

from quarterdeck.entrypoints.cli.naming import Names
from quarterdeck.entrypoints.cli.server import Failed, Server
from quarterdeck.entrypoints.cli.showing import JsonValue, clean, show_rows
from quarterdeck.entrypoints.cli.ticket_verbs import ticket_path
from quarterdeck.entrypoints.cli.verbs import Group, as_row, as_rows, flag, option, text_of

COLUMNS = {"Kind": "kind", "Name": "name", "Size": "size", "By": "by", "At": "at", "Shows": "reason",
           "SHA-256": "sha256"}  # fmt: skip
MATCHED = {"Session": "session", "Commands": "commands", "Of it alone": "exact"}
_TRIES = 5
_PART = 1 << 20
_AGAIN = frozenset({"upload.offset", "upload.damaged", "upload.cut_off", "upload.busy"})


def add(verbs: Group) -> None:
    """Add `attach` and `attached`."""
    made = verbs.verb("attach", "attach a file or a link to a ticket as evidence; goes on where it broke off", attach)
    made.add_argument("file", metavar="FILE", help="the file, or with --link where it lies")
    made.add_argument("--ticket", required=True, metavar="MT-YYYY-NNNNN", help="the ticket's number")
    made.add_argument("--kind", required=True, help="what it is, see `qd attached --kinds`")
    made.add_argument("--reason", required=True, help="what it shows, in a sentence")
    option(made, "--asset", "id of the asset that it is about")
    option(made, "--supports", "fact that it is evidence of, such as staging.tested", metavar="FACT")
    flag(made, "--link", "keep where it lies, not the file")
    flag(made, "--may-contain-cui", "say that it may contain CUI, also where no asset handles any")
    made = verbs.verb("match-log", "match the commands of an attached target log to its ticket's sessions", match_log)
    made.add_argument("number", metavar="MT-YYYY-NNNNN", help="the ticket's number")
    made.add_argument("sha256", metavar="SHA256", help="of the file, as `qd attached` lists it")
    option(made, "--zone", "time zone of stamps that name none, such as Europe/Berlin (default: the organisation's)")
    option(made, "--host", "the target's name in the file, where the inventory has another", metavar="NAME")
    made = verbs.verb("attached", "list what was attached to a ticket", attached)
    made.add_argument("number", nargs="?", default="", metavar="MT-YYYY-NNNNN", help="the ticket's number")
    flag(made, "--kinds", "list the kinds that may be attached instead")
    flag(made, "--json", "print JSON")


def attach(arguments: argparse.Namespace) -> int:
    """Attach a file or a link."""
    server, path = Server(), f"{ticket_path(arguments.ticket)}/attachments"
    told: dict[str, JsonValue] = {
        "kind": arguments.kind, "reason": arguments.reason, "asset": arguments.asset, "supports": arguments.supports,
        "may_contain_cui": True if arguments.may_contain_cui else None,
    }  # fmt: skip
    if arguments.link:
        server.post(f"{path}/links", told | {"target": arguments.file})
        print(f"The link is attached to {arguments.ticket}.")
        return 0
    file = Path(arguments.file)
    try:
        size = file.stat().st_size
    except OSError as error:
        raise Failed(f"{file} cannot be read ({error.strerror}).") from error
    upload = _going_on(server, arguments.ticket, file, size) or as_row(
        server.post(f"{path}/uploads", told | {"name": file.name, "size": size})
    )
    sha256 = _send(server, upload, file)
    done = as_row(server.post_patiently(f"/uploads/{text_of(upload, 'id')}/finish", {"sha256": sha256}))
    print(f"{clean(file.name)} is attached to {arguments.ticket}, SHA-256 {text_of(done, 'sha256')}.")
    return 0


def _going_on(server: Server, ticket: str, file: Path, size: int) -> dict[str, JsonValue] | None:
    """Return an own upload of this very file's name and size that broke off, if there is one."""
    for one in as_rows(server.get("/uploads", ticket=ticket)):
        if (text_of(one, "name"), text_of(one, "size")) == (file.name, str(size)):
            print(f"Going on at {text_of(one, 'offset')} of {size} bytes.")
            return one
    return None


def _send(server: Server, upload: dict[str, JsonValue], file: Path) -> str:
    """Send the rest and return the SHA-256 of the whole; after a broken line the server is asked where to go on."""
    at, size, most = (int(text_of(upload, key)) for key in ("offset", "size", "chunk"))
    path, digest = f"/uploads/{text_of(upload, 'id')}", hashlib.sha256()
    with file.open("rb") as stream:
        _skip(stream, at, digest)
        failures = 0
        while at < size:
            chunk = stream.read(most)
            if not chunk:
                raise Failed(f"{file} became shorter while it was sent.")
            try:
                at = int(text_of(as_row(server.send_bytes(f"{path}?offset={at}", chunk)), "offset"))
            except Failed as failed:
                failures += 1
                if failures > _TRIES or not _may_go_on(failed):
                    raise
                at = _asked(server, path, failed)
                digest = hashlib.sha256()
                stream.seek(0)
                _skip(stream, at, digest)
                continue
            failures = 0
            digest.update(chunk)
            print(f"\r{100 * at // size:3d} %  {at} of {size} bytes", end="", flush=True)
    print()
    return digest.hexdigest()


def _may_go_on(failed: Failed) -> bool:
    """True after a broken line, a broken server or a chunk that did not arrive as it was."""
    return all(code in _AGAIN or code.startswith("http.5") for code in failed.codes)


def _asked(server: Server, path: str, failed: Failed) -> int:
    """Ask where to go on; when nobody answers that either, what failed first is told."""
    try:
        return int(text_of(as_row(server.get(path)), "offset"))
    except Failed:
        raise failed from None


def _skip(stream: BinaryIO, count: int, digest: "hashlib._Hash") -> None:
    """Read over what the server has, for the hash of the whole."""
    while count and (part := stream.read(min(_PART, count))):
        digest.update(part)
        count -= len(part)


def match_log(arguments: argparse.Namespace) -> int:
    """Match an attached log to the sessions."""
    if len(arguments.sha256) != 64 or not arguments.sha256.isalnum() or not arguments.sha256.isascii():
        raise Failed("That is no SHA-256; see `qd attached`.")
    path = f"{ticket_path(arguments.number)}/attachments/{arguments.sha256}/match"
    told = as_row(Server().post(path, {"zone": arguments.zone, "host": arguments.host}))
    # When nothing matches, a remark says so with the reason.
    if as_rows(told["sessions"]):
        show_rows(as_rows(told["sessions"]), MATCHED, as_json=False, none="")
    remarks = told["remarks"]
    for said in remarks if isinstance(remarks, list) else ():
        print(clean(str(said)))
    return 0


def attached(arguments: argparse.Namespace) -> int:
    """List what was attached, or the kinds."""
    server = Server()
    if arguments.kinds or not arguments.number:
        kinds = as_rows(server.get("/attachment-kinds"))
        show_rows(kinds, {"Kind": "code", "Means": "label", "Wanted": "say"}, as_json=arguments.json, none="None.")
        return 0
    rows = as_rows(server.get(f"{ticket_path(arguments.number)}/attachments"))
    if not arguments.json:
        names = Names(server)
        rows = [row | {"by": names.of(row["by"])} for row in rows]
    show_rows(rows, COLUMNS, as_json=arguments.json, none="Nothing was attached yet.")
    return 0
