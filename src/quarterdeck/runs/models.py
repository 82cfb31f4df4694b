"""Rows of runs: runbooks, runs, and what a running one shows; both first are sealed with the digest of their fields."""

from django.db import models
from django.db.models import F, Q

from quarterdeck.runs.terms import CommitSignature, Mode, RunbookState, RunState


class Runbook(models.Model):
    """A playbook of a repository at one commit; what runs is the stored archive of this SHA-256. Never deleted."""

    id = models.CharField(primary_key=True, max_length=32)
    name = models.CharField(max_length=80)
    repository = models.CharField(max_length=600)
    commit = models.CharField(max_length=64)
    playbook = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64)
    size = models.BigIntegerField()
    files = models.PositiveIntegerField()
    signature = models.CharField(max_length=8)
    signer = models.CharField(max_length=200, blank=True)
    state = models.CharField(max_length=10)
    proposed_by = models.ForeignKey("personnel.Person", on_delete=models.PROTECT, related_name="+")
    proposed_at = models.DateTimeField()
    decided_by = models.CharField(max_length=32, blank=True)
    decided_at = models.DateTimeField(null=True)
    item = models.ForeignKey("tools.RegisterItem", on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering = ["name", "proposed_at", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=[s.value for s in RunbookState]), name="runbook_state_known"),
            models.CheckConstraint(
                condition=Q(signature__in=[s.value for s in CommitSignature]), name="runbook_signature_known"
            ),
            models.CheckConstraint(
                condition=Q(state=RunbookState.PROPOSED.value, decided_by="", decided_at__isnull=True)
                | ~Q(state=RunbookState.PROPOSED.value) & ~Q(decided_by="") & Q(decided_at__isnull=False),
                name="runbook_decided_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(state=RunbookState.APPROVED.value, item__isnull=False)
                | ~Q(state=RunbookState.APPROVED.value) & Q(item__isnull=True),
                name="runbook_approved_is_listed",
            ),
        ]


class Run(models.Model):
    """One run of one runbook under one ticket; `places` are asset, host name and grant of each. Never deleted."""

    id = models.CharField(primary_key=True, max_length=32)
    ticket = models.ForeignKey("tickets.MaintenanceTicket", on_delete=models.PROTECT, related_name="+")
    runbook = models.ForeignKey(Runbook, on_delete=models.PROTECT, related_name="+")
    sha256 = models.CharField(max_length=64)
    mode = models.CharField(max_length=5)
    unattended = models.BooleanField()
    state = models.CharField(max_length=11, db_index=True)
    ordered_by = models.ForeignKey("personnel.Person", on_delete=models.PROTECT, related_name="+")
    ordered_at = models.DateTimeField()
    mfa_at = models.DateTimeField()
    not_before = models.DateTimeField()
    until = models.DateTimeField()
    places = models.JSONField()
    after = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="+")
    rollback_step = models.PositiveSmallIntegerField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    message = models.CharField(max_length=500, blank=True)
    tallies = models.JSONField(default=dict)
    report = models.CharField(max_length=64, blank=True)
    events = models.CharField(max_length=64, blank=True)
    output = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["ordered_at", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(mode__in=[m.value for m in Mode]), name="run_mode_known"),
            models.CheckConstraint(condition=Q(state__in=[s.value for s in RunState]), name="run_state_known"),
            models.CheckConstraint(condition=Q(not_before__lt=F("until")), name="run_ordered_times"),
            models.CheckConstraint(
                condition=Q(mode=Mode.CHECK.value, after__isnull=True, rollback_step__isnull=True)
                | Q(mode=Mode.REAL.value, after__isnull=False, rollback_step__isnull=True)
                | Q(mode=Mode.REAL.value, after__isnull=True, rollback_step__isnull=False),
                name="run_real_follows_check",
            ),
        ]


class RunProgress(models.Model):
    """What a run shows while it waits and runs: a lease, the newest lines, whether somebody asked to stop it."""

    unguarded_reason = "progress of a running playbook; the entries run.begun and run.ended tell of it"

    run = models.OneToOneField(Run, on_delete=models.CASCADE, primary_key=True, related_name="progress")
    lease_until = models.DateTimeField(null=True)
    message = models.CharField(max_length=500, blank=True)
    events = models.PositiveIntegerField(default=0)
    lines = models.JSONField(default=list)
    cancel_asked = models.BooleanField(default=False)
