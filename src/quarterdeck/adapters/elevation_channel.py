"""Places and withdraws a ticket's sudo rule on a target: a grant and a certificate whose one command is the order.

What is to be placed is derived by the signer; this process can only ask for it. The target's answer is read back and
compared with what was signed, so that a rule that is not there is never told as placed.
"""

import json
from typing import Protocol

from quarterdeck.access import api as access
from quarterdeck.adapters.measure_channel import CollectorOverSsh, measuring_grant
from quarterdeck.baselines.api import MeasureFailed
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock

_LONGEST_ANSWER = 256 * 1024


class ElevationSigner(Protocol):
    """Where the certificate of an order comes from."""

    def elevate(self, grant: str, public_key: str, action: str) -> access.SignedOrder:
        """Return certificate, end and text of the rule; raises Refused when the signer says no."""


class SshElevationChannel(CollectorOverSsh):
    """Fulfils the port `ElevationChannel` of access over OpenSSH."""

    def __init__(self, signer: ElevationSigner, *, actor: Actor, clock: Clock) -> None:
        super().__init__(actor=actor, clock=clock, timeout=120.0)
        self._orders = signer

    def allow(self, *, ticket: str, asset_id: str, connection_id: str) -> access.RuleSeen:
        """Place the rule and return what the target shows afterwards; RuleFailed with a sentence."""
        return self._told("allow", ticket, asset_id, connection_id)

    def withdraw(self, *, ticket: str, asset_id: str, connection_id: str) -> access.RuleSeen:
        """Take the rule away and return what the target shows afterwards; RuleFailed with a sentence."""
        return self._told("withdraw", ticket, asset_id, connection_id)

    def _told(self, action: str, ticket: str, asset_id: str, connection_id: str) -> access.RuleSeen:
        signed: list[access.SignedOrder] = []

        def sign(grant: str, public_key: str, _: list[str]) -> str:
            signed.append(self._orders.elevate(grant, public_key, action))
            return signed[0].certificate

        give = measuring_grant(ticket, asset_id, connection_id, access.helper_sha256())
        try:
            with self._collecting(give, sign, (), b"") as output:
                said = output.read(_LONGEST_ANSWER)
                output.read()
            return access.rule_seen(action, ticket, signed[0], _object(said))
        except (MeasureFailed, ValueError) as error:
            raise access.RuleFailed(str(error)) from error


def _object(said: bytes) -> dict[str, object]:
    found = json.loads(said)
    if not isinstance(found, dict):
        raise access.RuleFailed("The target's answer is not understood.")
    return found
