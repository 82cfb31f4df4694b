"""Names for ids, and moments in the site's time zone: what a reader of a package needs to read its entries."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from quarterdeck.config.api import load
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.clock import parse_rfc3339
from quarterdeck.personnel import api as personnel
from quarterdeck.tools import api as tools

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z", re.ASCII)
_PROCESSES = {
    "operator": "Operator at the server",
    "ticker": "Quarterdeck (ticker)",
    "gate": "Quarterdeck (gate)",
    "signer": "Quarterdeck (signer)",
    "sealer": "Quarterdeck (sealer)",
}


class Names:
    """The names of people, assets and register items as they are when the package is made."""

    def __init__(self) -> None:
        self.people = {person.id: person for person in personnel.people()}
        self.assets = {asset.id: asset for asset in inventory.assets(include_retired=True)}
        self.items = {item.id: item for item in tools.items(include_withdrawn=True)}
        self._zone = ZoneInfo(load().time_zone)

    def actor(self, actor_id: str) -> str:
        """Return who acted: a person's name, or what a process is."""
        person = self.people.get(actor_id)
        return person.name if person else _PROCESSES.get(actor_id, actor_id)

    def people_of(self, ids: Iterable[str]) -> str:
        """Return the names of several people."""
        return ", ".join(self.actor(one) for one in ids)

    def asset(self, asset_id: str) -> str:
        """Return an asset's host name."""
        asset = self.assets.get(asset_id)
        return asset.hostname if asset else asset_id

    def item(self, item_id: str) -> str:
        """Return a register item's name and version."""
        item = self.items.get(item_id)
        return f"{item.name} {item.version}" if item else item_id

    def any(self, text: str) -> str:
        """Return the name behind an id of any kind, or the text itself."""
        if text in self.people:
            return self.actor(text)
        if text in self.assets:
            return self.asset(text)
        return self.item(text) if text in self.items else text

    def said(self, text: str) -> str:
        """Return a text of an entry for people: ids as names, moments in the site's zone."""
        if _MOMENT.fullmatch(text):
            found = self.moment(parse_rfc3339(text))
            return found["site"] if found else text
        return self.any(text)

    @property
    def zone(self) -> str:
        """IANA name of the site's time zone."""
        return self._zone.key

    def moment(self, at: datetime | None) -> dict[str, str] | None:
        """Return a moment for the templates: in the site's zone, in UTC, and for machines."""
        if at is None:
            return None
        local, utc = at.astimezone(self._zone), at.astimezone(UTC)
        site = f"{local:%Y-%m-%d %H:%M:%S} {local.tzname()}"
        told = f"{utc:%Y-%m-%d %H:%M:%S} UTC"
        return {"site": site, "utc": told, "iso": utc.isoformat(), "beside": "" if site == told else f"({told})"}
