"""Signed approvals: the person's own key over the exact statement that is approved; kept beside the approval's entry.

The file of role `approval-signature` is what the verifier checks offline (docs/reference/package-format.md): canonical
JSON with the statement, its SHA-256, and a passkey's assertion whose challenge is that hash, or an SSHSIG in the
namespace quarterdeck-approval.
"""

import base64
import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from quarterdeck.config.api import load
from quarterdeck.evidence.api import ArtifactRef, act, store_artifact
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock, parse_rfc3339, rfc3339
from quarterdeck.kernel.decision import Refused, refuse, require_that
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import Passkey
from quarterdeck.tickets.api import ApprovalRole
from quarterdeck.workflows.refusals import refusals_recorded
from quarterdeck_verify import entry, sshsig

NAMESPACE = "quarterdeck-approval"
ROLE = "approval-signature"
MEDIA_TYPE = "application/vnd.quarterdeck.approval+json"
FRESH = timedelta(minutes=10)
_MOST = 16_000


@dataclass(frozen=True, slots=True)
class Site:
    """The address under which the browser shows us: what a passkey is bound to."""

    rp_id: str
    origins: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Assertion:
    """What a passkey answered, checked: by which of the passkeys, and the bytes in base64."""

    passkey: Passkey
    authenticator_data: str
    client_data_json: str
    signature: str


class Passkeys(Protocol):
    """The browser's side of passkeys."""

    def begin(self, site: Site, person: str, name: str, known: Sequence[Passkey]) -> tuple[dict[str, Any], object]:
        """Return the options for the browser, and a state to be kept until the answer."""

    def complete(self, site: Site, state: object, answer: Mapping[str, Any]) -> tuple[str, str]:
        """Return credential id and COSE public key in base64url; ValueError when the answer does not hold."""

    def check(self, site: Site, challenge: bytes, known: Sequence[Passkey], answer: Mapping[str, Any]) -> Assertion:
        """Return the checked assertion; ValueError when the answer does not hold or its owner was not verified."""


def statement(actor: Actor, clock: Clock, number: str, role: ApprovalRole, content_hash: str) -> str:
    """Return the canonical text that this person signs to approve this content in this role."""
    fields: dict[str, entry.JsonValue] = {
        "v": 1, "act": "approve", "log": load().ledger_origin, "ticket": number, "role": role.value,
        "content": content_hash, "person": actor.id, "at": rfc3339(clock.now()), "nonce": secrets.token_hex(16),
    }  # fmt: skip
    return entry.canonical(fields).decode()


def challenge_of(text: str) -> bytes:
    """Return the hash of a statement: what a passkey answers."""
    return hashlib.sha256(text.encode()).digest()


def sign_with_passkey(
    actor: Actor, clock: Clock, text: str, answer: Mapping[str, Any], *, site: Site, passkeys: Passkeys
) -> ArtifactRef:
    """Keep the assertion with which the person's passkey signed the statement; Refused(signature.*) is recorded."""
    said = _said(text)
    with refusals_recorded(actor, clock, "approval.sign", str(said["ticket"])):
        _is_ours(actor, clock, said)
        try:
            found = passkeys.check(site, challenge_of(text), personnel.passkeys_of(actor.id), answer)
        except (ValueError, TypeError, KeyError) as error:
            raise _wrong("The passkey's answer does not hold.") from error
    told: dict[str, entry.JsonValue] = {
        "rp_id": found.passkey.rp_id,
        "public_key": found.passkey.public_key,
        "authenticator_data": found.authenticator_data,
        "client_data_json": found.client_data_json,
        "signature": found.signature,
    }
    return _kept(text, said, {"kind": "webauthn", **told})


