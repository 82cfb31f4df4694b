"""Rows of the inventory and the constraints that the database itself keeps.

Every row carries a random salt: its digest stands in a ledger entry and must not let anyone guess a name or address.
"""

import secrets
from enum import StrEnum

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from quarterdeck.inventory.check_terms import CheckKind, CheckPhase
from quarterdeck.inventory.recurrence import FIRST_MONDAY, MAX_MINUTES
from quarterdeck.inventory.terms import (
    AssetCategory,
    AssetKind,
    Criticality,
    Elevation,
    EntryPointKind,
    Environment,
    Method,
    Platform,
    SecondFactor,
)


def new_salt() -> str:
    """Return 128 random bits as hex."""
    return secrets.token_hex(16)


def _choices(kind: type[StrEnum]) -> list[tuple[str, str]]:
    return [(str(member), str(member).replace("_", " ")) for member in kind]


def _one_of(field: str, kind: type[StrEnum], name: str) -> models.CheckConstraint:
    return models.CheckConstraint(condition=Q(**{f"{field}__in": [str(member) for member in kind]}), name=name)


class InventoryRow(models.Model):
    """What all rows share: an id, a salt, a count of changes, and whether the thing is still there."""

    id = models.CharField(primary_key=True, max_length=24)
    salt = models.CharField(max_length=32, default=new_salt, editable=False)
    version = models.PositiveIntegerField(default=1)
    active = models.BooleanField(default=True)
    added_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        abstract = True


class Asset(InventoryRow):
    """One inventory item; `owner` is a person id, `depends_on` a sorted list of asset ids."""

    hostname = models.CharField(max_length=253)
    title = models.CharField(max_length=120, blank=True)
    owner = models.CharField(max_length=40, blank=True)
    category = models.CharField(max_length=24, choices=_choices(AssetCategory))
    category_reason = models.CharField(max_length=400, blank=True)
    handles_cui = models.BooleanField()
    location = models.CharField(max_length=120, blank=True)
    criticality = models.CharField(max_length=8, choices=_choices(Criticality))
    environment = models.CharField(max_length=10, choices=_choices(Environment))
    operating_system = models.CharField(max_length=120, blank=True)
    firmware = models.CharField(max_length=120, blank=True)
    patch_level = models.CharField(max_length=120, blank=True)
    asset_kind = models.CharField(max_length=12, choices=_choices(AssetKind))
    window_rule = models.CharField(max_length=200, blank=True)
    window_minutes = models.PositiveIntegerField(default=0)
    window_zone = models.CharField(max_length=64, blank=True)
    window_starts_on = models.DateField(default=FIRST_MONDAY)
    depends_on = models.JSONField(default=list)

    class Meta:
        ordering = ["hostname", "id"]
        constraints = [
            models.UniqueConstraint(fields=["hostname"], condition=Q(active=True), name="asset_hostname_once"),
            models.CheckConstraint(condition=Q(hostname=Lower("hostname")), name="asset_hostname_lower_case"),
            models.CheckConstraint(condition=~Q(hostname__startswith="-"), name="asset_hostname_no_option"),
            _one_of("category", AssetCategory, "asset_category_known"),
            _one_of("criticality", Criticality, "asset_criticality_known"),
            _one_of("environment", Environment, "asset_environment_known"),
            _one_of("asset_kind", AssetKind, "asset_kind_known"),
            models.CheckConstraint(
                condition=Q(handles_cui=False)
                | Q(category__in=[str(AssetCategory.CUI_ASSET), str(AssetCategory.SPECIALIZED)]),
                name="asset_cui_has_its_category",
            ),
            models.CheckConstraint(
                condition=~Q(category=str(AssetCategory.CUI_ASSET)) | Q(handles_cui=True),
                name="asset_of_cui_handles_cui",
            ),
            models.CheckConstraint(
                condition=~Q(category=str(AssetCategory.OUT_OF_SCOPE)) | ~Q(category_reason=""),
                name="asset_out_of_scope_has_reason",
            ),
            models.CheckConstraint(
                condition=Q(window_rule="", window_minutes=0, window_zone="")
                | (~Q(window_rule="") & ~Q(window_zone="") & Q(window_minutes__range=(1, MAX_MINUTES))),
                name="asset_window_whole_or_none",
            ),
        ]

    def __str__(self) -> str:
        return self.hostname


