"""The sealing key changes: record the change that the sealer signed, seal at once, and have somebody else look at it.

The change is an act at the server, where the key is; two people see it all the same: whoever approves or owns CUI has
to acknowledge the new fingerprint, and until then every page says that nobody did (decision 0017).
"""

from dataclasses import dataclass
from typing import Protocol

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Act, ArtifactRef, CheckpointView, Entry, JsonMap, ObjectRef
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Refused, refuse
from quarterdeck.personnel.api import Role
from quarterdeck.tickets import api as tickets
from quarterdeck.workflows.refusals import refusals_recorded
from quarterdeck.workflows.seal_checkpoint import KeyChange, Sealer, seal
from quarterdeck_verify.package import KEY_REPLACED, KEY_ROTATED, REPLACEMENT_ROLE, ROTATION_ROLE

ACKNOWLEDGED = "sealer.key_acknowledged"
CHANGES = (KEY_ROTATED, KEY_REPLACED)
ACKNOWLEDGERS = (Role.APPROVER, Role.CUI_OWNER)
_ROLES = {KEY_ROTATED: ROTATION_ROLE, KEY_REPLACED: REPLACEMENT_ROLE}


class ChangingSealer(Sealer, Protocol):
    """The sealer, which also changes its key."""

    def rotate(self, *, public: str = "", name: str = "") -> KeyChange:
        """Return the change that old and new key signed."""

    def replace_lost(self, *, public: str = "", name: str = "") -> KeyChange:
        """Return the change that the new key alone signed; Refused while the old one signs."""


@dataclass(frozen=True, slots=True)
class Change:
    """A recorded change of keys that nobody has acknowledged yet; `unsigned` when the old key did not sign it."""

    sha256: str
    unsigned: bool
    entry: Entry


def change_key(
    sealer: ChangingSealer, actor: Actor, clock: Clock, *, lost: bool = False, public: str = "", name: str = ""
) -> tuple[KeyChange, CheckpointView]:
    """Change to a new key, record it and seal with it; returns the change and the first checkpoint of the new key.

    Refused: sealer.unreachable, sealer.key_there (a lost key that is there), sealer.key_missing (rotate without it).
    """
    if not lost:
        seal(sealer, reason="key")  # what came before is the old key's to sign
    change = sealer.replace_lost(public=public, name=name) if lost else sealer.rotate(public=public, name=name)
    statement = store_statement(change)
    with evidence.act(actor, clock) as act:
        record_change(act, change, statement)
    sealed = seal(sealer, reason="key")
    if sealed is None:
        raise RuntimeError("the ledger cannot be empty after a change of keys was recorded")
    return change, sealed


def store_statement(change: KeyChange) -> ArtifactRef:
    """Keep the signed statement of a change, before the act that records it."""
    return evidence.store_artifact(
        change.statement,
        media_type="application/json",
        role=_ROLES[change.event],
        name=f"{_ROLES[change.event]}.json",
        may_contain_cui=False,
    )


def record_change(act: Act, change: KeyChange, statement: ArtifactRef) -> None:
    """Record a change of keys in an open act."""
    data: JsonMap = {"sha256": change.sha256}
    act.record(change.event, ObjectRef("sealing_key", change.sha256[:16]), data=data, artifacts=[statement])


def unacknowledged() -> Change | None:
    """Return the newest change of keys unless somebody acknowledged it."""
    entry = evidence.last_entry(CHANGES)
    if entry is None:
        return None
    seen = evidence.last_entry((ACKNOWLEDGED,), object=entry.object)
    if seen is not None and seen.seq > entry.seq:
        return None
    return Change(str(entry.data["sha256"]), entry.event == KEY_REPLACED, entry)


def acknowledge(actor: Actor, clock: Clock, sha256: str) -> None:
    """Record that an approver or CUI owner compared the new key's fingerprint; Refused is recorded too."""
    with refusals_recorded(actor, clock, "key.acknowledge"), evidence.act(actor, clock) as act:
        record_acknowledgement(act, sha256)


def record_acknowledgement(act: Act, sha256: str) -> None:
    """Record the acknowledgement in an open act; Refused: role.missing, step_up.needed, key.unknown."""
    tickets.has_role(act.actor, ACKNOWLEDGERS, act.at).require()
    tickets.stepped_up(act.actor, act.at).require()
    waiting = unacknowledged()
    if waiting is None or waiting.sha256 != sha256:
        raise Refused(
            refuse("key.unknown", "No change to this key waits to be acknowledged.", "See Evidence, Sealing key.")
        )
    act.record(ACKNOWLEDGED, waiting.entry.object, data={"sha256": sha256, "unsigned": waiting.unsigned})
