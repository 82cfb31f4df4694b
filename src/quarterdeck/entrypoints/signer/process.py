"""The signer as a process: private files, no core dumps, one socket, an orderly end."""

import asyncio
import ctypes
import logging
import os
import resource
import signal
import sys
from pathlib import Path

from django.db import Error as DatabaseError
from django.db import close_old_connections

from quarterdeck.access.api import KeyPolicy, read_public_key
from quarterdeck.adapters.openssh_ca import ENTRY_CA, HOST_CA, TARGET_CA, CertificateAuthority, init_keys
from quarterdeck.config.api import Settings, load
from quarterdeck.entrypoints.signer.serial_log import BrokenLog, SerialLog
from quarterdeck.entrypoints.signer.server import Handler, SocketServer, refusal
from quarterdeck.entrypoints.signer.signing import Signer, SignerSettings
from quarterdeck.evidence import api as evidence
from quarterdeck.kernel.clock import SystemClock
from quarterdeck.kernel.decision import Refused

_PR_SET_DUMPABLE = 4
RETIRED = "retired_authorities"
log = logging.getLogger("quarterdeck.signer")


def main() -> int:
    """Serve until asked to stop; return 0, or 1 with one line on standard error when the keys can't be used."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s signer %(message)s", stream=sys.stderr)
    keep_secrets_in_this_process()
    config = load()
    try:
        signer = open_signer(config)
    except (OSError, ValueError, BrokenLog) as error:
        log.error("cannot start: %s", error)
        return 1
    _read_ledger_once()
    config.run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    allowed = {os.geteuid(), config.data_dir.stat().st_uid}
    asyncio.run(_serve(SocketServer(config.signer_socket, answering(signer), allowed)))
    return 0


def open_signer(config: Settings) -> Signer:
    """Read keys and serial log; OSError, ValueError or BrokenLog when one of them is missing or not private."""
    folder = config.signer_folder
    if (folder / ENTRY_CA).exists():  # an installation from before there was a host authority gets its key here
        init_keys(folder)
    return Signer(
        entry_ca=CertificateAuthority.from_file(folder / ENTRY_CA),
        target_ca=CertificateAuthority.from_file(folder / TARGET_CA),
        host_ca=CertificateAuthority.from_file(folder / HOST_CA),
        log=SerialLog(folder),
        settings=SignerSettings(
            config.organisation,
            config.gate_address,
            retired_authorities(folder / RETIRED),
            KeyPolicy(config.gate_profile, config.gate_verified_keys),
        ),
        clock=SystemClock(),
    )


def retired_authorities(path: Path) -> tuple[str, ...]:
    """Return the public keys in this file, one a line: authorities whose certificates are all refused from now on."""
    if not path.exists():
        return ()
    lines = [line.strip() for line in path.read_text(encoding="ascii").splitlines()]
    return tuple(read_public_key(line).line for line in lines if line and not line.startswith("#"))


def _read_ledger_once() -> None:
    """Take the long first reading before the first request; what it finds is said at every request."""
    try:
        evidence.head()
    except (Refused, DatabaseError) as error:
        log.error("the ledger can't be read: %s", error)


def answering(signer: Signer) -> Handler:
    """Return the handler that also answers when the database or the disk fails: closed, with a sentence."""

    def answer(request: dict[str, object]) -> dict[str, object]:
        close_old_connections()
        try:
            return signer.handle(request)
        except (DatabaseError, OSError, BrokenLog) as error:
            log.error("unavailable: %s", error)
            return refusal(
                "signer.unavailable",
                "The signer cannot read its database or write its log, so it signs nothing.",
                "Run `qd doctor` on the server.",
            )

    return answer


def keep_secrets_in_this_process() -> None:
    """No core dump, no tracing by the same user, new files for the owner only."""
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


async def _serve(server: SocketServer) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await server.serve(stop, ready=lambda: log.info("ready"))
