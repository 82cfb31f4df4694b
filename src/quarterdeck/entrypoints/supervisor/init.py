"""`qd init`: folders, keys, database and the founding roster. Safe to run again: what is there stays."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from quarterdeck.adapters.ssh_signature import SigningFailed, SshKeygenSigner
from quarterdeck.config.api import Settings, WrongSettings, load
from quarterdeck.entrypoints.supervisor.children import identity_for
from quarterdeck.entrypoints.supervisor.folders import SEALING_KEY, Unusable, prepare
from quarterdeck.entrypoints.supervisor.roster_file import MalformedRoster, parse_roster, read_file
from quarterdeck_verify.bundle import digest

EXAMPLE = """\
[[person]]
name = "Iris Lead"
email = "iris@example.org"
roles = ["it_lead", "requester"]

[[person]]
name = "Avery Approver"
email = "avery@example.org"
roles = ["approver"]
"""


def parser() -> argparse.ArgumentParser:
    """Return the verb's arguments."""
    made = argparse.ArgumentParser(
        prog="qd init",
        description="Make the data folder, the keys and the database, and enter the founding roster.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"The founding roster is a TOML file:\n\n{EXAMPLE}",
    )
    made.add_argument("--roster", type=Path, metavar="FILE", help="the first people and their roles")
    made.add_argument("--owner", default="", metavar="USER", help="give the folders to this user (only as root)")
    made.add_argument("--sealer-owner", default="", metavar="USER", help="a user of the sealer's own (only as root)")
    made.add_argument("--json", action="store_true", help="print the enrolment codes as JSON")
    return made


def main(arguments: list[str] | None = None) -> int:
    """Prepare, then go on in a fresh process with the database; returns 1 with a sentence when something is wrong."""
    chosen = parser().parse_args(arguments)
    try:
        config = load()
        roster = b"" if chosen.roster is None else read_file(chosen.roster)
        parse_roster(roster, str(chosen.roster)) if roster else ()
        made = prepare(config, chosen.owner, chosen.sealer_owner)
    except (Unusable, MalformedRoster, SigningFailed, WrongSettings) as error:
        print(f"qd init: {error}", file=sys.stderr)
        return 1
    signer = SshKeygenSigner(config.sealer_folder / SEALING_KEY)
    print(*(f"made {line}" for line in made), sep="\n", file=sys.stderr)
    print("The key that seals this ledger has the fingerprint", file=sys.stderr)
    print(f"  {signer.shown_fingerprint()}\nWrite it down on paper: it is what an assessor pins.", file=sys.stderr)
    print(f"The verifier of this version, verify.pyz, has the SHA-256\n  {digest()}", file=sys.stderr)
    return go_on(config, roster, signer.fingerprint(), as_json=chosen.json)


def go_on(config: Settings, roster: bytes, fingerprint: str, *, as_json: bool) -> int:
    """Run the database's half as the owner of the data folder; the roster passes by standard input."""
    command = [sys.executable, "-m", "quarterdeck.entrypoints.supervisor.database", "--key", fingerprint]
    owner = identity_for(config.data_dir)
    done = subprocess.run(
        [*command, *(["--json"] if as_json else []), *(["--roster"] if roster else [])],
        input=roster,
        check=False,
        user=None if owner is None else owner.uid,
        group=None if owner is None else owner.gid,
        extra_groups=None if owner is None else owner.groups,
        env={**os.environ, **({} if owner is None else owner.environment)},
    )
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
