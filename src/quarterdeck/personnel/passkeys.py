"""Passkeys with which a person signs approvals: registered by their owner, told by entries alone, never for login."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Act, ObjectRef
from quarterdeck.kernel.decision import Decision, Refused, all_of, refuse, require_that

REGISTERED, REMOVED = "passkey.registered", "passkey.removed"
MOST = 5
_LONGEST_ID = 200


@dataclass(frozen=True, slots=True)
class Passkey:
    """A passkey: credential id and COSE public key in base64url, the site that it is for, whose, since when."""

    id: str
    person: str
    credential: str
    public_key: str
    rp_id: str
    registered_at: datetime


def passkey_id(credential: str) -> str:
    """Return the id under which the ledger knows a credential: credential ids may be long."""
    return hashlib.sha256(credential.encode()).hexdigest()[:32]


def passkeys_of(person_id: str) -> list[Passkey]:
    """Return the person's passkeys that stand, oldest first."""
    return [one for one in _all() if one.person == person_id]


def _all() -> list[Passkey]:
    found: dict[str, Passkey] = {}
    for entry in evidence.entries(events=[REGISTERED, REMOVED]):
        if entry.event == REMOVED:
            found.pop(entry.object.id, None)
            continue
        data = entry.data
        found[entry.object.id] = Passkey(
            entry.object.id, entry.actor_id, data["credential"], data["public_key"], data["rp_id"], entry.at
        )
    return list(found.values())


def may_register(act: Act) -> Decision:
    """Decide whether the actor may register one more passkey: a person, for the own use, second factor just shown."""
    return all_of(
        [
            require_that(
                act.actor.is_person, "actor.not_a_person", "Only a person registers a passkey.", "Log in yourself."
            ),
            require_that(
                act.actor.stepped_up(act.at),
                "step_up.needed",
                "This act wants your second factor again.",
                "Enter the code that your authenticator shows now, then repeat the act.",
            ),
            require_that(
                len(passkeys_of(act.actor.id)) < MOST,
                "passkey.too_many",
                f"You have {MOST} passkeys.",
                "Remove one that you don't use, then register the new one.",
            ),
        ]
    )


def register_passkey(act: Act, *, credential: str, public_key: str, rp_id: str) -> str:
    """Register a passkey of the actor and return its id; one that is or was anybody's is refused for good."""
    passkey = passkey_id(credential)
    known = evidence.last_entry([REGISTERED], object=ObjectRef("passkey", passkey))
    all_of(
        [
            may_register(act),
            require_that(
                known is None,
                "passkey.shared",
                "This passkey is or was registered here already; it belongs to one person for good.",
                "Make a new one.",
            ),
            require_that(
                len(credential) <= _LONGEST_ID and len(public_key) <= _LONGEST_ID,
                "passkey.unusable",
                "This passkey's id or key is too long to be told in the ledger.",
                "Use a security key or the device's own passkey with ECDSA P-256.",
            ),
        ]
    ).require()
    data: dict[str, evidence.JsonValue] = {"credential": credential, "public_key": public_key, "rp_id": rp_id}
    act.record(REGISTERED, ObjectRef("passkey", passkey), data=data)
    return passkey


def remove_passkey(act: Act, passkey: str) -> None:
    """Remove one's own passkey; what it signed stays signed."""
    if passkey not in {one.id for one in passkeys_of(act.actor.id)}:
        raise Refused(refuse("passkey.unknown", "You have no such passkey.", "See your own login."))
    act.record(REMOVED, ObjectRef("passkey", passkey))


def credentials(passkeys: Sequence[Passkey]) -> list[str]:
    """Return the credential ids that a browser may ask for."""
    return [one.credential for one in passkeys]
