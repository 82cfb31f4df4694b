"""Asking a target fixed questions through the collector's `checks` mode: plain answers, a failure is a sentence."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from quarterdeck.baselines import api as baselines
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.clock import Clock

_NOT_ASKED = (
    "Checks over SSH are asked of Unix only. Look yourself and attach what you saw; the approver decides on a waiver."
)


@dataclass(frozen=True, slots=True)
class Answers:
    """What the target said and when we asked and had it; `failure` is a sentence when it said nothing usable."""

    asked_at: datetime
    answered_at: datetime
    document: dict[str, object]
    uid: int
    failure: str = ""

    def value(self, name: str) -> object:
        """Return the answer to one question, None when it is missing or the target could not tell."""
        found = self.document.get(name)
        return found.get("value") if isinstance(found, dict) else None

    def error(self, name: str) -> str:
        """Return why the target could not tell, empty when it could."""
        found = self.document.get(name)
        if not isinstance(found, dict):
            return "not asked"
        return str(found.get("error", ""))


def ask(
    channel: baselines.MeasureChannel,
    clock: Clock,
    *,
    ticket: str,
    asset_id: str,
    connection_id: str,
    questions: Sequence[str],
) -> Answers:
    """Ask `questions` (`/FOLDER`, `sshd=SPEC`, `account=NAME`, `service=NAME`) of one target; never raises for it."""
    arguments = ["checks", *questions]
    asked_at = clock.now()
    platform = inventory.connection(connection_id).platform
    if platform is not inventory.Platform.UNIX:
        return Answers(asked_at, asked_at, {}, -1, _NOT_ASKED)
    try:
        with channel.run(
            ticket=ticket,
            asset_id=asset_id,
            connection_id=connection_id,
            arguments=arguments,
            stdin=baselines.collector_bytes(),
        ) as output:
            received = baselines.receive(output, io.BytesIO(), arguments=arguments, sha256=baselines.collector_sha256())
            answered_at = clock.now()
    except (baselines.MeasureFailed, baselines.BadOutput) as error:
        return Answers(asked_at, clock.now(), {}, -1, str(error) or "The target did not answer.")
    return Answers(asked_at, answered_at, received.document, received.header.uid)
