"""The rows of maintenance sessions; every change is sealed with the digest of the row's fields in a ledger entry."""

from django.db import models
from django.db.models import F, Q

from quarterdeck.sessions.terms import OrderKind, SessionKind, SessionState


class MaintenanceSession(models.Model):
    """One piece of work on one asset under one ticket; never deleted.

    `streams` holds size and SHA-256 per stream, `files` the numbers of the files that went through; their names stand
    in the recording only.
    """

    id = models.CharField(primary_key=True, max_length=32)
    ticket = models.ForeignKey("tickets.MaintenanceTicket", on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=10)
    state = models.CharField(max_length=11, db_index=True)
    person = models.ForeignKey("personnel.Person", on_delete=models.PROTECT, null=True, related_name="+")
    asset = models.ForeignKey("inventory.Asset", on_delete=models.PROTECT, related_name="+")
    grant_id = models.CharField(max_length=32, blank=True, db_index=True)
    serial = models.BigIntegerField(null=True)
    work = models.CharField(max_length=10, blank=True)
    protocol = models.CharField(max_length=5, blank=True)
    source = models.CharField(max_length=64, blank=True)
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    end_reason = models.CharField(max_length=32, blank=True)
    session_terminated_at = models.DateTimeField(null=True)
    network_terminated_at = models.DateTimeField(null=True)
    exit_status = models.SmallIntegerField(null=True)
    recording_sha256 = models.CharField(max_length=64, blank=True)
    lines = models.BigIntegerField(default=0)
    head = models.CharField(max_length=64, blank=True)
    streams = models.JSONField(default=dict)
    files = models.JSONField(default=dict)
    account = models.TextField(blank=True)
    entry_point = models.CharField(max_length=32, blank=True)
    explained_by = models.CharField(max_length=32, blank=True)
    explained_at = models.DateTimeField(null=True)
    explanation = models.TextField(blank=True)

    class Meta:
        indexes = [models.Index(fields=["ticket", "began_at"], name="session_by_ticket")]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=[k.value for k in SessionKind]), name="session_kind_known"),
            models.CheckConstraint(condition=Q(state__in=[s.value for s in SessionState]), name="session_state_known"),
            models.CheckConstraint(
                condition=Q(state=SessionState.RUNNING.value, ended_at__isnull=True, end_reason="")
                | ~Q(state=SessionState.RUNNING.value) & Q(ended_at__isnull=False) & ~Q(end_reason=""),
                name="session_end_with_reason",
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True) | Q(began_at__lte=F("ended_at")), name="session_ordered"
            ),
            models.CheckConstraint(
                condition=Q(kind=SessionKind.GATE.value, serial__isnull=False, person__isnull=False) & ~Q(grant_id="")
                | ~Q(kind=SessionKind.GATE.value) & Q(grant_id="", serial__isnull=True, recording_sha256=""),
                name="session_gate_has_grant",
            ),
            models.CheckConstraint(
                condition=Q(explained_by="", explained_at__isnull=True, explanation="")
                | ~Q(explained_by="") & Q(explained_at__isnull=False) & ~Q(explanation=""),
                name="session_explained_whole",
            ),
        ]


class SessionOrder(models.Model):
    """What a person ordered while a session ran; the gate believes it only as far as the ledger tells of it."""

    id = models.CharField(primary_key=True, max_length=32)
    session = models.ForeignKey(MaintenanceSession, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=7)
    person = models.ForeignKey("personnel.Person", on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    text = models.TextField(blank=True)

    class Meta:
        indexes = [models.Index(fields=["session", "at"], name="order_by_session")]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=[k.value for k in OrderKind]), name="order_kind_known"),
            models.CheckConstraint(condition=~Q(kind=OrderKind.END.value) | ~Q(text=""), name="order_end_has_reason"),
        ]


class SessionWatch(models.Model):
    """Who watches a running session: a lease that the open page prolongs every few seconds.

    `present_until` is the escort's own lease; that it began and lapsed are entries, and without the first it is void.
    """

    unguarded_reason = "leases of seconds; who began to watch, and when an escort came and left, are ledger entries"
    id = models.CharField(primary_key=True, max_length=32)
    session = models.ForeignKey(MaintenanceSession, on_delete=models.PROTECT, related_name="+")
    person = models.ForeignKey("personnel.Person", on_delete=models.PROTECT, related_name="+")
    began_at = models.DateTimeField()
    seen_until = models.DateTimeField()
    present_until = models.DateTimeField(null=True)
