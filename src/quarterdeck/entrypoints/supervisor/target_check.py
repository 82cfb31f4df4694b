"""`qd gate target-check HOST`: judges what a target's `sshd -T` printed, for targets that cannot be measured.

A Windows target runs no collector: its administrator keeps what the set-up script printed at its end. The judgement is
the one of the sole-path proof; that the text is of that machine and of today nobody proves.
"""

import argparse
import os
import sys
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "quarterdeck.settings")
django.setup()

from quarterdeck import wiring  # noqa: E402  the models need Django first
from quarterdeck.access.api import Server, doors_of_server, expected_target, parse_effective  # noqa: E402
from quarterdeck.config.api import load  # noqa: E402
from quarterdeck.kernel.decision import Refused  # noqa: E402

FILE = "quarterdeck-file "
LIMITS = (
    "Not proven by a text: that it is of this machine and of now, that no second ssh server runs, that the firewall "
    "lets only the gate in. The ticket's preparation still knocks from outside; attach this text to the ticket."
)


def parser() -> argparse.ArgumentParser:
    """Return the verb's arguments."""
    made = argparse.ArgumentParser(
        prog="qd gate target-check", description="Judge a saved `sshd -T` of a target that cannot be measured."
    )
    made.add_argument("hostname", help="the asset's host name, as in the inventory")
    made.add_argument("--account", required=True, metavar="NAME", help="the target account of the connection")
    made.add_argument("--transcript", required=True, metavar="FILE", help="what the set-up script printed at its end")
    made.add_argument("--windows", action="store_true", help="the target is Windows OpenSSH")
    return made


def main() -> int:
    """Print each open door; returns 1 when there is one or the text cannot be read."""
    chosen = parser().parse_args()
    try:
        text = Path(chosen.transcript).read_text(encoding="utf-8-sig", errors="replace")
        doors = judge(
            text,
            hostname=chosen.hostname,
            account=chosen.account,
            authority=str(wiring.signer().status()["target_ca"]),
            gate_address=load().gate_address,
            windows=chosen.windows,
        )
    except OSError as error:
        print(f"qd gate target-check: {chosen.transcript} cannot be read ({error.strerror}).", file=sys.stderr)
        return 1
    except Refused as refused:
        print(f"qd gate target-check: {refused}", file=sys.stderr)
        return 1
    print("\n".join(doors) or "As this text says, only the gate gets in.")
    print(LIMITS)
    return 1 if doors else 0


def judge(text: str, *, hostname: str, account: str, authority: str, gate_address: str, windows: bool) -> list[str]:
    """Return one sentence for each door that the text leaves open; an empty or foreign text leaves all open."""
    lines = [line.strip() for line in text.splitlines()]
    words = [line.removeprefix(FILE).split(" ", 1) for line in lines if line.startswith(FILE)]
    digests = {path: digest for digest, path in (pair for pair in words if len(pair) == 2)}
    effective = parse_effective(line for line in lines if line and not line.startswith(FILE))
    expected = expected_target(hostname=hostname, account=account, authority=authority, gate_address=gate_address)
    return doors_of_server(Server("sshd -T", account, gate_address, effective, digests, windows), expected)


if __name__ == "__main__":
    sys.exit(main())
