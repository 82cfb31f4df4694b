"""Scanning a place's files: whole, or between tickets with the digests carried of what did not move."""

import json
import secrets
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from functools import partial
from typing import BinaryIO

from quarterdeck.baselines import api as baselines
from quarterdeck.baselines.api import BaselineView, Known, Received, Through, Told
from quarterdeck.evidence import api as evidence
from quarterdeck.inventory.api import Platform
from quarterdeck.kernel.clock import rfc3339
from quarterdeck.kernel.decision import Refused

# Runs the collector with arguments, its bytes as `stdin`, and gives its output; ticket or plan are bound already.
Collecting = Callable[..., AbstractContextManager[BinaryIO]]


def scan(
    collecting: Collecting,
    roots: Sequence[str],
    target: BinaryIO,
    known: Known | None = None,
    platform: Platform = Platform.UNIX,
    told: Told = baselines.nobody_asks,
) -> Received:
    """Write the manifest of these folders into `target`; with `known`, carry from it what did not move.

    Where carrying does not come out, everything is measured. Raises one of CANNOT_MEASURE, and what `told` raises.
    """
    if known is not None:
        try:
            return _carrying(collecting, roots, target, known, told)
        except (baselines.CannotCarry, Refused):
            target.seek(0)
            target.truncate()
    return run(collecting, ["manifest", *roots], target, platform, told)


def _carrying(collecting: Collecting, roots: Sequence[str], target: BinaryIO, known: Known, told: Told) -> Received:
    arguments = ["manifest", *roots, known.argument(secrets.token_hex(8))]
    with evidence.open_artifact(known.manifest_sha256) as old:
        return _run(collecting, arguments, target, told, partial(baselines.carried, baselines.Reader(old)))


def run(
    collecting: Collecting,
    arguments: Sequence[str],
    target: BinaryIO,
    platform: Platform = Platform.UNIX,
    told: Told = baselines.nobody_asks,
) -> Received:
    """Run the collector with these arguments and receive what it says; a target may not say what was carried.

    A target without Python is measured by the shell collector, which knows no arguments with values.
    """
    if platform is Platform.WINDOWS:
        found = _run_windows(collecting, arguments, target)
    else:
        found = _run(collecting, arguments, target, told, lambda roots, lines: lines)
    if found.totals.carried:
        raise baselines.BadOutput("the target marked digests as carried: nothing of its output is used")
    return found


def _run_windows(collecting: Collecting, arguments: Sequence[str], target: BinaryIO) -> Received:
    with collecting(arguments=arguments, stdin=baselines.windows_bytes()) as stream:
        return baselines.receive_windows(stream, target, arguments=arguments)


def _run(collecting: Collecting, arguments: Sequence[str], target: BinaryIO, told: Told, through: Through) -> Received:
    try:
        with collecting(arguments=arguments, stdin=baselines.collector_bytes()) as stream:
            return baselines.receive(
                stream, target, arguments=arguments, sha256=baselines.collector_sha256(), told=told, through=through
            )
    except baselines.MeasureFailed as failed:
        if not failed.no_python:
            raise
    target.seek(0)
    target.truncate()
    asked = [argument for argument in arguments if "=" not in argument]
    with collecting(arguments=asked, stdin=baselines.fallback_bytes()) as stream:
        return baselines.receive_fallback(stream, target, arguments=asked, told=told)


def account_of(received: Received, at: datetime, known: Known | None) -> dict[str, str]:
    """Return what a measurement says of itself for the next: when it began there, and when all was last hashed."""
    whole_at = known.whole_at if known is not None and received.totals.carried else at
    return {"began": received.header.started, "whole_at": rfc3339(whole_at)}


def known_from(reference: BaselineView | None, at: datetime) -> Known | None:
    """Return what may be carried from a baseline, None when all is to be hashed: weekly, and by a new collector.

    Raises nothing: an account that can't be read vouches for nothing.
    """
    if reference is None or reference.collector_sha256 != baselines.collector_sha256():
        return None
    try:
        account = json.loads(evidence.read_artifact(reference.account_sha256))["scan"]
        known = Known(
            reference.manifest_sha256, float(account["began"]), datetime.fromisoformat(str(account["whole_at"]))
        )
    except (Refused, ValueError, KeyError, TypeError):
        return None
    return known if at - known.whole_at < baselines.FULL_EVERY else None
