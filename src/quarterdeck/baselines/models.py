"""Rows of baselines: what was measured, and the differences. Manifests and lists of changes are artifacts, not rows."""

from django.db import models
from django.db.models import F, Q

from quarterdeck.baselines.diff import ChangeKind
from quarterdeck.baselines.rules import Disposition, DriftClass, Phase, Severity
from quarterdeck.baselines.watch_rules import RunOutcome

_UNDER_A_TICKET = Q(ticket__isnull=False, plan="")
_UNDER_A_PLAN = Q(ticket__isnull=True) & ~Q(plan="")


class Baseline(models.Model):
    """One finished measurement of an asset's watched files, for a ticket or under a monitoring plan."""

    id = models.CharField(primary_key=True, max_length=32)
    ticket = models.ForeignKey("tickets.MaintenanceTicket", on_delete=models.PROTECT, null=True, related_name="+")
    plan = models.CharField(max_length=32, blank=True)
    asset = models.CharField(max_length=32)
    connection = models.CharField(max_length=32)
    phase = models.CharField(max_length=8)
    manifest_sha256 = models.CharField(max_length=64)
    posture_sha256 = models.CharField(max_length=64)
    account_sha256 = models.CharField(max_length=64)
    entries = models.PositiveIntegerField()
    unreadable = models.PositiveIntegerField()
    hashed = models.PositiveIntegerField()
    complete = models.BooleanField()
    collector_sha256 = models.CharField(max_length=64)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    entry = models.CharField(max_length=64)

    class Meta:
        indexes = [
            models.Index(fields=["ticket", "asset", "phase"], name="baseline_by_ticket_asset"),
            models.Index(fields=["asset", "recorded_at"], name="baseline_by_asset_time"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(phase__in=[p.value for p in Phase]), name="baseline_phase_known"),
            models.CheckConstraint(condition=Q(started_at__lte=F("finished_at")), name="baseline_ordered"),
            models.CheckConstraint(condition=Q(unreadable__lte=F("entries")), name="baseline_counts_agree"),
            models.CheckConstraint(
                condition=Q(phase=Phase.BETWEEN.value) & _UNDER_A_PLAN
                | ~Q(phase=Phase.BETWEEN.value) & _UNDER_A_TICKET,
                name="baseline_under_ticket_or_plan",
            ),
        ]


class MonitoringRun(models.Model):
    """One attempt to measure under a monitoring plan: measured, or failed with the sentence why."""

    plan = models.CharField(max_length=32)
    asset = models.CharField(max_length=32)
    outcome = models.CharField(max_length=8)
    said = models.TextField(blank=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()
    baseline = models.ForeignKey(Baseline, on_delete=models.PROTECT, null=True, related_name="+")
    entry = models.CharField(max_length=64)

    class Meta:
        indexes = [models.Index(fields=["plan"], name="run_by_plan")]
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome=RunOutcome.MEASURED.value, baseline__isnull=False, said="")
                | Q(outcome=RunOutcome.FAILED.value, baseline__isnull=True) & ~Q(said=""),
                name="run_measured_or_says_why",
            ),
        ]


class DriftComparison(models.Model):
    """The difference between two baselines of an asset; for a ticket the newest counts, nothing is deleted.

    Under a monitoring plan it is a finding: what differs between two measurements and no ticket's comparison covers.
    """

    ticket = models.ForeignKey("tickets.MaintenanceTicket", on_delete=models.PROTECT, null=True, related_name="+")
    plan = models.CharField(max_length=32, blank=True)
    asset = models.CharField(max_length=32)
    before = models.ForeignKey(Baseline, on_delete=models.PROTECT, related_name="+")
    after = models.ForeignKey(Baseline, on_delete=models.PROTECT, related_name="+")
    touched = models.PositiveIntegerField()
    posture = models.JSONField()
    document_sha256 = models.CharField(max_length=64)
    compared_at = models.DateTimeField()
    entry = models.CharField(max_length=64)

    class Meta:
        indexes = [models.Index(fields=["ticket", "asset"], name="drift_by_ticket_asset")]
        constraints = [
            models.CheckConstraint(condition=_UNDER_A_TICKET | _UNDER_A_PLAN, name="drift_under_ticket_or_plan")
        ]


class DriftItem(models.Model):
    """One difference that is expected, or that a person has to explain."""

    comparison = models.ForeignKey(DriftComparison, on_delete=models.PROTECT, related_name="items")
    source = models.CharField(max_length=8)
    path = models.BinaryField()
    kind = models.CharField(max_length=10)
    drift_class = models.CharField(max_length=11)
    severity = models.CharField(max_length=9)
    codes = models.JSONField()
    package = models.CharField(max_length=120, blank=True)
    count = models.PositiveIntegerField(default=1)
    fingerprint = models.CharField(max_length=64)
    disposition = models.CharField(max_length=9, blank=True)
    disposed_by = models.CharField(max_length=32, blank=True)
    disposed_at = models.DateTimeField(null=True)
    reason_sha256 = models.CharField(max_length=64, blank=True)
    explained_by = models.CharField(max_length=16, blank=True)
    entry = models.CharField(max_length=64, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=[k.value for k in ChangeKind]), name="drift_kind_known"),
            models.CheckConstraint(
                condition=Q(drift_class__in=[c.value for c in DriftClass]), name="drift_class_known"
            ),
            models.CheckConstraint(condition=Q(severity__in=[s.value for s in Severity]), name="drift_severity_known"),
            models.CheckConstraint(
                condition=Q(disposition="", disposed_by="", disposed_at__isnull=True, reason_sha256="")
                | Q(disposition__in=[d.value for d in Disposition], disposed_at__isnull=False)
                & ~Q(disposed_by="")
                & ~Q(reason_sha256=""),
                name="drift_disposed_by_somebody_with_a_reason",
            ),
        ]


class DriftRules(models.Model):
    """A version of the rules file of drift, never changed, only followed by the next."""

    version = models.PositiveIntegerField(primary_key=True)
    text = models.TextField()
    sha256 = models.CharField(max_length=64)
    adopted_by = models.CharField(max_length=40)
    adopted_at = models.DateTimeField()
    entry = models.CharField(max_length=64)
