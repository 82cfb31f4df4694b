"""What making a package needs from outside: a place for what is derived, and somebody who encrypts."""

from pathlib import Path
from typing import BinaryIO, Protocol

from quarterdeck.assessor.terms import Recipient
from quarterdeck_verify.container import Source


class Sink(Protocol):
    """Where views go while a package is made, so that none of them has to stay in memory."""

    def keep(self, name: str, content: bytes) -> Source:
        """Keep the view of this path below `data/` and return what gives its bytes again."""

    def seal(self, name: str, content: BinaryIO) -> Source:
        """Keep it encrypted to the package's recipient; never called when there is none."""


class Locksmith(Protocol):
    """Encrypts with a tool of the host, so that a host in FIPS mode uses its own module (3.13.11)."""

    def passphrase(self) -> tuple[Recipient, str]:
        """Return a new key pair locked by a new passphrase, and that passphrase, which nobody keeps."""

    def recipient(self, text: str) -> Recipient:
        """Return whom a certificate (PEM) or an age recipient names; Refused(recipient.unusable)."""

    def seal(self, recipient: Recipient, source: BinaryIO, target: Path) -> None:
        """Write `source` to `target`, encrypted; constant memory. Refused(recipient.failed)."""
