"""Anchor by mail: a message that explains itself, with the checkpoint attached, in one file and signature apart.

The holder needs no tool and no knowledge: keeping the mail is enough. No name, ticket or host stands in it.
"""

import hashlib
import smtplib
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime

from quarterdeck.adapters.smtp_session import MailServer, hand_in
from quarterdeck.evidence.api import AnchorGrade
from quarterdeck.workflows.anchor_checkpoints import Anchor, AnchorFailed

ATTACHMENT = "kept.checkpoint"
WHY = {
    "approval": "a maintenance ticket was approved",
    "open": "a maintenance window was opened",
    "close": "a maintenance ticket was closed",
    "export": "an assessor package was exported",
    "key": "keys or the founding roster changed",
    "heartbeat": "the daily sign of life",
    "news": "new entries",
}
_COUNTED = {
    "approval": "approval",
    "open": "opening",
    "close": "closing",
    "export": "export",
    "key": "key or roster",
    "heartbeat": "sign of life",
}
_HOLDS = {
    AnchorGrade.INDEPENDENT: "Its settings say that your mailbox is in other hands than that server (independent).",
    AnchorGrade.SAME_ADMINISTRATOR: (
        "Its settings say that the same administrator could reach your mailbox (same administrator):\n"
        "keep a copy where he or she cannot, on paper if need be."
    ),
}


@dataclass(frozen=True, slots=True)
class MailAnchor:
    """Fulfils workflows.anchor_checkpoints.AnchorChannel for one person's address."""

    server: MailServer
    target: str
    grade: AnchorGrade
    channel: str = "mail"

    def send(self, anchor: Anchor) -> str:
        """Hand the mail in and return the server's own words; AnchorFailed when it was not taken."""
        message = compose(anchor, sender=self.server.sender, recipient=self.target, grade=self.grade)
        raw = message.as_bytes(policy=message.policy.clone(linesep="\r\n"))
        try:
            code, text = hand_in(self.server, self.target, raw)
        except (OSError, smtplib.SMTPException, ValueError) as error:
            where = f"{self.server.host}:{self.server.port}"
            raise AnchorFailed(f"the mail server {where} did not take it: {error}") from error
        words = text.decode(errors="replace").strip()[:200]
        return f"{code} {words}; Message-ID {message['Message-ID']}; sha256 {hashlib.sha256(raw).hexdigest()}"


@dataclass(frozen=True, slots=True)
class NoticeMail:
    """Fulfils workflows.send_notices.Mailer: one plain message to one person."""

    server: MailServer

    def send(self, address: str, subject: str, text: str) -> None:
        """Hand the message in; OSError with a sentence when the mail server did not take it."""
        message = EmailMessage()
        message["Subject"] = _plain(subject)
        message["From"] = self.server.sender
        message["To"] = address
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text)
        try:
            hand_in(self.server, address, message.as_bytes(policy=message.policy.clone(linesep="\r\n")))
        except (smtplib.SMTPException, ValueError) as error:
            raise OSError(f"the mail server {self.server.host}:{self.server.port} did not take it: {error}") from error


def kept_checkpoint(body: bytes, sshsig: bytes) -> bytes:
    """Return the attachment: the three lines, an empty line, the signature. The verifier takes it as `--anchor`."""
    return body + b"\n" + sshsig


def compose(anchor: Anchor, *, sender: str, recipient: str, grade: AnchorGrade) -> EmailMessage:
    """Return the mail; the same checkpoint to the same person gives the same bytes.

    Attached are the one file that the verifier takes, and the three lines and their signature apart for `ssh-keygen`.
    """
    checkpoint = anchor.checkpoint
    attachment = kept_checkpoint(checkpoint.body, checkpoint.sshsig)
    origin = checkpoint.body.decode("ascii").split("\n")[0]
    identity = hashlib.sha256(attachment + recipient.encode()).hexdigest()[:32]
    message = EmailMessage()
    message["Subject"] = f"Please keep: ledger of {_plain(anchor.organisation)} at {checkpoint.size} entries"
    message["From"] = sender
    message["To"] = recipient
    message["Date"] = format_datetime(checkpoint.at)
    message["Message-ID"] = f"<{checkpoint.size}.{identity}@{origin.partition('/')[0]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(_text(anchor, attachment, grade), cte="quoted-printable")
    for name, content in (
        (ATTACHMENT, attachment),
        (f"{checkpoint.size}.checkpoint", checkpoint.body),
        (f"{checkpoint.size}.checkpoint.sig", checkpoint.sshsig),
    ):
        message.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    message.set_boundary(f"quarterdeck-{identity}")
    return message


def _plain(text: str) -> str:
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:80]


def _digest(anchor: Anchor) -> str:
    """Say what came since the checkpoint that this person has already; nothing where there is none."""
    if not anchor.before or anchor.checkpoint.size <= anchor.before:
        return ""
    new = anchor.checkpoint.size - anchor.before
    counted = [f"{_COUNTED[reason]} ({count})" for reason, count in anchor.news.items() if reason in _COUNTED]
    since = f"Since the checkpoint of {anchor.before} entries, which you have: {new} new entries"
    return f"\n{since}{', sealed because of ' if counted else ''}{', '.join(counted)}.\n"


def _text(anchor: Anchor, attachment: bytes, grade: AnchorGrade) -> str:
    checkpoint = anchor.checkpoint
    lines = "\n".join(f"    {line}" for line in checkpoint.body.decode("ascii").splitlines())
    return f"""\
Please keep this mail. You need to do nothing else.

Quarterdeck keeps the maintenance ledger of {_plain(anchor.organisation)}. Below is its checkpoint after
{checkpoint.size} entries ({WHY.get(checkpoint.reason, "new entries")}, {checkpoint.at:%Y-%m-%d %H:%M} UTC).
Because you hold it, nobody, not even the administrator of the server, can later change or remove
one of these entries without it being found.
{_HOLDS[grade]}
{_digest(anchor)}
{lines}

The same lines, signed, are attached as {ATTACHMENT}. To check an assessor package against them:

    python3 -I verify.pyz package.zip --signers allowed_signers --anchor {ATTACHMENT}

or, with OpenSSH alone, that the organisation's key signed them (SIGNER is the first word of allowed_signers):

    ssh-keygen -Y verify -f allowed_signers -I SIGNER -n quarterdeck-checkpoint \\
        -s {checkpoint.size}.checkpoint.sig < {checkpoint.size}.checkpoint

Signing key (SHA-256 of the public key, compare with the one you were given on paper):
    {checkpoint.key_id}
SHA-256 of {ATTACHMENT}:
    {hashlib.sha256(attachment).hexdigest()}
"""
