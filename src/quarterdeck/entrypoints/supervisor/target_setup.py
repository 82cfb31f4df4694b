"""`qd gate target-setup HOST`: what makes a target admit only certificates of our target authority.

A POSIX script on standard output, a folder for Ansible, or a PowerShell script for Windows; a person reads it and runs
it as administrator of the target.
"""

import argparse
import difflib
import json
import os
import shlex
import sys
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "quarterdeck.settings")
django.setup()

from quarterdeck import wiring  # noqa: E402  the models need Django first
from quarterdeck.access.api import (  # noqa: E402
    BACKUPS,
    DROP_IN,
    FOLDER,
    MAIN_CONFIG,
    PLAYBOOK,
    RELOAD,
    HostCertificateState,
    ansible_files,
    host_certificates,
    reload_by,
    target_files,
    target_script,
    windows_script,
)
from quarterdeck.config.api import load  # noqa: E402
from quarterdeck.inventory import api as inventory  # noqa: E402
from quarterdeck.kernel.decision import ALLOWED, Decision, Refused, refuse  # noqa: E402


def parser() -> argparse.ArgumentParser:
    """Return the verb's arguments."""
    made = argparse.ArgumentParser(
        prog="qd gate target-setup",
        description="Print a script to be read and then run as root on the target, or write an Ansible playbook.",
        epilog="Afterwards the ticket's sole-path hold point proves by sshd -T and from outside that it worked.",
    )
    name_target(made)
    made.add_argument("--folder", default=FOLDER, metavar="DIR", help="where the target keeps keys and principals")
    made.add_argument("--drop-in", default=DROP_IN, metavar="FILE", help="the drop-in that the target's sshd includes")
    made.add_argument("--main-config", default=MAIN_CONFIG, metavar="FILE", help="the target's sshd_config")
    made.add_argument("--backups", default=BACKUPS, metavar="DIR", help="where the script keeps what was there before")
    made.add_argument("--pid-file", default="", metavar="FILE", help="reload the sshd of this file, for a second sshd")
    form = made.add_mutually_exclusive_group()
    form.add_argument("--ansible", metavar="DIR", help="write a playbook for this target there, beside other targets'")
    form.add_argument("--windows", action="store_true", help="print a PowerShell script for Windows OpenSSH")
    form.add_argument("--json", action="store_true", help="print the files as a JSON object, path to content")
    made.add_argument("--login", default="root", metavar="NAME", help="administrator whom Ansible logs in as")
    made.add_argument("--address", default="", help="where Ansible finds an unlisted machine")
    made.add_argument("--port", type=int, default=0, help="its ssh port (default: the connection's)")
    return made


def name_target(made: argparse.ArgumentParser) -> None:
    """Add what names the target of a set-up: the host, its accounts, and whether the inventory must know them."""
    made.add_argument("hostname", help="the asset's host name, as in the inventory")
    made.add_argument(
        "--account", action="append", required=True, metavar="NAME", help="target account; may be repeated"
    )
    made.add_argument("--unlisted", action="store_true", help="also for a machine that the inventory does not hold yet")


def main() -> int:
    """Print or write it; returns 1 with a sentence when a name is malformed or the signer does not answer."""
    chosen = parser().parse_args()
    try:
        if not chosen.unlisted:
            is_listed(chosen.hostname, chosen.account).require()
        text = _made(chosen)
    except Refused as refused:
        print(f"qd gate target-setup: {refused}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"qd gate target-setup: {chosen.ansible} cannot be written ({error.strerror}).", file=sys.stderr)
        return 1
    print(text, end="")
    return 0


def _made(chosen: argparse.Namespace) -> str:
    """Return what is printed: a script, JSON, or what to run in the folder that was written."""
    signer = wiring.signer()
    authority = str(signer.status()["target_ca"])
    revoked, serials = signer.revoked("target")
    asset = inventory.find_by_hostname(chosen.hostname)
    certificate = _host_certificate(asset, chosen.account)
    if chosen.windows:
        return windows_script(
            hostname=chosen.hostname,
            accounts=chosen.account,
            authority=authority,
            gate_address=load().gate_address,
            revoked=revoked,
            host_certificate=certificate,
        )
    files = target_files(
        hostname=chosen.hostname,
        accounts=chosen.account,
        authority=authority,
        gate_address=load().gate_address,
        folder=chosen.folder,
        drop_in=chosen.drop_in,
        host_certificate=certificate,
    )
    if chosen.json:
        return json.dumps(files, indent=1)
    if chosen.ansible:
        return _playbook(chosen, files, asset, revoked)
    reload = reload_by(chosen.pid_file) if chosen.pid_file else RELOAD
    return target_script(
        files,
        main_config=chosen.main_config,
        backups=chosen.backups,
        reload=reload,
        revoked=revoked if serials else b"",
    )


def _host_certificate(asset: inventory.AssetView | None, accounts: list[str]) -> str:
    """Return the newest host certificate of a connection to one of these accounts, empty when there is none."""
    if asset is None:
        return ""
    places = {one.id for one in asset.connections if one.target_account in accounts}
    found = [
        one
        for one in host_certificates(asset.id)
        if one.connection in places and one.state is HostCertificateState.SIGNED
    ]
    return found[0].certificate if found else ""


def _playbook(
    chosen: argparse.Namespace, files: dict[str, str], asset: inventory.AssetView | None, revoked: bytes
) -> str:
    """Write the folder and return the command that applies it."""
    places = [one for one in asset.connections if one.target_account in chosen.account] if asset else []
    address = chosen.address or (places[0].address if places else chosen.hostname)
    written = ansible_files(
        files,
        hostname=chosen.hostname,
        address=address,
        port=chosen.port or (places[0].port if places else 22),
        login=chosen.login,
        main_config=chosen.main_config,
        pid_file=chosen.pid_file,
        revoked=revoked,
    )
    for name, data in written.items():
        path = Path(chosen.ansible) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return f"cd {shlex.quote(chosen.ansible)} && ansible-playbook -i inventory {PLAYBOOK}\n"


def is_listed(hostname: str, accounts: list[str]) -> Decision:
    """Decide whether the inventory holds this host with connections for exactly these accounts, and name near ones."""
    found = inventory.find_by_hostname(hostname)
    if found is None:
        near = difflib.get_close_matches(
            hostname.lower(), [one.hostname for one in inventory.assets()], n=5, cutoff=0.5
        )
        hint = f"Did you mean {' or '.join(near)}?" if near else "`qd assets` lists them."
        return refuse("target.unlisted", f"The inventory has no asset {hostname}.", f"{hint} --unlisted goes without.")
    known = sorted({one.target_account for one in found.connections if one.target_account})
    strange = [account for account in accounts if account not in known]
    if not strange:
        return ALLOWED
    return refuse(
        "target.other_account",
        f"{hostname} has no connection for the account {', '.join(strange)}.",
        f"Its connections name {', '.join(known) or 'no account'}; correct one or the other. --unlisted goes without.",
    )


if __name__ == "__main__":
    sys.exit(main())