def sign_with_key(actor: Actor, clock: Clock, text: str, armored: str) -> ArtifactRef:
    """Keep the SSHSIG with which the person's registered key signed the statement; Refused(signature.*) is recorded."""
    said = _said(text)
    with refusals_recorded(actor, clock, "approval.sign", str(said["ticket"])):
        _is_ours(actor, clock, said)
        mine = personnel.key_of(actor.id)
        if mine is None:
            raise Refused(
                refuse("signature.no_key", "You have no registered key.", "Register one under Your login, then sign.")
            )
        try:
            signature = sshsig.parse(armored.encode())
            holds = sshsig.verify(signature, text.encode(), NAMESPACE)
        except ValueError as error:
            raise _wrong("This is no SSH signature.") from error
        blob = base64.b64decode(mine.public_key.split()[1])
        require_that(
            signature.key.blob == blob,
            "signature.other_key",
            "It is signed by another key than the one that you registered.",
            "Sign with your registered key.",
        ).require()
        if not holds:
            raise _wrong("The signature does not sign this statement.")
    return _kept(
        text, said, {"kind": "sshsig", "public_key": " ".join(mine.public_key.split()[:2]), "signature": armored}
    )


def _said(text: str) -> dict[str, Any]:
    if len(text) > _MOST:
        raise _wrong("This is not a statement of an approval.")
    try:
        said = entry.parse_canonical(text.encode())
    except ValueError as error:
        raise _wrong("This is not a statement of an approval.") from error
    wanted = {"v", "act", "log", "ticket", "role", "content", "person", "at", "nonce"}
    if not isinstance(said, dict) or set(said) != wanted or said["v"] != 1 or said["act"] != "approve":
        raise _wrong("This is not a statement of an approval.")
    return said


def _is_ours(actor: Actor, clock: Clock, said: Mapping[str, Any]) -> None:
    try:
        age = clock.now() - parse_rfc3339(str(said["at"]))
    except ValueError as error:
        raise _wrong("This is not a statement of an approval.") from error
    if said["person"] != actor.id or said["log"] != load().ledger_origin or not -FRESH <= age <= FRESH:
        raise _wrong("The statement is somebody else's, of another log, or older than ten minutes.")


def _wrong(sentence: str) -> Refused:
    return Refused(refuse("signature.wrong", sentence, "Load the decision again and sign what it shows."))


def _kept(text: str, said: Mapping[str, Any], told: Mapping[str, entry.JsonValue]) -> ArtifactRef:
    document: dict[str, entry.JsonValue] = {"v": 1, "approval": challenge_of(text).hex(), "statement": text, **told}
    return store_artifact(
        entry.canonical(document),
        media_type=MEDIA_TYPE,
        role=ROLE,
        name=f"{said['ticket']}-{said['role']}-{said['nonce'][:8]}.json",
        may_contain_cui=False,
    )


def fits(text: str, number: str, role: ApprovalRole, content_hash: str) -> None:
    """Raise Refused(signature.wrong) unless the statement is about exactly this ticket, role and content."""
    said = _said(text)
    if (said["ticket"], said["role"], said["content"]) != (number, role.value, content_hash):
        raise _wrong("What was signed is not what is approved.")


def register_passkey(
    actor: Actor,
    clock: Clock,
    state: object,
    answer: Mapping[str, Any],
    *,
    site: Site,
    passkeys: Passkeys,
) -> str:
    """Register a passkey of the actor for signing approvals; Refused is recorded too."""
    with refusals_recorded(actor, clock, "passkey.register"):
        try:
            credential, public_key = passkeys.complete(site, state, answer)
        except (ValueError, TypeError, KeyError) as error:
            sentence = "The passkey's answer does not hold."
            raise Refused(refuse("passkey.unusable", sentence, "Load the page and try it again.")) from error
        with act(actor, clock) as current:
            return personnel.register_passkey(current, credential=credential, public_key=public_key, rp_id=site.rp_id)


def remove_passkey(actor: Actor, clock: Clock, passkey: str) -> None:
    """Remove one's own passkey; Refused is recorded too."""
    with refusals_recorded(actor, clock, "passkey.remove"), act(actor, clock) as current:
        personnel.remove_passkey(current, passkey)
