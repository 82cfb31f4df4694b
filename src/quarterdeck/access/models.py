"""The rows of access; every change of a grant is sealed with the digest of its fields in a ledger entry."""

from django.db import models
from django.db.models import F, Q

from quarterdeck.access.terms import GrantState, Purpose


class AccessGrant(models.Model):
    """A credential bound to ticket, person, asset, connection and time; never deleted."""

    id = models.CharField(primary_key=True, max_length=32)
    ticket = models.ForeignKey("tickets.MaintenanceTicket", on_delete=models.PROTECT, related_name="+")
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
                | ~Q(purpose=Purpose.WORK.value) & Q(person="", mfa_at__isnull=True) & ~Q(collector_sha256=""),
                name="grant_person_only_for_work",
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


class AccessEpoch(models.Model):
    """The one current epoch; grants of an earlier one are void (a restore begins a new one)."""

    id = models.PositiveSmallIntegerField(primary_key=True)
    number = models.BigIntegerField()
    begun_at = models.DateTimeField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="one_access_epoch")]
