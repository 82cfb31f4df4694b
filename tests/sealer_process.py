"""A real sealer behind a real unix socket, in a thread of the test process."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.clock import StillClock

from quarterdeck.adapters.sealer_client import SealerClient
from quarterdeck.entrypoints.sealer.desk import Desk
from quarterdeck.entrypoints.sealer.server import SealerServer

ORIGIN = "quarterdeck.example/ledger"


@contextmanager
def running_sealer(
    folder: Path, clock: StillClock | None = None, origin: str = ORIGIN, *, restoring: bool = False
) -> Iterator[SealerClient]:
    """Serve a sealer with its key and memory in `folder` and yield a client of it."""
    folder.mkdir(exist_ok=True, mode=0o700)
    path = folder / "s.sock"
    desk = Desk(folder, origin, clock or StillClock(), restoring=restoring)
    server = SealerServer(path, desk, lambda uid: True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield SealerClient(path, timeout=10)
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
        path.unlink(missing_ok=True)
