"""`qd gate krl`: the revocation list for targets or for the gate itself, as the signer publishes it now."""

import argparse
import base64
import json
import os
import sys
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "quarterdeck.settings")
django.setup()

from quarterdeck import wiring  # noqa: E402  the models need Django first
from quarterdeck.kernel.decision import Refused  # noqa: E402


def parser() -> argparse.ArgumentParser:
    """Return the verb's arguments."""
    made = argparse.ArgumentParser(
        prog="qd gate krl",
        description="Publish what the authorities take back, as an OpenSSH revocation list for RevokedKeys.",
        epilog="Target certificates live 90 seconds; the list is for those seconds and for authorities given up.",
    )
    made.add_argument("--gate", action="store_true", help="the gate's own list instead of the targets'")
    made.add_argument("--out", metavar="FILE", help="replace this file in one step; without it base64 is printed")
    made.add_argument("--json", action="store_true", help="print the serials and the list (base64) as JSON")
    return made


def main() -> int:
    """Write or print the list; returns 1 with a sentence when the signer does not answer or the file cannot be made."""
    chosen = parser().parse_args()
    try:
        listed, serials = wiring.signer().revoked("entry" if chosen.gate else "target")
        if chosen.out:
            replace(Path(chosen.out), listed)
    except Refused as refused:
        print(f"qd gate krl: {refused}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"qd gate krl: {chosen.out} cannot be written ({error.strerror}).", file=sys.stderr)
        return 1
    text = base64.b64encode(listed).decode()
    if chosen.json:
        print(json.dumps({"serials": list(serials), "list": text}, indent=1))
    elif not chosen.out:
        print(text)
    return 0


def replace(path: Path, listed: bytes) -> None:
    """Replace the file in one step, readable by all: a list is no secret, and `sshd` refuses everybody without it."""
    fresh = path.with_name(path.name + ".new")
    with fresh.open("wb") as out:
        os.fchmod(out.fileno(), 0o644)
        out.write(listed)
        out.flush()
        os.fsync(out.fileno())
    fresh.replace(path)


if __name__ == "__main__":
    sys.exit(main())
