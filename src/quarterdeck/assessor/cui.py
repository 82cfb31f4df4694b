"""Whether a ticket is about CUI, as it was frozen for approval or as the inventory says now: the stricter counts."""

from collections.abc import Set as AbstractSet

from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.decision import Refused
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import TicketView


def cui_assets() -> frozenset[str]:
    """Return the assets that handle CUI now, retired ones included."""
    return frozenset(asset.id for asset in inventory.assets(include_retired=True) if asset.handles_cui)


def handles_cui(view: TicketView, cui: AbstractSet[str]) -> bool:
    """True when one of the ticket's assets is in `cui`, or handled CUI when the work was frozen for approval."""
    if any(named.asset_id in cui for named in view.assets):
        return True
    try:
        frozen = tickets.frozen_snapshot(view.number).get("assets")
    except Refused:
        return True  # nobody can show any more that it did not
    return isinstance(frozen, list) and any(isinstance(one, dict) and one.get("handles_cui") is True for one in frozen)
