"""What the entries of a slice tell of approvals, certificates and sessions, collected while they pass.

The events are those that the application records; an event that is not known here tells nothing and breaks nothing.
"""

from dataclasses import dataclass, field
from typing import Any

APPROVAL_SIGNATURE = "approval-signature"
RECORDING = "recording"

_BOUND, _USED = "access.certificate_bound", "access.certificate_used"
_ENDINGS = ("session.ended", "session.interrupted")
# The events that sessions and certificates are told by; who looks for gaps alone needs no others.
OF_SESSIONS = (
    "access.granted", _BOUND, _USED, "session.began", *_ENDINGS, "session.written_down", "session.explained"
)  # fmt: skip


def passkey_name(public_key: str) -> str:
    """Return under what a passkey's public key is remembered, whichever alphabet of base64 spells it."""
    return "passkey " + public_key.strip().rstrip("=").replace("-", "+").replace("_", "/")


@dataclass(frozen=True, slots=True)
class Approval:
    """One decision: who, in which role, on which content; `signature` is the SHA-256 of its file, or empty."""

    seq: int
    ticket: str
    person: str
    role: str
    verdict: str
    content: str
    signature: str


@dataclass(slots=True)
class Session:
    """One session as far as the slice tells of it; `by_hand` was written down by a person, not seen by the gate."""

    ticket: str
    seq: int = -1
    serial: int | None = None
    ended: bool = False
    recording: str = ""
    interrupted: bool = False
    explained: bool = False
    by_hand: bool = False


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate that was signed under a grant: an entry certificate, or one of a target for `session`."""

    seq: int
    ticket: str
    grant: str
    serial: int
    session: str
    purpose: str


@dataclass(slots=True)
class Story:
    """Everything that was collected."""

    approvals: list[Approval] = field(default_factory=list)
    sessions: dict[str, Session] = field(default_factory=dict)
    certificates: list[Certificate] = field(default_factory=list)
    keys: dict[str, set[str]] = field(default_factory=dict)
    purposes: dict[str, str] = field(default_factory=dict)

    def add(self, fields: dict[str, Any]) -> None:
        """Take what one entry tells."""
        event, data, thing = fields["event"], fields["data"], fields["object"]["id"]
        ticket = fields["ticket"] or ""
        if isinstance(data.get("approval"), dict) and ticket:
            self._add_approval(fields, data["approval"])
        elif event.startswith("session."):
            self._add_session(event, thing, ticket, fields)
        elif event == "access.granted":
            self.purposes[thing] = str(data.get("purpose", ""))
        elif event in (_BOUND, _USED) and type(data.get("serial")) is int and ticket:
            session = str(data.get("session") or "")
            purpose = "target" if event == _USED else self.purposes.get(thing, "")
            self.certificates.append(Certificate(fields["seq"], ticket, thing, data["serial"], session, purpose))
        elif event == "passkey.registered":
            self.keys.setdefault(passkey_name(str(data.get("public_key", ""))), set()).add(fields["actor"]["id"])
        elif event in ("key.registered", "key.replaced"):
            holders = self.keys.setdefault(str(data.get("fingerprint", "")), set())
            (holders.add if event == "key.registered" else holders.discard)(str(data.get("person", "")))

    def _add_approval(self, fields: dict[str, Any], told: dict[str, Any]) -> None:
        role, verdict, content = (str(told.get(name, "")) for name in ("role", "verdict", "content"))
        signed = [item["sha256"] for item in fields["artifacts"] if item["role"] == APPROVAL_SIGNATURE]
        person = fields["actor"]["id"]
        signature = signed[0] if signed else ""
        self.approvals.append(Approval(fields["seq"], fields["ticket"], person, role, verdict, content, signature))

    def _add_session(self, event: str, thing: str, ticket: str, fields: dict[str, Any]) -> None:
        if event == "session.began":
            serial = fields["data"].get("serial")
            told = self.sessions.setdefault(thing, Session(ticket))
            told.seq, told.serial = fields["seq"], serial if type(serial) is int else None
        elif event in _ENDINGS:
            told = self.sessions.setdefault(thing, Session(ticket))
            told.ended, told.interrupted = True, event == "session.interrupted"
            named = [item["sha256"] for item in fields["artifacts"] if item["role"] == RECORDING]
            told.recording = named[0] if named else ""
        elif event == "session.written_down":
            named = [item["sha256"] for item in fields["artifacts"]]
            self.sessions[thing] = Session(ticket, fields["seq"], None, True, named[0] if named else "", by_hand=True)
        elif event == "session.explained" and thing in self.sessions:
            self.sessions[thing].explained = True
