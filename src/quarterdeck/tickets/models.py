"""Rows of tickets, approvals, policy and templates; the sealed entries say whether a row may be believed."""

from django.db import models
from django.db.models import F, Q


class TicketCounter(models.Model):
    """The last number of a year, locked when the next is taken, so that numbers are contiguous."""

    year = models.PositiveSmallIntegerField(primary_key=True)
    last = models.PositiveIntegerField(default=0)


class MaintenanceTicket(models.Model):
    """Authorised unit of work on named assets."""

    number = models.CharField(primary_key=True, max_length=16)
    work_class = models.CharField(max_length=12)
    emergency = models.BooleanField(default=False)
    state = models.CharField(max_length=12, db_index=True)
    state_at = models.DateTimeField()
    version = models.PositiveIntegerField(default=1)
    title = models.CharField(max_length=160)
    maintenance_type = models.CharField(max_length=12)
    action = models.CharField(max_length=12)
    method = models.CharField(max_length=12)
    risk = models.CharField(max_length=10)
    plan = models.TextField(blank=True)
    impact = models.TextField(blank=True)
    rollback = models.TextField(blank=True)
    window_from = models.DateTimeField()
    window_until = models.DateTimeField()
    # The end after extensions; what was approved stays in `window_until`.
    extended_until = models.DateTimeField(null=True)
    requester = models.ForeignKey("personnel.Person", on_delete=models.PROTECT, related_name="+")
    pool = models.ForeignKey("personnel.Pool", on_delete=models.PROTECT, null=True, related_name="+")
    agreement = models.ForeignKey("personnel.VendorAgreement", on_delete=models.PROTECT, null=True, related_name="+")
    expected_paths = models.JSONField(default=list)
    conflicts_with = models.JSONField(default=list)
    # None in rows from before sessions could be limited: everything is allowed, and no hash of theirs changes.
    allowance = models.JSONField(null=True)
    # None where the rollback is a text only, so that no hash of an older ticket changes.
    rollback_plan = models.JSONField(null=True)
    template = models.ForeignKey("StandardTemplate", on_delete=models.PROTECT, null=True)
    content_hash = models.CharField(max_length=64, blank=True)
    snapshot_sha256 = models.CharField(max_length=64, blank=True)
    policy_version = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField()
    opened_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    ratify_until = models.DateTimeField(null=True)
    finding = models.CharField(max_length=40, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(window_from__lt=F("window_until")), name="window_ends_after_start"),
            models.CheckConstraint(
                condition=Q(extended_until__isnull=True) | Q(extended_until__gt=F("window_until")),
                name="extension_is_later",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["open", "verifying", "closed"])
                | Q(opened_at__isnull=False)
                | Q(work_class="quick_log"),
                name="open_has_a_time",
            ),
        ]
        indexes = [models.Index(fields=["window_from", "window_until"], name="ticket_by_window")]


class TicketAssetRow(models.Model):
    """An asset of a ticket, with the connection through which it is reached."""

    ticket = models.ForeignKey(MaintenanceTicket, on_delete=models.PROTECT, related_name="asset_rows")
    asset = models.ForeignKey("inventory.Asset", on_delete=models.PROTECT, related_name="+")
    connection = models.ForeignKey("inventory.Connection", on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["ticket", "asset"], name="asset_once_per_ticket")]


class TicketPerson(models.Model):
    """A person with a duty in a ticket."""

    ticket = models.ForeignKey(MaintenanceTicket, on_delete=models.PROTECT, related_name="person_rows")
    person = models.ForeignKey("personnel.Person", on_delete=models.PROTECT, related_name="+")
    duty = models.CharField(max_length=12)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["ticket", "person", "duty"], name="duty_once_per_person")]


class TicketItem(models.Model):
    """A tool, technique or mechanism that a ticket names."""

    ticket = models.ForeignKey(MaintenanceTicket, on_delete=models.PROTECT, related_name="item_rows")
    item = models.ForeignKey("tools.RegisterItem", on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["ticket", "item"], name="item_once_per_ticket")]


class Approval(models.Model):
    """One person's decision in one role on one exact content."""

    ticket = models.ForeignKey(MaintenanceTicket, on_delete=models.PROTECT, related_name="approval_rows")
    role = models.CharField(max_length=10)
    kind = models.CharField(max_length=12)
    verdict = models.CharField(max_length=10)
    person = models.ForeignKey("personnel.Person", on_delete=models.PROTECT, related_name="+")
    content_hash = models.CharField(max_length=64)
    reason = models.TextField()
    basis = models.CharField(max_length=20, blank=True)
    at = models.DateTimeField()
    void_at = models.DateTimeField(null=True)
    signed = models.BooleanField(default=False)
    entry = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["ticket", "role", "kind"],
                condition=Q(void_at__isnull=True, verdict="approved"),
                name="one_standing_approval_per_role",
            )
        ]


