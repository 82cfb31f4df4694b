"""Files that a person hands in: kept under a safe name with their hash, graded attached."""

import re
from dataclasses import dataclass

from quarterdeck.evidence.api import ArtifactRef, act, store_artifact
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.tickets import api as tickets
from quarterdeck.workflows.refusals import refusals_recorded

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that a person hands in: its own name and its bytes."""

    name: str
    data: bytes


def attach(
    actor: Actor, clock: Clock, number: str, *, kind: str, file: Attachment, reason: str, asset_id: str = ""
) -> None:
    """Attach a file as evidence of a fact that only a person can bring (staging test, tried rollback)."""
    with refusals_recorded(actor, clock, "evidence.attach", number):
        kept = keep_file(number, file, "attachment")
        with act(actor, clock) as current:
            tickets.attach(current, number, kind=kind, file=kept, reason=reason, asset_id=asset_id)


def keep_file(number: str, file: Attachment, role: str) -> ArtifactRef:
    """Store a file of a ticket, before any act; it may hold CUI where one of the ticket's assets does."""
    safe = _UNSAFE.sub("-", file.name.rpartition("/")[2]).strip("-.")[-80:] or "file"
    found = (inventory.asset(named.asset_id) for named in tickets.ticket(number).assets)
    return store_artifact(
        file.data,
        media_type="application/octet-stream",
        role=role,
        name=f"{number}-{safe}",
        may_contain_cui=any(asset is None or asset.handles_cui for asset in found),
    )
