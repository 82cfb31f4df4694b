"""What access needs from outside: a signer for entry certificates, a stranger's knock, and who places sudo rules."""

from datetime import datetime
from typing import Protocol

from quarterdeck.access.elevation import RuleSeen
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


class ElevationChannel(Protocol):
    """Places and takes away a ticket's sudo rule on a target; what it says was read back from the target."""

    def allow(self, *, ticket: str, asset_id: str, connection_id: str) -> RuleSeen:
        """Place the rule of an open ticket; raises RuleFailed with a sentence."""

    def withdraw(self, *, ticket: str, asset_id: str, connection_id: str) -> RuleSeen:
        """Take the ticket's rule away; raises RuleFailed with a sentence."""
