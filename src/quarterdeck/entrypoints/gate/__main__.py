"""`python -m quarterdeck.entrypoints.gate`: the gate on the database, until SIGTERM."""

import logging
import os
import sys
import time

import django

os.umask(0o077)
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "quarterdeck.settings")
django.setup()

from django.db import close_old_connections  # noqa: E402  the models need Django first

from quarterdeck import wiring  # noqa: E402
from quarterdeck.config.api import load  # noqa: E402
from quarterdeck.entrypoints.gate.opening import Site, open_gate  # noqa: E402
from quarterdeck.entrypoints.gate.sshd import gate_folder, login_user  # noqa: E402
from quarterdeck.kernel.decision import Refused  # noqa: E402

SIGNER_SECONDS = 30.0


def main() -> int:
    """Run the gate; returns 1 with a sentence when it can't open."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s gate %(levelname)s %(message)s", force=True)
    config = load()
    try:
        login = login_user(config.gate_user)
        folder = gate_folder(config.gate_dir, login, config.gate_port)
        authorities = _authorities()
        entry_ca = str(authorities["entry_ca"])
        site = Site(
            folder=folder,
            recordings=config.recordings_dir,
            listen=config.gate_host,
            port=config.gate_port,
            login=login,
            entry_ca=entry_ca,
            principal=str(authorities["entry_principal"]),
            profile=config.gate_profile,
        )
        return open_gate(site, wiring.gate_desk(entry_ca), wiring.head_keeper(), wiring.clock(), close_old_connections)
    except Refused as refused:
        logging.getLogger("quarterdeck.gate").error("%s", refused)
        return 1


def _authorities() -> dict[str, object]:
    """Return the signer's public words, waiting while it starts."""
    deadline = time.monotonic() + SIGNER_SECONDS
    while True:
        try:
            return wiring.signer().status()
        except Refused:
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main())
