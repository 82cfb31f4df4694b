"""What access needs from outside: a signer for entry certificates, and a stranger's knock at a target's ssh server."""

from datetime import datetime
from typing import Protocol

from quarterdeck.access.places import Destination
from quarterdeck.access.sole_path import Probe


class EntrySigner(Protocol):
    """The process that holds the entry authority's key."""

    def entry(self, grant: str) -> str:
        """Return the certificate (one OpenSSH line) for a work grant; raises Refused with the signer's reasons."""


class Stranger(Protocol):
    """Somebody without any certificate of ours who tries a target's doors."""

    def knock(self, destination: Destination, *, source: str, now: datetime) -> Probe:
        """Return what one port offered and whether anything opened it."""

    def speaks_ssh(self, address: str, port: int) -> bool:
        """Return whether an ssh server greets on this port."""
