"""Sealing over the wire: which keys signed when, where the key lives, and the acknowledgement of a new one."""

from datetime import datetime

from django.http import HttpRequest
from ninja import Field, Router, Schema

from quarterdeck import wiring
from quarterdeck.entrypoints.api.callers import actor_of
from quarterdeck.entrypoints.api.ticket_schemas import RefusedOut
from quarterdeck.kernel.actors import Actor
from quarterdeck.personnel.api import Role
from quarterdeck.tickets import api as tickets
from quarterdeck.workflows import change_key, keep_witness, watch_sealer
from quarterdeck.workflows.keep_witness import WitnessStatus
from quarterdeck.workflows.seal_checkpoint import SealerStatus
from quarterdeck_verify.signers import parse_public_key

router = Router(tags=["sealing"])
PATH_READERS = (Role.IT_LEAD, Role.ASSESSOR, *change_key.ACKNOWLEDGERS)
_ANSWERS = {401: RefusedOut, 403: RefusedOut, 404: RefusedOut, 409: RefusedOut, 422: RefusedOut}


class KeyOut(Schema):
    """One key of this log: it signed from `since` (empty: from the beginning) until `until` (empty: still)."""

    sha256: str
    fingerprint: str
    place: str
    since: str
    until: str
    ended: str
    pending: bool


class WitnessedOut(Schema):
    """A log that we witness: its latest checkpoint that we cosigned, and how many that it signed we refused."""

    origin: str
    size: int
    at: str
    refused: int


class WitnessOut(Schema):
    """Who cosigns our checkpoints: name, address, grade, and the last size and time that it did."""

    name: str
    url: str
    grade: str
    size: int
    at: datetime | None


class SealingOut(Schema):
    """How the sealer is: what it signed last, its keys, a refusal that stands, a change nobody has acknowledged."""

    size: int
    root: str
    epoch: int
    remembers: bool
    key_place: str
    allowed_signers: str
    keys: list[KeyOut]
    trouble: str
    unacknowledged: str
    unacknowledged_unsigned: bool
    log_key: str
    witness_key: str
    witnessed: list[WitnessedOut]
    witnesses: list[WitnessOut]

    @classmethod
    def of(cls, status: SealerStatus, witness: WitnessStatus, *, paths: bool) -> "SealingOut":
        """Return the status as it goes over the wire; `paths` for those whom the server's folders concern."""
        troubles, change = watch_sealer.shown_troubles(wiring.clock()), change_key.unacknowledged()
        keys = [
            KeyOut(
                sha256=key.sha256,
                fingerprint=parse_public_key(key.public).fingerprint if key.public else "",
                place=key.place if paths else key.kind_of_place,
                since=key.since,
                until=key.until,
                ended=key.ended,
                pending=key.pending,
            )
            for key in status.keys
        ]
        here = next((key.place for key in keys if key.sha256 == status.key_id), "")
        return cls(
            size=status.size,
            root=status.root,
            epoch=status.epoch,
            remembers=status.remembers,
            key_place=here,
            allowed_signers=status.allowed_signers,
            keys=keys,
            trouble=" ".join(f"{one.sentence} {one.next_step}" for one in troubles),
            unacknowledged="" if change is None else change.sha256,
            unacknowledged_unsigned=change is not None and change.unsigned,
            log_key=status.log_key,
            witness_key=witness.key,
            witnessed=[WitnessedOut(origin=o.origin, size=o.size, at=o.at, refused=o.refused) for o in witness.logs],
            witnesses=[
                WitnessOut(name=o.name, url=o.url, grade=o.grade, size=o.size, at=o.at)
                for o in keep_witness.holders(wiring.witnesses())
            ],
        )


class AcknowledgeIn(Schema):
    """The key whose fingerprint was compared, by its SHA-256 in hexadecimal."""

    sha256: str = Field(max_length=64)


@router.get("", response={200: SealingOut, **_ANSWERS})
def sealing(request: HttpRequest) -> SealingOut:
    """Return how sealing stands; everybody with a login may know."""
    return _told(actor_of(request))


@router.post("/acknowledge", response={200: SealingOut, **_ANSWERS})
def acknowledge(request: HttpRequest, body: AcknowledgeIn) -> SealingOut:
    """Acknowledge a new sealing key: approvers and CUI owners only, with a fresh second factor."""
    actor = actor_of(request, "write")
    change_key.acknowledge(actor, wiring.clock(), body.sha256)
    return _told(actor)


def _told(actor: Actor) -> SealingOut:
    sealer = wiring.sealer()
    paths = tickets.has_role(actor, PATH_READERS, wiring.clock().now()).allowed
    return SealingOut.of(sealer.status(), sealer.witness(), paths=paths)
