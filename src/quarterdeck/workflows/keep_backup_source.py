"""Naming where an asset's backups are: an act of the IT lead."""

from quarterdeck.backups import api as backups
from quarterdeck.backups.api import Source
from quarterdeck.evidence.api import act
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.workflows.refusals import refusals_recorded


def keep(actor: Actor, clock: Clock, source: Source) -> Source:
    """Set the asset's backup source; Refused for anybody but the IT lead, or for a source that can't be used."""
    with refusals_recorded(actor, clock, "backup_source.keep"):
        inventory.asset(source.asset)
        with act(actor, clock) as current:
            return backups.set_source(current, source)
