"""`qd sealing`: which keys seal the ledger, and the acknowledgement of a new one."""

import argparse
import json

from quarterdeck.entrypoints.cli.server import Failed, Server
from quarterdeck.entrypoints.cli.verbs import Group, as_row, as_rows, option, text_of


def add(verbs: Group) -> None:
    """Add `sealing show` and `sealing acknowledge`."""
    group = verbs.group("sealing", "the sealing key, and who witnesses this ledger")
    made = group.verb("show", "keys, where they live, when they signed; what stands against sealing", show)
    made.add_argument("--json", action="store_true", help="print it as JSON")
    made = group.verb("acknowledge", "say that you compared a new key's fingerprint with the paper", acknowledge)
    made.add_argument("fingerprint", help="SHA256:... as it stands on your paper")
    option(made, "--code", "six digits of your authenticator app, should a fresh second factor be needed")


def show(arguments: argparse.Namespace) -> int:
    """Print how sealing stands."""
    told = as_row(Server().get("/sealing"))
    if arguments.json:
        print(json.dumps(told, indent=1))
        return 0
    print(f"{told['size']} entries sealed, epoch {told['epoch']}")
    for key in as_rows(told["keys"]):
        span = f"from {text_of(key, 'since') or 'the beginning'} until {text_of(key, 'until') or 'now'}"
        print(f"{text_of(key, 'fingerprint') or text_of(key, 'sha256')}  {span}  {text_of(key, 'place')}")
    for one in as_rows(told["witnesses"]):
        print(f"witnessed by {text_of(one, 'name')} ({text_of(one, 'grade')}): {one['size']} entries")
    for one in as_rows(told["witnessed"]):
        told_refused = f", REFUSED {one['refused']} times" if one["refused"] else ""
        print(f"we witness {text_of(one, 'origin')}: {one['size']} entries{told_refused}")
    if told["trouble"]:
        print(f"NOT SEALED: {text_of(told, 'trouble')}")
    if told["unacknowledged"]:
        print("The newest key waits for an approver or CUI owner: `qd sealing acknowledge SHA256:...`")
    return 0


def acknowledge(arguments: argparse.Namespace) -> int:
    """Acknowledge the key with this fingerprint; Failed when it is not the one that waits."""
    server = Server(code=arguments.code)
    told = as_row(server.get("/sealing"))
    found = [key for key in as_rows(told["keys"]) if key["fingerprint"] == arguments.fingerprint]
    if not found:
        raise Failed("No sealing key of this ledger has that fingerprint. Do not acknowledge; ask the IT lead.")
    server.post("/sealing/acknowledge", {"sha256": text_of(found[0], "sha256")})
    print("Acknowledged.")
    return 0
