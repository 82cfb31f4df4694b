"""`python -m quarterdeck.entrypoints.sealer`: serves the sealing key; makes it at its first start."""

import argparse
import ctypes
import logging
import os
import resource
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

from quarterdeck.adapters.ssh_signature import SigningFailed
from quarterdeck.config.api import Settings, load
from quarterdeck.entrypoints.sealer.desk import Desk
from quarterdeck.entrypoints.sealer.keyring import Custody
from quarterdeck.entrypoints.sealer.server import SealerServer
from quarterdeck.kernel.clock import SystemClock
from quarterdeck.kernel.decision import Refused
from quarterdeck_verify.cosignature import parse_key

LOG = logging.getLogger("quarterdeck.sealer")
PR_SET_DUMPABLE = 4


def main() -> int:
    """Serve until SIGTERM or SIGINT; returns 1 with a sentence when the folder or the key cannot be used.

    `--restoring` is what `qd restore` and `qd ledger adopt` start it with.
    """
    parser = argparse.ArgumentParser(prog="sealer")
    parser.add_argument("--restoring", action="store_true")
    restoring = parser.parse_args().restoring
    logging.basicConfig(level=logging.INFO, format="%(asctime)s sealer %(levelname)s %(message)s")
    keep_the_key_in_this_process()
    config = load()
    folder, run_dir = config.sealer_folder, config.sealer_socket.parent
    try:
        for path in (folder, run_dir):
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
        logs = [parse_key(text) for text in config.witnessed]
        desk = Desk(
            folder,
            config.ledger_origin,
            SystemClock(),
            custody_of(config),
            logs,
            config.witness_name,
            restoring=restoring,
        )
        server = SealerServer(config.sealer_socket, desk, Admission(config.data_dir))
    except (OSError, SigningFailed, Refused, ValueError) as error:
        LOG.error("cannot start: %s", error)
        return 1
    serve_until_signal(server)
    config.sealer_socket.unlink(missing_ok=True)
    return 0


def custody_of(config: Settings) -> Custody:
    """Return where the settings say that keys live."""
    return Custody(config.sealing_key, config.sealing_key_type, config.sealing_agent)


def keep_the_key_in_this_process() -> None:
    """No core dump, no tracing by another process of the same user, new files for the owner only."""
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def serve_until_signal(server: SealerServer) -> None:
    """Serve in a thread and wait for SIGTERM or SIGINT in the main thread."""
    stop = threading.Event()

    def _stop(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    worker = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True)
    worker.start()
    LOG.info("ready at %s", server.server_address)
    stop.wait()
    server.shutdown()
    server.server_close()


class Admission:
    """Admits root, the sealer's own user and the owner of the data folder."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir

    def __call__(self, uid: int) -> bool:
        """True when the user `uid` may ask."""
        owner = self._data_dir.stat().st_uid if self._data_dir.exists() else os.getuid()
        return uid in (0, os.getuid(), owner)


if __name__ == "__main__":
    sys.exit(main())
