"""Names for ids, looked up once per page."""

from functools import cached_property

from quarterdeck.inventory import api as inventory
from quarterdeck.inventory.api import AssetView
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import PersonView
from quarterdeck.tickets.api import TicketView


class Names:
    """People and assets by id; an unknown id is shown as it is, never hidden."""

    @cached_property
    def people(self) -> dict[str, PersonView]:
        """Everybody by id."""
        return {person.id: person for person in personnel.people()}

    @cached_property
    def assets(self) -> dict[str, AssetView]:
        """Every asset by id, retired ones included."""
        return {asset.id: asset for asset in inventory.assets(include_retired=True)}

    def person(self, person_id: str) -> str:
        """Return the person's name."""
        found = self.people.get(person_id)
        return person_id if found is None else found.name

    def asset(self, asset_id: str) -> str:
        """Return the asset's host name."""
        found = self.assets.get(asset_id)
        return asset_id if found is None else found.hostname

    def is_cui(self, ticket: TicketView) -> bool:
        """True when the ticket names an asset that handles CUI."""
        return any(named.asset_id in self.assets and self.assets[named.asset_id].handles_cui for named in ticket.assets)

    def hosts(self, ticket: TicketView) -> str:
        """Return the ticket's host names."""
        return ", ".join(self.asset(named.asset_id) for named in ticket.assets)

    def workers(self, ticket: TicketView) -> str:
        """Return who does the work: names, or the pool's."""
        named = ", ".join(self.person(person_id) for person_id in ticket.technicians)
        if ticket.content.pool_id:
            pool = personnel.pool(ticket.content.pool_id).name
            return f"{named}, {pool}" if named else pool
        return named

    @cached_property
    def all(self) -> dict[str, str]:
        """Every id with its name, for texts that may hold either."""
        return {key: person.name for key, person in self.people.items()} | {
            key: asset.hostname for key, asset in self.assets.items()
        }
