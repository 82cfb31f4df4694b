"""Keeping the inventory: the IT lead writes, owners are people of the roster, refusals are recorded.

The inventory itself knows neither roles nor people; this is where both are asked, for every way in alike.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from quarterdeck.inventory import api as inventory
from quarterdeck.inventory.api import (
    AssetFields,
    AssetView,
    ConnectionFields,
    ConnectionView,
    EntryPointFields,
    EntryPointView,
)
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import ALLOWED, Decision, all_of, refuse
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import Role
from quarterdeck.tickets.api import has_role, stepped_up
from quarterdeck.workflows.refusals import refusals_recorded


def may_keep(actor: Actor, at: datetime) -> Decision:
    """Decide whether this actor may write to inventory and registers at `at`: the IT lead or the deputy."""
    return has_role(actor, [Role.IT_LEAD], at)


def may_read(actor: Actor, at: datetime) -> Decision:
    """Decide whether this actor may read inventory and registers at `at`: whoever holds a role."""
    return has_role(actor, list(Role), at)


def known_owner(person_id: str) -> Decision:
    """Decide whether this person id may stand as owner: nobody, or an active person of the roster."""
    known = not person_id or any(one.id == person_id and one.active for one in personnel.people())
    if known:
        return ALLOWED
    return refuse(
        "owner.not_on_roster", "The owner is not an active person of the roster.", "Choose one from the list."
    )


@contextmanager
def keeping(actor: Actor, clock: Clock, rule: str, *, owner: str = "") -> Iterator[None]:
    """Let the IT lead write, with a known owner; Refused otherwise, and every refusal on record."""
    with refusals_recorded(actor, clock, rule):
        all_of([may_keep(actor, clock.now()), known_owner(owner)]).require()
        yield


def add_asset(actor: Actor, clock: Clock, fields: AssetFields) -> AssetView:
    """Add an asset and return it."""
    with keeping(actor, clock, "asset.add", owner=fields.owner):
        return inventory.add_asset(fields, actor=actor, clock=clock)


def change_asset(
    actor: Actor, clock: Clock, asset_id: str, changes: Mapping[str, Any], *, version: int | None = None
) -> AssetView:
    """Change named fields of an asset and return it; another version than the one shown is refused."""
    with keeping(actor, clock, "asset.change", owner=str(changes.get("owner", ""))):
        return inventory.change_asset(asset_id, changes, actor=actor, clock=clock, expected_version=version)


def retire_asset(actor: Actor, clock: Clock, asset_id: str) -> AssetView:
    """Take an asset out of use with its connections."""
    with keeping(actor, clock, "asset.retire"):
        return inventory.retire_asset(asset_id, actor=actor, clock=clock)


def set_connection(
    actor: Actor, clock: Clock, asset_id: str, fields: ConnectionFields, *, connection_id: str | None = None
) -> ConnectionView:
    """Add or change a connection; it takes a fresh second factor, for it says which machine the gate trusts."""
    with keeping(actor, clock, "connection.set"):
        stepped_up(actor, clock.now()).require()
        return inventory.set_connection(asset_id, fields, actor=actor, clock=clock, connection_id=connection_id)


def remove_connection(actor: Actor, clock: Clock, connection_id: str) -> None:
    """Take a connection out of use."""
    with keeping(actor, clock, "connection.remove"):
        inventory.remove_connection(connection_id, actor=actor, clock=clock)


def add_entry_point(actor: Actor, clock: Clock, fields: EntryPointFields) -> EntryPointView:
    """Add an entry point to its register and return it."""
    with keeping(actor, clock, "entry_point.add", owner=fields.owner):
        return inventory.add_entry_point(fields, actor=actor, clock=clock)


def change_entry_point(actor: Actor, clock: Clock, entry_point_id: str, changes: Mapping[str, Any]) -> EntryPointView:
    """Change named fields of an entry point and return it."""
    with keeping(actor, clock, "entry_point.change", owner=str(changes.get("owner", ""))):
        return inventory.change_entry_point(entry_point_id, changes, actor=actor, clock=clock)


def withdraw_entry_point(actor: Actor, clock: Clock, entry_point_id: str) -> EntryPointView:
    """Take an entry point out of the register: the way in has been closed."""
    with keeping(actor, clock, "entry_point.withdraw"):
        return inventory.withdraw_entry_point(entry_point_id, actor=actor, clock=clock)
