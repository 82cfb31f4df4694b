"""`qd gate host-certificate`: a certificate for a target's host key, so that the gate pins an authority, not a key."""

import argparse
import sys
from pathlib import Path

from quarterdeck.entrypoints.cli.naming import Names
from quarterdeck.entrypoints.cli.server import Failed, Server
from quarterdeck.entrypoints.cli.verbs import Group, as_row, as_rows, option, text_of


def add(nouns: Group) -> None:
    """Add `host-certificate` to the gate's verbs."""
    made = nouns.verb("host-certificate", "have a target's host key certified; the IT lead's act", certify)
    made.add_argument("asset", help="host name or id of the asset, see `qd assets`")
    option(made, "--connection", "id of the connection (default: the asset's only one)", metavar="ID")
    option(made, "--host-key", "the target's public host key; only where the authority is pinned", metavar="FILE")
    option(made, "--out", "write the certificate there instead of printing it", metavar="FILE")
    option(made, "--code", "six digits of your authenticator app, should a fresh second factor be needed")
    made = nouns.verb("revoke-host-key", "give a target's host key up, with its certificate; the IT lead's act", revoke)
    made.add_argument("fingerprint", help="SHA256:... of the host key, as the asset's page shows it")
    option(made, "--code", "six digits of your authenticator app, should a fresh second factor be needed")


def certify(arguments: argparse.Namespace) -> int:
    """Order and sign a certificate, then print or write it."""
    server = Server(code=arguments.code)
    told = as_row(
        server.post(
            "/host-certificates",
            {
                "asset": Names(server).asset(arguments.asset),
                "connection": arguments.connection,
                "host_key": _read(arguments.host_key) if arguments.host_key else "",
            },
        )
    )
    made = as_row(told["host_certificate"])
    if arguments.out:
        Path(arguments.out).write_text(text_of(made, "certificate") + "\n")
    else:
        print(text_of(made, "certificate"))
    print(
        f"Valid until {text_of(made, 'valid_until')}. `qd gate target-setup` installs it on the target. Then pin the"
        f" authority as the connection's host identity (open approvals are void then):\n{text_of(told, 'identity')}",
        file=sys.stderr,
    )
    return 0


def revoke(arguments: argparse.Namespace) -> int:
    """Give the host key with this fingerprint up."""
    server = Server(code=arguments.code)
    rows = as_rows(server.get("/host-certificates"))
    found = [row for row in rows if row["fingerprint"] == arguments.fingerprint and row["state"] != "ordered"]
    if not found:
        raise Failed(f"No host certificate is for the key {arguments.fingerprint}; the asset's page lists them.")
    made = as_row(server.post(f"/host-certificates/{text_of(found[0], 'id')}/revoke"))
    print(f"{text_of(made, 'hostname')}: the gate believes {text_of(made, 'fingerprint')} no more.")
    return 0


def _read(name: str) -> str:
    try:
        return Path(name).read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        raise Failed(f"{name} cannot be read as a public host key.") from error
