"""The rows of access; every change of a grant is sealed with the digest of its fields in a ledger entry."""

from django.db import models
from django.db.models import F, Q

from quarterdeck.access.terms import (
    LONGEST_CADENCE_HOURS,
    SHORTEST_CADENCE_HOURS,
    GrantState,
    PlanState,
    Purpose,
    RuleState,
)
from quarterdeck.tickets.terms import ApprovalRole, Verdict


class MonitoringPlan(models.Model):
    """A standing authority for the system to measure one asset at a cadence; never deleted, never edited."""

    id = models.CharField(primary_key=True, max_length=32)
    asset = models.ForeignKey("inventory.Asset", on_delete=models.PROTECT, related_name="+")
    connection = models.ForeignKey("inventory.Connection", on_delete=models.PROTECT, related_name="+")
    collector_sha256 = models.CharField(max_length=64)
    cadence_hours = models.PositiveSmallIntegerField()
    valid_until = models.DateTimeField()
    reason = models.TextField()
    proposer = models.ForeignKey("personnel.Person", on_delete=models.PROTECT, related_name="+")
    proposed_at = models.DateTimeField()
    state = models.CharField(max_length=8, db_index=True, default=PlanState.PROPOSED.value)
    state_at = models.DateTimeField()
    content_hash = models.CharField(max_length=64)
    epoch = models.BigIntegerField()
    ended_by = models.CharField(max_length=32, blank=True)
    end_reason = models.TextField(blank=True)
    differences = models.JSONField(default=list)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=[s.value for s in PlanState]), name="plan_state_known"),
            models.CheckConstraint(
                condition=Q(cadence_hours__gte=SHORTEST_CADENCE_HOURS, cadence_hours__lte=LONGEST_CADENCE_HOURS),
                name="plan_cadence_sensible",
            ),
            models.CheckConstraint(condition=Q(proposed_at__lt=F("valid_until")), name="plan_ordered"),
            models.UniqueConstraint(
                fields=["connection"],
                condition=Q(state__in=[PlanState.PROPOSED.value, PlanState.APPROVED.value]),
                name="one_live_plan_per_connection",
            ),
        ]


class PlanDecision(models.Model):
    """One person's decision in one role on a plan's exact content; nobody decides twice on one plan."""

    plan = models.ForeignKey(MonitoringPlan, on_delete=models.PROTECT, related_name="decision_rows")
    role = models.CharField(max_length=10)
    verdict = models.CharField(max_length=10)
    person = models.ForeignKey("personnel.Person", on_delete=models.PROTECT, related_name="+")
    content_hash = models.CharField(max_length=64)
    reason = models.TextField()
    at = models.DateTimeField()
    entry = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["plan", "person"], name="one_plan_decision_per_person"),
            models.CheckConstraint(
                condition=Q(role__in=[r.value for r in ApprovalRole]), name="plan_decision_role_known"
            ),
            models.CheckConstraint(
                condition=Q(verdict__in=[v.value for v in Verdict]), name="plan_decision_verdict_known"
            ),
        ]