class Waiver(models.Model):
    """A hold point that an approver let pass with a reason, where policy says that it may be deferred."""

    ticket = models.ForeignKey(MaintenanceTicket, on_delete=models.PROTECT, related_name="waiver_rows")
    hold_point = models.CharField(max_length=24)
    person = models.ForeignKey("personnel.Person", on_delete=models.PROTECT, related_name="+")
    reason = models.TextField()
    content_hash = models.CharField(max_length=64)
    at = models.DateTimeField()
    entry = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["ticket", "hold_point", "content_hash"], name="one_waiver_per_content")
        ]


class Extension(models.Model):
    """More time that somebody asked for; what became of it stands in the ledger alone."""

    id = models.CharField(primary_key=True, max_length=32)
    ticket = models.ForeignKey(MaintenanceTicket, on_delete=models.PROTECT, related_name="extension_rows")
    person = models.ForeignKey("personnel.Person", on_delete=models.PROTECT, related_name="+")
    until_before = models.DateTimeField()
    until = models.DateTimeField()
    reason = models.TextField()
    at = models.DateTimeField()
    by_terminal = models.BooleanField(default=False)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(until_before__lt=F("until")), name="extension_ordered")]


class ExtensionDecision(models.Model):
    """The words of one person's decision on more time; that it was taken is its entry."""

    extension = models.ForeignKey(Extension, on_delete=models.PROTECT, related_name="decision_rows")
    role = models.CharField(max_length=10)
    verdict = models.CharField(max_length=10)
    person = models.ForeignKey("personnel.Person", on_delete=models.PROTECT, related_name="+")
    reason = models.TextField()
    at = models.DateTimeField()
    entry = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["extension", "person", "role"], name="one_extension_decision_per_role")
        ]


class Comment(models.Model):
    """A remark; its entry carries a salted commitment of the text."""

    ticket = models.ForeignKey(MaintenanceTicket, on_delete=models.PROTECT, related_name="comment_rows")
    author = models.ForeignKey("personnel.Person", on_delete=models.PROTECT, related_name="+")
    text = models.TextField()
    at = models.DateTimeField()


class PolicyVersion(models.Model):
    """The policy in force from a moment on: rows as JSON, never changed, only followed by the next version."""

    version = models.PositiveIntegerField(primary_key=True)
    rows = models.JSONField()
    settings = models.JSONField()
    adopted_at = models.DateTimeField()
    adopted_by = models.CharField(max_length=40)
    digest = models.CharField(max_length=64)


class StandardTemplate(models.Model):
    """Pre-approved work: its content hash was approved by approver and CUI owner, for at most 90 days."""

    id = models.CharField(primary_key=True, max_length=24)
    name = models.CharField(max_length=120, unique=True)
    content = models.JSONField()
    content_hash = models.CharField(max_length=64)
    window_hours = models.PositiveSmallIntegerField()
    author = models.ForeignKey("personnel.Person", on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True)


class TemplateApproval(models.Model):
    """One person's standing approval of a template's exact content."""

    template = models.ForeignKey(StandardTemplate, on_delete=models.PROTECT, related_name="approval_rows")
    role = models.CharField(max_length=10)
    person = models.ForeignKey("personnel.Person", on_delete=models.PROTECT, related_name="+")
    content_hash = models.CharField(max_length=64)
    reason = models.TextField()
    at = models.DateTimeField()
    valid_until = models.DateTimeField()
    entry = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["template", "role", "at"], name="one_template_approval_at_a_time")
        ]


class CaptureJob(models.Model):
    """Work that the ticker does for a ticket outside any act (baselines, checks, proofs): progress, not evidence."""

    unguarded_reason = "progress of a running capture; its result is an entry"

    ticket = models.ForeignKey(MaintenanceTicket, on_delete=models.PROTECT, related_name="job_rows")
    kind = models.CharField(max_length=20)
    requested_by = models.CharField(max_length=40)
    requested_at = models.DateTimeField()
    state = models.CharField(max_length=10, default="waiting")
    lease_until = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    message = models.TextField(blank=True)
    cancel_asked = models.BooleanField(default=False)

    class Meta:
        indexes = [models.Index(fields=["state", "requested_at"], name="job_by_state")]
        constraints = [
            models.UniqueConstraint(
                fields=["ticket", "kind"], condition=Q(state__in=["waiting", "running"]), name="one_live_job_per_kind"
            )
        ]


class TicketNotice(models.Model):
    """A message to one person about a ticket: who must act next, or what will happen when."""

    unguarded_reason = "delivery state of a message; that people were told is the entry ticket.scheduled"

    ticket = models.ForeignKey(MaintenanceTicket, on_delete=models.PROTECT, related_name="notice_rows")
    person = models.ForeignKey("personnel.Person", on_delete=models.PROTECT, related_name="+")
    subject = models.CharField(max_length=200)
    text = models.TextField()
    at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["person", "at"], name="notice_by_person")]
