"""Which processes make up a running Quarterdeck, in the order in which they start; they end in the opposite order."""

import socket
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from quarterdeck.adapters.own_ports import START_HEADER, fresh_token, gate_answers, web_answers
from quarterdeck.config.api import Settings
from quarterdeck.entrypoints.supervisor.children import Recipe

PROBE_SECONDS = 2.0
FRESH_SECONDS = 10.0


def recipes(config: Settings) -> tuple[Recipe, ...]:
    """Return sealer, signer, gate, ticker and web of this configuration."""
    token = fresh_token()
    host_key = config.gate_dir / "host_key.pub"
    return (
        _own("sealer", config.sealer_folder, partial(listens_at, config.sealer_socket)),
        _own("signer", config.signer_folder, partial(listens_at, config.signer_socket)),
        _own(
            "gate", config.data_dir, partial(gate_answers, config.gate_host, config.gate_port, host_key), first=True
        ),
        _own("ticker", config.data_dir, partial(is_fresh, beat_file(config))),
        Recipe(
            "web",
            (
                *(sys.executable, "-m", "uvicorn", "quarterdeck.asgi:application"),
                *("--host", config.web_host, "--port", str(config.web_port)),
                *("--no-server-header", "--timeout-graceful-shutdown", "3", "--log-level", "warning"),
                *("--lifespan", "off", "--header", f"{START_HEADER}:{token}"),
            ),
            config.data_dir,
            partial(web_answers, config.web_host, config.web_port, token),
        ),
    )


def _own(name: str, folder: Path, is_ready: Callable[[], bool], *, first: bool = False) -> Recipe:
    return Recipe(name, (sys.executable, "-m", f"quarterdeck.entrypoints.{name}"), folder, is_ready, first)


def beat_file(config: Settings) -> Path:
    """Return the file that the ticker touches at every beat."""
    return config.run_dir / "ticker.beat"


def is_fresh(path: Path) -> bool:
    """True when the file was touched in the last seconds."""
    try:
        return time.time() - path.stat().st_mtime < FRESH_SECONDS
    except OSError:
        return False


def listens_at(path: Path) -> bool:
    """True when a process takes connections at this unix socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(PROBE_SECONDS)
        return probe.connect_ex(str(path)) == 0
