"""Orders for packages, the consents that let recordings leave, and what assessors ask the organisation."""

from django.db import models


class PackageOrder(models.Model):
    """A package asked for and how far it is; that it was exported is an entry, and the file can be made again."""

    unguarded_reason = "progress of a package under way; the entries package.ordered and package.exported tell of it"

    id = models.CharField(primary_key=True, max_length=24)
    base = models.CharField(max_length=50, unique=True)
    kind = models.CharField(max_length=12)
    tickets = models.JSONField(default=list)
    practices = models.JSONField(default=list)
    envelope = models.CharField(max_length=12, default="none")
    recipient = models.TextField(blank=True)
    locked_key = models.TextField(blank=True)
    since = models.DateTimeField(null=True)
    until = models.DateTimeField(null=True)
    ordered_by = models.CharField(max_length=40)
    ordered_auth = models.CharField(max_length=20)
    ordered_at = models.DateTimeField()
    state = models.CharField(max_length=10, default="waiting")
    lease_until = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    message = models.CharField(max_length=500, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    size = models.BigIntegerField(default=0)
    withheld = models.PositiveIntegerField(default=0)
    finished_at = models.DateTimeField(null=True)
    cancel_asked = models.BooleanField(default=False)


class RecordingConsent(models.Model):
    """The CUI owner's consent that recordings of one ticket leave in packages; ends when it is withdrawn."""

    ticket = models.ForeignKey("tickets.MaintenanceTicket", on_delete=models.PROTECT, related_name="+")
    person = models.ForeignKey("personnel.Person", on_delete=models.PROTECT, related_name="+")
    given_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True)
    entry = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["ticket"], condition=models.Q(withdrawn_at__isnull=True), name="one_standing_consent_per_ticket"
            )
        ]


class Question(models.Model):
    """What an assessor asked; the words are behind a salted commitment, the entry carries their hash."""

    id = models.CharField(primary_key=True, max_length=24)
    asked_by = models.ForeignKey("personnel.Person", on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    ticket = models.ForeignKey("tickets.MaintenanceTicket", on_delete=models.PROTECT, null=True, related_name="+")
    objective = models.CharField(max_length=40, blank=True)
    text = models.CharField(max_length=64)
    entry = models.CharField(max_length=64)


class Answer(models.Model):
    """What the organisation answered; answers are added, never changed."""

    question = models.ForeignKey(Question, on_delete=models.PROTECT, related_name="answer_rows")
    by = models.ForeignKey("personnel.Person", on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    text = models.CharField(max_length=64)
    entry = models.CharField(max_length=64)
