"""A first look at a target from outside, before any ticket: is it reached, is it the pinned host, does it offer more
than public keys. It proves nothing; the proof with the target's own settings is taken when a ticket is prepared.
"""

from quarterdeck.access import api as access
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.personnel.api import Role
from quarterdeck.tickets import api as tickets
from quarterdeck.workflows.refusals import refusals_recorded


def try_doors(
    actor: Actor, clock: Clock, *, asset_id: str, connection_id: str, stranger: access.Stranger, source: str
) -> list[str]:
    """Knock as a stranger and return one sentence for each door that stands open; empty when none does.

    Only the IT lead may; Refused for a connection that is not the asset's or has no host key pinned.
    """
    with refusals_recorded(actor, clock, "target.try"):
        tickets.has_role(actor, [Role.IT_LEAD], clock.now()).require()
        destination = access.destination_of(asset_id, connection_id)
    return access.doors_of_probe(stranger.knock(destination, source=source, now=clock.now()))