class AccessGrant(models.Model):
    """A credential bound to ticket or monitoring plan, person, asset, connection and time; never deleted."""

    id = models.CharField(primary_key=True, max_length=32)
    ticket = models.ForeignKey("tickets.MaintenanceTicket", on_delete=models.PROTECT, null=True, related_name="+")
    plan = models.ForeignKey(MonitoringPlan, on_delete=models.PROTECT, null=True, related_name="+")
    person = models.CharField(max_length=32, blank=True, db_index=True)
    asset = models.CharField(max_length=32)
    connection = models.CharField(max_length=32)
    purpose = models.CharField(max_length=8)
    public_key = models.CharField(max_length=1500)
    fingerprint = models.CharField(max_length=64)
    serial = models.BigIntegerField(null=True, unique=True)
    cert_sha256 = models.CharField(max_length=64, blank=True)
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField()
    window_until = models.DateTimeField()
    state = models.CharField(max_length=8, default=GrantState.ACTIVE.value)
    epoch = models.BigIntegerField()
    collector_sha256 = models.CharField(max_length=64, blank=True)
    mfa_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    end_reason = models.CharField(max_length=40, blank=True)

    class Meta:
        indexes = [models.Index(fields=["ticket", "state"], name="grant_by_ticket")]
        constraints = [
            models.CheckConstraint(condition=Q(purpose__in=[p.value for p in Purpose]), name="grant_purpose_known"),
            models.CheckConstraint(condition=Q(state__in=[s.value for s in GrantState]), name="grant_state_known"),
            models.CheckConstraint(condition=Q(valid_from__lt=F("valid_until")), name="grant_ordered"),
            models.CheckConstraint(condition=Q(valid_until__lte=F("window_until")), name="grant_ends_in_window"),
            models.CheckConstraint(
                condition=Q(purpose=Purpose.WORK.value, collector_sha256="", mfa_at__isnull=False) & ~Q(person="")
                | Q(purpose=Purpose.RUN.value, mfa_at__isnull=False) & ~Q(person="") & ~Q(collector_sha256="")
                | Q(purpose__in=[Purpose.MEASURE.value, Purpose.MONITOR.value], person="", mfa_at__isnull=True)
                & ~Q(collector_sha256=""),
                name="grant_person_for_work_and_run",
            ),
            models.CheckConstraint(
                condition=Q(purpose=Purpose.MONITOR.value, ticket__isnull=True, plan__isnull=False)
                | ~Q(purpose=Purpose.MONITOR.value) & Q(ticket__isnull=False, plan__isnull=True),
                name="grant_under_ticket_or_plan",
            ),
            models.CheckConstraint(
                condition=Q(serial__isnull=True, cert_sha256="") | Q(serial__isnull=False) & ~Q(cert_sha256=""),
                name="grant_serial_with_certificate",
            ),
            models.CheckConstraint(
                condition=Q(state=GrantState.ACTIVE.value, ended_at__isnull=True, end_reason="")
                | ~Q(state=GrantState.ACTIVE.value) & Q(ended_at__isnull=False) & ~Q(end_reason=""),
                name="grant_end_with_reason",
            ),
        ]


class SudoRuleRow(models.Model):
    """The sudo rule of one ticket on one asset: the newest that is known of it; never deleted."""

    ticket = models.ForeignKey("tickets.MaintenanceTicket", on_delete=models.PROTECT, related_name="+")
    asset = models.CharField(max_length=32)
    connection = models.CharField(max_length=32)
    account = models.CharField(max_length=32)
    state = models.CharField(max_length=9)
    until = models.DateTimeField(null=True)
    sha256 = models.CharField(max_length=64, blank=True)
    standing = models.JSONField(default=list)
    others = models.JSONField(default=list)
    said = models.TextField(blank=True)
    tries = models.PositiveIntegerField(default=0)
    tried_at = models.DateTimeField()
    entry = models.CharField(max_length=64)

    class Meta:
        db_table = "access_sudorule"
        constraints = [
            models.UniqueConstraint(fields=["ticket", "asset"], name="one_sudo_rule_per_ticket_and_asset"),
            models.CheckConstraint(condition=Q(state__in=[s.value for s in RuleState]), name="sudo_rule_state_known"),
            models.CheckConstraint(
                condition=~Q(state=RuleState.PLACED.value) | Q(until__isnull=False) & ~Q(sha256=""),
                name="sudo_rule_placed_until",
            ),
        ]


class AccessEpoch(models.Model):
    """The one current epoch; grants of an earlier one are void (a restore begins a new one)."""

    id = models.PositiveSmallIntegerField(primary_key=True)
    number = models.BigIntegerField()
    begun_at = models.DateTimeField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="one_access_epoch")]


class HostCertificate(models.Model):
    """A certificate for a target's host key, ordered by the IT lead; never deleted, one signed one per connection."""

    id = models.CharField(primary_key=True, max_length=32)
    asset = models.ForeignKey("inventory.Asset", on_delete=models.PROTECT, related_name="+")
    connection = models.ForeignKey("inventory.Connection", on_delete=models.PROTECT, related_name="+")
    hostname = models.CharField(max_length=253)
    address = models.CharField(max_length=253)
    host_key = models.CharField(max_length=1500)
    fingerprint = models.CharField(max_length=64)
    ordered_by = models.CharField(max_length=32)
    ordered_at = models.DateTimeField()
    valid_until = models.DateTimeField()
    state = models.CharField(max_length=8)
    serial = models.BigIntegerField(null=True, unique=True)
    cert_sha256 = models.CharField(max_length=64, blank=True)
    certificate = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state="ordered", serial__isnull=True, cert_sha256="", certificate="")
                | Q(state__in=["signed", "replaced", "revoked"], serial__isnull=False)
                & ~Q(cert_sha256="")
                & ~Q(certificate=""),
                name="host_certificate_signed_whole",
            ),
            models.UniqueConstraint(
                fields=["connection"], condition=Q(state="signed"), name="one_signed_host_certificate"
            ),
        ]
