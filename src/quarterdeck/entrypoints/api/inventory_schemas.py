"""What assets and connections look like on the wire: typed bodies in, typed views out."""

from datetime import date, datetime
from typing import Any

from ninja import Schema
from pydantic import ConfigDict

from quarterdeck.inventory.api import (
    AssetCategory,
    AssetFields,
    AssetKind,
    AssetView,
    ConnectionFields,
    ConnectionView,
    Criticality,
    Elevation,
    Environment,
    Method,
    Platform,
    Recurrence,
)
from quarterdeck.kernel.windows import Window


class RecurrenceIn(Schema):
    """A maintenance window that comes back: RRULE in local time, minutes, IANA zone."""

    model_config = ConfigDict(extra="forbid")

    rrule: str
    minutes: int
    zone: str
    starts_on: date | None = None

    def recurrence(self) -> Recurrence:
        """Return the body as the inventory's value."""
        if self.starts_on is None:
            return Recurrence(self.rrule, self.minutes, self.zone)
        return Recurrence(self.rrule, self.minutes, self.zone, self.starts_on)


class RecurrenceOut(Schema):
    """A maintenance window that comes back."""

    rrule: str
    minutes: int
    zone: str
    starts_on: date


class WindowOut(Schema):
    """One window in UTC: the first instant is inside, the last is not."""

    from_: datetime
    until: datetime

    @classmethod
    def of(cls, window: Window) -> "WindowOut":
        """Return the window as it goes over the wire."""
        return cls(from_=window.from_, until=window.until)


class ConnectionIn(Schema):
    """How an asset is reached; an empty host identity means that nothing opens yet."""

    model_config = ConfigDict(extra="forbid")

    address: str
    target_account: str
    port: int = 22
    host_identity: str = ""
    elevation: Elevation = Elevation.NONE
    watched_roots: list[str] = []
    method: Method = Method.SSH
    platform: Platform = Platform.UNIX

    def fields(self) -> ConnectionFields:
        """Return the body as the inventory's value."""
        return ConnectionFields(
            address=self.address,
            target_account=self.target_account,
            port=self.port,
            host_identity=self.host_identity,
            elevation=self.elevation,
            watched_roots=tuple(self.watched_roots),
            method=self.method,
            platform=self.platform,
        )


class ConnectionOut(Schema):
    """One way to an asset."""

    id: str
    asset: str
    method: Method
    address: str
    port: int
    host_identity: str
    target_account: str
    elevation: Elevation
    watched_roots: list[str]
    platform: Platform

    @classmethod
    def of(cls, view: ConnectionView) -> "ConnectionOut":
        """Return the view as it goes over the wire."""
        return cls(
            id=view.id,
            asset=view.asset_id,
            method=view.method,
            address=view.address,
            port=view.port,
            host_identity=view.host_identity,
            target_account=view.target_account,
            elevation=view.elevation,
            watched_roots=list(view.watched_roots),
            platform=view.platform,
        )


class AssetIn(Schema):
    """A new asset; `owner` is a person id, `depends_on` are asset ids."""

    model_config = ConfigDict(extra="forbid")

    hostname: str
    category: AssetCategory
    title: str = ""
    owner: str = ""
    category_reason: str = ""
    handles_cui: bool = False
    location: str = ""
    criticality: Criticality = Criticality.MODERATE
    environment: Environment = Environment.PRODUCTION
    operating_system: str = ""
    firmware: str = ""
    patch_level: str = ""
    asset_kind: AssetKind = AssetKind.OTHER
    maintenance_window: RecurrenceIn | None = None
    depends_on: list[str] = []

    def fields(self) -> AssetFields:
        """Return the body as the inventory's value."""
        return AssetFields(**values_of(self))


class AssetChangeIn(Schema):
    """Fields of an asset to change, the others stay; `version` is the one that was read."""

    model_config = ConfigDict(extra="forbid")

    version: int
    hostname: str = ""
    category: AssetCategory = AssetCategory.CUI_ASSET
    title: str = ""
    owner: str = ""
    category_reason: str = ""
    handles_cui: bool = False
    location: str = ""
    criticality: Criticality = Criticality.MODERATE
    environment: Environment = Environment.PRODUCTION
    operating_system: str = ""
    firmware: str = ""
    patch_level: str = ""
    asset_kind: AssetKind = AssetKind.OTHER
    maintenance_window: RecurrenceIn | None = None
    depends_on: list[str] = []

    def changes(self) -> dict[str, object]:
        """Return only the fields that the request named."""
        return {name: value for name, value in values_of(self).items() if name in self.model_fields_set - {"version"}}


class AssetOut(Schema):
    """One asset with its connections."""

    id: str
    version: int
    active: bool
    hostname: str
    title: str
    owner: str
    category: AssetCategory
    category_reason: str
    handles_cui: bool
    location: str
    criticality: Criticality
    environment: Environment
    operating_system: str
    firmware: str
    patch_level: str
    asset_kind: AssetKind
    maintenance_window: RecurrenceOut | None
    depends_on: list[str]
    connections: list[ConnectionOut]

    @classmethod
    def of(cls, view: AssetView) -> "AssetOut":
        """Return the view as it goes over the wire."""
        return cls(
            id=view.id,
            version=view.version,
            active=view.active,
            hostname=view.hostname,
            title=view.title,
            owner=view.owner,
            category=view.category,
            category_reason=view.category_reason,
            handles_cui=view.handles_cui,
            location=view.location,
            criticality=view.criticality,
            environment=view.environment,
            operating_system=view.operating_system,
            firmware=view.firmware,
            patch_level=view.patch_level,
            asset_kind=view.asset_kind,
            maintenance_window=None if view.maintenance_window is None else _recurrence_out(view.maintenance_window),
            depends_on=list(view.depends_on),
            connections=[ConnectionOut.of(one) for one in view.connections],
        )


class AssetPageOut(Schema):
    """One asset, what depends on it, and its next maintenance windows in UTC."""

    asset: AssetOut
    needed_by: list[str]
    next_windows: list[WindowOut]


def values_of(body: Schema) -> dict[str, Any]:
    """Return the body's fields with lists as tuples and the window as the inventory's value."""
    values: dict[str, Any] = {name: getattr(body, name) for name in type(body).model_fields}
    for name, value in values.items():
        if isinstance(value, list):
            values[name] = tuple(value)
        elif isinstance(value, RecurrenceIn):
            values[name] = value.recurrence()
    return values


def _recurrence_out(window: Recurrence) -> RecurrenceOut:
    return RecurrenceOut(rrule=window.rrule, minutes=window.minutes, zone=window.zone, starts_on=window.starts_on)
