"""`qd gate target-setup HOST`: prints the script that makes a target admit only certificates of our target authority.

It is read and run by a person as root on the target; `--check` prints what sshd -T must say afterwards.
"""

import argparse
import difflib
import json
import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "quarterdeck.settings")
django.setup()

from quarterdeck import wiring  # noqa: E402  the models need Django first
from quarterdeck.access.api import (  # noqa: E402
    BACKUPS,
    DROP_IN,
    FOLDER,
    MAIN_CONFIG,
    RELOAD,
    reload_by,
    target_files,
    target_script,
)
from quarterdeck.config.api import load  # noqa: E402
from quarterdeck.inventory import api as inventory  # noqa: E402
from quarterdeck.kernel.decision import ALLOWED, Decision, Refused, refuse  # noqa: E402


def parser() -> argparse.ArgumentParser:
    """Return the verb's arguments."""
    made = argparse.ArgumentParser(
        prog="qd gate target-setup",
        description="Print a POSIX shell script, to be read and then run as root on the target.",
        epilog="Afterwards the ticket's sole-path hold point proves by sshd -T and from outside that it worked.",
    )
    made.add_argument("hostname", help="the asset's host name, as in the inventory")
    made.add_argument(
        "--account", action="append", required=True, metavar="NAME", help="target account; may be repeated"
    )
    made.add_argument("--folder", default=FOLDER, metavar="DIR", help="where the target keeps keys and principals")
    made.add_argument("--drop-in", default=DROP_IN, metavar="FILE", help="the drop-in that the target's sshd includes")
    made.add_argument("--main-config", default=MAIN_CONFIG, metavar="FILE", help="the target's sshd_config")
    made.add_argument("--backups", default=BACKUPS, metavar="DIR", help="where the script keeps what was there before")
    made.add_argument("--pid-file", default="", metavar="FILE", help="reload the sshd of this file, for a second sshd")
    made.add_argument("--unlisted", action="store_true", help="also for a machine that the inventory does not hold yet")
    made.add_argument("--json", action="store_true", help="print the files as a JSON object, path to content")
    return made


def main() -> int:
    """Print the script; returns 1 with a sentence when a name is malformed or the signer does not answer."""
    chosen = parser().parse_args()
    try:
        if not chosen.unlisted:
            is_listed(chosen.hostname, chosen.account).require()
        authority = str(wiring.signer().status()["target_ca"])
        files = target_files(
            hostname=chosen.hostname,
            accounts=chosen.account,
            authority=authority,
            gate_address=load().gate_address,
            folder=chosen.folder,
            drop_in=chosen.drop_in,
        )
    except Refused as refused:
        print(f"qd gate target-setup: {refused}", file=sys.stderr)
        return 1
    if chosen.json:
        print(json.dumps(files, indent=1), end="")
        return 0
    reload = reload_by(chosen.pid_file) if chosen.pid_file else RELOAD
    print(target_script(files, main_config=chosen.main_config, backups=chosen.backups, reload=reload), end="")
    return 0


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
