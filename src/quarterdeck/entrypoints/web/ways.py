"""Which way into an asset a ticket names, where there are several: the choice in forms, the words on pages."""

from collections.abc import Iterable, Mapping

from django import forms

from quarterdeck.entrypoints.web.words import called
from quarterdeck.inventory.api import AssetView, ConnectionView, Platform
from quarterdeck.inventory.api import Method as Way
from quarterdeck.tickets.api import Method, TicketAsset

PREFIX = "way_"


def way_words(link: ConnectionView) -> str:
    """Return a connection in one line: account, address, port, elevation and, unless it is Unix, platform."""
    words = f"{link.target_account}@{link.address}, port {link.port}, elevation {called(link.elevation.value)}"
    return words if link.platform is Platform.UNIX else f"{words}, {called(link.platform.value)}"


def usable(asset: AssetView, method: Method) -> tuple[ConnectionView, ...]:
    """Return the connections of the asset that work by this method goes through; none for work on site."""
    return tuple(one for one in asset.connections if one.method is Way.SSH) if method is Method.SSH else ()


def way_fields(assets: Iterable[AssetView]) -> dict[str, forms.ChoiceField]:
    """Return one choice for each asset that has several ways in."""
    fields = {}
    for asset in assets:
        links = usable(asset, Method.SSH)
        if len(links) > 1:
            field = forms.ChoiceField(
                label=f"Way into {asset.hostname}",
                choices=[(one.id, way_words(one)) for one in links],
                required=False,
                help_text="It is part of what is approved.",
            )
            # Read by the template: the choice matters while the asset is ticked.
            field.widget.attrs["data-when"] = f"[name=assets][value={asset.id}]"
            fields[f"{PREFIX}{asset.id}"] = field
    return fields


def place(asset: AssetView, method: Method, said: Mapping[str, object]) -> TicketAsset:
    """Name the asset with the way in that was chosen, else with its first one."""
    links = usable(asset, method)
    chosen = said.get(f"{PREFIX}{asset.id}")
    if chosen and any(one.id == chosen for one in links):
        return TicketAsset(asset.id, str(chosen))
    return TicketAsset(asset.id, links[0].id if links else "")


def initial_ways(named: Iterable[TicketAsset]) -> dict[str, str]:
    """Return the form's values for the ways that a ticket names."""
    return {f"{PREFIX}{one.asset_id}": one.connection_id for one in named if one.connection_id}


def told(named: TicketAsset, asset: AssetView) -> str:
    """Say which way in is named, and that there are others; empty where the work goes through none."""
    link = next((one for one in asset.connections if one.id == named.connection_id), None)
    if link is None:
        return "a way in that was removed" if named.connection_id else ""
    others = len(asset.connections) - 1
    return way_words(link) + (f" ({others} other{'s' if others > 1 else ''} not named)" if others else "")
