"""Rows of activity: readings of login logs, logins without a ticket, commands of sessions, break-glass accounts."""

from django.db import models
from django.db.models import Q

from quarterdeck.activity.terms import Gap, How, SealState, Verdict

_UNDER_A_TICKET = Q(ticket__isnull=False, plan="")
_UNDER_A_PLAN = Q(ticket__isnull=True) & ~Q(plan="")


class LogReading(models.Model):
    """One reading of an asset's login log, good or bad; never changed."""

    id = models.CharField(primary_key=True, max_length=32)
    asset = models.CharField(max_length=32)
    ticket = models.ForeignKey("tickets.MaintenanceTicket", on_delete=models.PROTECT, null=True, related_name="+")
    plan = models.CharField(max_length=32, blank=True)
    since = models.DateTimeField()
    until = models.DateTimeField()
    source = models.CharField(max_length=40, blank=True)
    gap = models.CharField(max_length=16, blank=True)
    said = models.TextField(blank=True)
    logins = models.PositiveIntegerField(default=0)
    findings = models.PositiveIntegerField(default=0)
    document_sha256 = models.CharField(max_length=64, blank=True)
    entry = models.CharField(max_length=64)

    class Meta:
        indexes = [models.Index(fields=["asset", "until"], name="log_reading_by_asset")]
        constraints = [
            models.CheckConstraint(condition=_UNDER_A_TICKET | _UNDER_A_PLAN, name="log_reading_ticket_or_plan"),
            models.CheckConstraint(condition=Q(gap__in=[g.value for g in Gap]), name="log_reading_gap_known"),
        ]


class UnticketedLogin(models.Model):
    """A login that matches no ticket, until a person explained it."""

    id = models.CharField(primary_key=True, max_length=32)
    reading = models.ForeignKey(LogReading, on_delete=models.PROTECT, related_name="login_rows")
    asset = models.CharField(max_length=32)
    fingerprint = models.CharField(max_length=64)
    at = models.DateTimeField()
    how = models.CharField(max_length=11)
    verdict = models.CharField(max_length=19)
    account = models.CharField(max_length=64, blank=True)
    source = models.CharField(max_length=64, blank=True)
    text = models.TextField()
    break_glass = models.CharField(max_length=32, blank=True)
    entry = models.CharField(max_length=64)
    explained_by = models.CharField(max_length=32, blank=True)
    explained_at = models.DateTimeField(null=True)
    explained_ticket = models.CharField(max_length=16, blank=True)
    reason_sha256 = models.CharField(max_length=64, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["asset", "fingerprint"], name="login_told_once"),
            models.CheckConstraint(condition=Q(how__in=[h.value for h in How]), name="login_how_known"),
            models.CheckConstraint(condition=Q(verdict__in=[v.value for v in Verdict]), name="login_verdict_known"),
            models.CheckConstraint(
                condition=Q(explained_by="", explained_at__isnull=True, reason_sha256="")
                | ~Q(explained_by="") & Q(explained_at__isnull=False) & ~Q(reason_sha256=""),
                name="login_explained_whole",
            ),
        ]


class SessionCommands(models.Model):
    """What the target's own log says of a session's commands, or why it says nothing; the newest word counts."""

    session = models.CharField(max_length=32, unique=True)
    ticket = models.ForeignKey("tickets.MaintenanceTicket", on_delete=models.PROTECT, related_name="+")
    sources = models.JSONField(default=list)
    count = models.PositiveIntegerField(default=0)
    exact = models.BooleanField(default=False)
    # Matched from a file that a person handed in, not read from the target by us.
    attached = models.BooleanField(default=False)
    said = models.TextField(blank=True)
    document_sha256 = models.CharField(max_length=64, blank=True)
    at = models.DateTimeField()
    entry = models.CharField(max_length=64)


class BreakGlass(models.Model):
    """A sealed account of an asset for the day when Quarterdeck is down; never its secret."""

    id = models.CharField(primary_key=True, max_length=32)
    asset = models.ForeignKey("inventory.Asset", on_delete=models.PROTECT, related_name="+")
    account = models.CharField(max_length=32)
    place = models.TextField()
    state = models.CharField(max_length=7)
    sealed_by = models.CharField(max_length=32)
    sealed_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField()
    verified = models.BooleanField(default=False)
    # The ticket that was made of its newest use.
    ticket = models.CharField(max_length=16, blank=True)
    entry = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["asset"], condition=~Q(state=SealState.RETIRED.value), name="one_break_glass_per_asset"
            ),
            models.CheckConstraint(condition=Q(state__in=[s.value for s in SealState]), name="break_glass_state_known"),
            models.CheckConstraint(
                condition=~Q(state=SealState.USED.value) | Q(used_at__isnull=False), name="break_glass_used_when"
            ),
        ]
