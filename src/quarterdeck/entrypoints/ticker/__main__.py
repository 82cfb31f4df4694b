"""`python -m quarterdeck.entrypoints.ticker`: the loop with all its duties until SIGTERM or SIGINT."""

import logging
import os
import signal
import sys
import threading
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "quarterdeck.settings")
django.setup()

from django.db import close_old_connections  # noqa: E402  the models need Django first

from quarterdeck.config.api import load  # noqa: E402
from quarterdeck.entrypoints.ticker.duties import (  # noqa: E402
    anchor_duties,
    capture_duties,
    drill_duties,
    duties,
    run_duties,
    store_duties,
)
from quarterdeck.entrypoints.ticker.loop import Ticker  # noqa: E402
from quarterdeck.kernel.clock import SystemClock  # noqa: E402


def main() -> int:
    """Run until asked to stop; always returns 0."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s ticker %(levelname)s %(message)s", force=True)
    os.umask(0o077)
    clock = SystemClock()
    # A connection that the database server dropped must not stay broken in a process that lives for months.
    beat = load().run_dir / "ticker.beat"
    ticker = Ticker(duties(clock), clock, between=lambda: _end_beat(beat))
    loops = {
        "captures": capture_duties,
        "anchors": anchor_duties,
        "runs": run_duties,
        "drills": drill_duties,
        "store": store_duties,
    }
    others = {name: Ticker(made(clock), clock, between=close_old_connections) for name, made in loops.items()}
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: _stop(ticker, *others.values()))
    logging.getLogger("quarterdeck.ticker").info("ready")
    for name, other in others.items():
        threading.Thread(target=other.run, name=name, daemon=True).start()
    ticker.run()
    return 0


def _end_beat(beat: Path) -> None:
    """Let go of the database and show the supervisor that the loop turns."""
    close_old_connections()
    beat.touch()


def _stop(*tickers: Ticker) -> None:
    for ticker in tickers:
        ticker.stop()


if __name__ == "__main__":
    sys.exit(main())