class Connection(InventoryRow):
    """How an asset is reached; an inactive one is kept, because approved tickets name it."""

    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="connections")
    method = models.CharField(max_length=8, choices=_choices(Method))
    address = models.CharField(max_length=253)
    port = models.PositiveIntegerField()
    host_identity = models.CharField(max_length=1300, blank=True)
    target_account = models.CharField(max_length=32, blank=True)
    elevation = models.CharField(max_length=8, choices=_choices(Elevation))
    watched_roots = models.JSONField(default=list)
    platform = models.CharField(max_length=16, choices=_choices(Platform), default=str(Platform.UNIX))

    class Meta:
        ordering = ["asset_id", "added_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["asset", "method", "address", "port", "target_account"],
                condition=Q(active=True),
                name="connection_once",
            ),
            models.CheckConstraint(condition=Q(port__range=(1, 65535)), name="connection_port_exists"),
            models.CheckConstraint(
                condition=~Q(address="") & ~Q(address__startswith="-"), name="connection_address_no_option"
            ),
            models.CheckConstraint(
                condition=~Q(target_account__startswith="-"),
                name="connection_account_no_option",
            ),
            models.CheckConstraint(
                condition=Q(target_account="root", elevation=str(Elevation.ROOT))
                | (~Q(target_account="root") & ~Q(elevation=str(Elevation.ROOT))),
                name="connection_root_is_root",
            ),
            _one_of("method", Method, "connection_method_known"),
            _one_of("elevation", Elevation, "connection_elevation_known"),
            _one_of("platform", Platform, "connection_platform_known"),
        ]

    def __str__(self) -> str:
        return f"{self.target_account or 'no account'} at {self.address}"


class EntryPoint(InventoryRow):
    """A way in that lets somebody maintain; `assets` are ids of the assets it leads to."""

    kind = models.CharField(max_length=16, choices=_choices(EntryPointKind))
    name = models.CharField(max_length=120)
    mfa = models.CharField(max_length=16, choices=_choices(SecondFactor))
    termination = models.CharField(max_length=400, blank=True)
    log_source = models.CharField(max_length=200, blank=True)
    owner = models.CharField(max_length=40, blank=True)
    review_due = models.DateField(null=True)
    assets = models.JSONField(default=list)

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["name"], condition=Q(active=True), name="entry_point_name_once"),
            models.CheckConstraint(condition=~Q(name=""), name="entry_point_has_name"),
            _one_of("kind", EntryPointKind, "entry_point_kind_known"),
            _one_of("mfa", SecondFactor, "entry_point_mfa_known"),
            models.CheckConstraint(
                condition=~Q(mfa=str(SecondFactor.NOT_APPLICABLE)) | Q(kind=str(EntryPointKind.PANEL)),
                name="entry_point_mfa_or_panel",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class CheckDefinition(InventoryRow):
    """What is asked of assets before and after work; `values` belong to the kind, `assets` are where it is made."""

    kind = models.CharField(max_length=12, choices=_choices(CheckKind))
    name = models.CharField(max_length=120)
    phase = models.CharField(max_length=6, choices=_choices(CheckPhase))
    values = models.JSONField(default=dict)
    assets = models.JSONField(default=list)

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["name"], condition=Q(active=True), name="check_name_once"),
            models.CheckConstraint(condition=~Q(name=""), name="check_has_name"),
            _one_of("kind", CheckKind, "check_kind_known"),
            _one_of("phase", CheckPhase, "check_phase_known"),
        ]

    def __str__(self) -> str:
        return self.name
