"""Signed approvals: a person's own key over the statement that was approved. Without one an approval is *recorded*.

The file of role `approval-signature` is canonical JSON with the exact statement, its SHA-256, and either a passkey's
assertion (WebAuthn level 2, 7.2; challenge = that hash) or an SSHSIG in the namespace `quarterdeck-approval`. The
statement is JSON that names ticket, content's hash, role and person as its entry does.
"""

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from typing import Any

from quarterdeck_verify import entry, sshsig
from quarterdeck_verify.ledgerslice import Slice
from quarterdeck_verify.members import MAX_TINY, Members
from quarterdeck_verify.passkeys import PasskeyError, read_public_key
from quarterdeck_verify.signers import parse_public_key
from quarterdeck_verify.story import Approval, passkey_name

APPROVAL_NAMESPACE = "quarterdeck-approval"
USER_PRESENT, USER_VERIFIED = 1, 4

_COMMON = {"v", "kind", "approval", "statement", "public_key", "signature"}
_OF_WEBAUTHN = {"rp_id", "authenticator_data", "client_data_json"}


@dataclass(frozen=True, slots=True)
class Judged:
    """An approval and what is known of it: `signed` when its own signature holds, `by` in words."""

    approval: Approval
    signed: bool
    by: str


def check_approvals(members: Members, found: Slice) -> list[Judged]:
    """Check the signature of every approval that has one; one that does not hold is a finding."""
    result: list[Judged] = []
    for approval in found.story.approvals:
        use = found.artifacts.get(approval.signature)
        if use is None or use.path not in members.measured:
            words = "recorded approval" if not approval.signature else "its signature is withheld"
            result.append(Judged(approval, False, words))
            continue
        try:
            by = check_statement(members.read(use.path, MAX_TINY), approval, found.story.keys)
        except ValueError as problem:
            sentence = f"The signature of the approval in entry {approval.seq} does not hold: {problem}."
            members.findings.add("approval.wrong", use.path, sentence)
            by = ""
        result.append(Judged(approval, bool(by), by or "its signature does not hold"))
    return result


def check_statement(data: bytes, approval: Approval, keys: dict[str, set[str]]) -> str:
    """Return by what the statement was signed; ValueError when it is not the entry's, or the signature is wrong.

    `keys` are the SSH keys that the ledger says people registered, by fingerprint.
    """
    told = entry.parse_canonical(data)
    wanted = _COMMON | (_OF_WEBAUTHN if isinstance(told, dict) and told.get("kind") == "webauthn" else set())
    if not isinstance(told, dict) or not wanted <= set(told) <= _COMMON | _OF_WEBAUTHN or told["v"] != 1:
        raise ValueError("it is not the statement of an approval")
    if not all(isinstance(value, str) for name, value in told.items() if name != "v" and name in wanted):
        raise ValueError("one of its fields is no text")
    statement = told["statement"].encode("utf-8")
    if hashlib.sha256(statement).hexdigest() != told["approval"]:
        raise ValueError("its hash is not that of the statement")
    _check_said(told["statement"], approval)
    if told["kind"] == "webauthn":
        return _check_assertion(told, statement, approval, keys)
    if told["kind"] == "sshsig":
        return _check_sshsig(told, statement, approval, keys)
    raise ValueError("its kind is neither webauthn nor sshsig")


def _check_said(statement: str, approval: Approval) -> None:
    """Raise ValueError unless the statement is this person's, in this role, on this content of this ticket."""
    try:
        said = json.loads(statement)
    except (ValueError, RecursionError):
        said = None
    for name in ("ticket", "content", "role", "person"):
        if not isinstance(said, dict) or said.get(name) != getattr(approval, name):
            raise ValueError(f"its statement does not name the {name} of its entry")


def _check_assertion(told: dict[str, Any], statement: bytes, approval: Approval, keys: dict[str, set[str]]) -> str:
    """WebAuthn level 2, 7.2, steps that a stranger can take: type, challenge, rpIdHash, flags, signature."""
    client = _bytes(told["client_data_json"])
    try:
        said = json.loads(client)
    except (ValueError, RecursionError):
        raise ValueError("its client data is not JSON") from None
    challenge = base64.urlsafe_b64encode(hashlib.sha256(statement).digest()).decode().rstrip("=")
    if not isinstance(said, dict) or said.get("type") != "webauthn.get" or said.get("challenge") != challenge:
        raise ValueError("the passkey answered another question")
    if said.get("crossOrigin") is True:
        raise ValueError("the passkey was asked by a page inside another one")
    authenticator = _bytes(told["authenticator_data"])
    if len(authenticator) < 37 or authenticator[:32] != hashlib.sha256(told["rp_id"].encode()).digest():
        raise ValueError("the passkey answered for another site")
    if authenticator[32] & (USER_PRESENT | USER_VERIFIED) != USER_PRESENT | USER_VERIFIED:
        raise ValueError("the passkey did not check who was there")
    try:
        key = read_public_key(told["public_key"])
    except PasskeyError as problem:
        raise ValueError(str(problem)) from None
    if not key.verify(authenticator + hashlib.sha256(client).digest(), _bytes(told["signature"])):
        raise ValueError("the signature is not the passkey's")
    by = f"a passkey of {told['rp_id']}, its owner verified ({key.kind})"
    return _whose(by, approval, keys.get(passkey_name(told["public_key"]), set()))


def _check_sshsig(told: dict[str, Any], statement: bytes, approval: Approval, keys: dict[str, set[str]]) -> str:
    text = told["signature"]
    armored = text.encode("utf-8") if text.startswith("-----BEGIN") else _bytes(text)
    signature = sshsig.parse(armored)
    if signature.key != parse_public_key(told["public_key"]):
        raise ValueError("it is signed by another key than it names")
    if not sshsig.verify(signature, statement, APPROVAL_NAMESPACE):
        raise ValueError("the SSH signature does not sign the statement")
    shown = signature.key.fingerprint
    holders = keys.get(shown.removeprefix("SHA256:").replace("/", "_").replace("+", "-"), set()) | keys.get(
        shown.replace("/", "_").replace("+", "-"), set()
    )
    return _whose(f"the key {shown}", approval, holders)


def _whose(by: str, approval: Approval, holders: set[str]) -> str:
    """Return by what it was signed and whether the ledger knows whose that is; ValueError when it is another's."""
    if approval.person in holders:
        return f"{by}, which {approval.person} registered"
    if holders:
        raise ValueError(f"{by} is another person's")
    return f"{by}; the slice does not say whose it is"


def _bytes(text: str) -> bytes:
    """Return base64 of either alphabet, padded or not."""
    word = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(word + "=" * (-len(word) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("one of its fields is not base64") from None
