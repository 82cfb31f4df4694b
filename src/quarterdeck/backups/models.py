"""Rows of backups: where an asset's backups are, and each proof that one is fresh and verified."""

from django.db import models
from django.db.models import F, Q

from quarterdeck.backups.terms import Against, Depth, Product, SnapshotState


class BackupSource(models.Model):
    """Where an asset's backups are; holds the path of a credential file, never a secret."""

    id = models.CharField(primary_key=True, max_length=32)
    asset = models.ForeignKey("inventory.Asset", on_delete=models.PROTECT, related_name="+")
    product = models.CharField(max_length=8)
    repository = models.CharField(max_length=600)
    credential_file = models.CharField(max_length=260, blank=True)
    host = models.CharField(max_length=253, blank=True)
    path = models.CharField(max_length=260, blank=True)
    tag = models.CharField(max_length=64, blank=True)
    depth = models.CharField(max_length=9)
    max_age = models.DurationField()
    active = models.BooleanField(default=True)
    offline = models.CharField(max_length=200, blank=True, default="")
    offline_days = models.PositiveIntegerField(default=0)
    contract_days = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(product__in=[p.value for p in Product]), name="backup_product_known"),
            models.CheckConstraint(condition=Q(depth__in=[d.value for d in Depth]), name="backup_depth_known"),
        ]


class BackupProof(models.Model):
    """What was found out about one backup for a ticket, good or bad; never changed."""

    id = models.CharField(primary_key=True, max_length=32)
    ticket = models.ForeignKey("tickets.MaintenanceTicket", on_delete=models.PROTECT, related_name="+")
    asset = models.ForeignKey("inventory.Asset", on_delete=models.PROTECT, related_name="+")
    source = models.ForeignKey(BackupSource, on_delete=models.PROTECT, null=True, related_name="+")
    product = models.CharField(max_length=8)
    snapshot = models.CharField(max_length=200)
    taken_at = models.DateTimeField()
    verified_at = models.DateTimeField()
    verified = models.BooleanField()
    encrypted = models.BooleanField(null=True)
    size = models.BigIntegerField()
    valid_until = models.DateTimeField()
    attached = models.BooleanField()
    sentence = models.CharField(max_length=400, blank=True)
    log_sha256 = models.CharField(max_length=64)
    recorded_at = models.DateTimeField()
    entry = models.CharField(max_length=64)

    class Meta:
        indexes = [models.Index(fields=["ticket", "asset"], name="proof_by_ticket_asset")]
        constraints = [
            models.CheckConstraint(condition=Q(size__gte=0), name="proof_size_not_negative"),
            models.CheckConstraint(condition=Q(valid_until__gte=F("taken_at")), name="proof_valid_after_backup"),
        ]


class TicketSnapshot(models.Model):
    """A snapshot that was taken under a ticket, and where it stands."""

    id = models.CharField(primary_key=True, max_length=32)
    ticket = models.ForeignKey("tickets.MaintenanceTicket", on_delete=models.PROTECT, related_name="+")
    asset = models.ForeignKey("inventory.Asset", on_delete=models.PROTECT, related_name="+")
    source = models.ForeignKey(BackupSource, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=300)
    taken_at = models.DateTimeField()
    state = models.CharField(max_length=8)
    sentence = models.CharField(max_length=400, blank=True)
    entry = models.CharField(max_length=64)

    class Meta:
        indexes = [models.Index(fields=["ticket", "asset"], name="snapshot_by_ticket_asset")]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=[s.value for s in SnapshotState]), name="snapshot_state_known"
            ),
        ]


class DrillPlanRow(models.Model):
    """How often a restore of an asset is tried; a changed plan is a new row."""

    id = models.CharField(primary_key=True, max_length=32)
    asset = models.ForeignKey("inventory.Asset", on_delete=models.PROTECT, related_name="+")
    against = models.CharField(max_length=8)
    scratch = models.CharField(max_length=300)
    every = models.DurationField()
    since = models.DateTimeField()
    asked_at = models.DateTimeField(null=True)
    active = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(against__in=[a.value for a in Against]), name="drill_against_known"),
            models.UniqueConstraint(fields=["asset"], condition=Q(active=True), name="drill_one_plan_of_asset"),
        ]


class RestoreDrill(models.Model):
    """One tried restore and what came of it; never changed."""

    id = models.CharField(primary_key=True, max_length=32)
    plan = models.ForeignKey(DrillPlanRow, on_delete=models.PROTECT, related_name="+")
    asset = models.ForeignKey("inventory.Asset", on_delete=models.PROTECT, related_name="+")
    product = models.CharField(max_length=8)
    snapshot = models.CharField(max_length=200, blank=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()
    passed = models.BooleanField()
    same = models.PositiveIntegerField()
    different = models.PositiveIntegerField()
    missing = models.PositiveIntegerField()
    newer = models.PositiveIntegerField()
    sentence = models.CharField(max_length=400, blank=True)
    log_sha256 = models.CharField(max_length=64)
    entry = models.CharField(max_length=64)

    class Meta:
        indexes = [models.Index(fields=["asset", "-finished_at"], name="drill_by_asset")]


class ReimagePlanRow(models.Model):
    """How workstations are imaged anew; a changed plan is a new row."""

    id = models.CharField(primary_key=True, max_length=32)
    image = models.CharField(max_length=80)
    version = models.CharField(max_length=40)
    owner = models.ForeignKey("personnel.Person", on_delete=models.PROTECT, related_name="+")
    tested_at = models.DateTimeField()
    review_by = models.DateTimeField()
    steps_sha256 = models.CharField(max_length=64)
    active = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["image"], condition=Q(active=True), name="reimage_one_plan_of_image"),
        ]


class ReimageCover(models.Model):
    """An asset that a reimage plan brings back."""

    plan = models.ForeignKey(ReimagePlanRow, on_delete=models.PROTECT, related_name="covers")
    asset = models.ForeignKey("inventory.Asset", on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["plan", "asset"], name="reimage_asset_once")]
