"""Rows of the registers and the constraints that the database itself keeps."""

import secrets
from enum import StrEnum

from django.db import models
from django.db.models import Q

from quarterdeck.tools.terms import InspectionOutcome, ItemKind, ItemState


def new_salt() -> str:
    """Return 128 random bits as hex."""
    return secrets.token_hex(16)


def _choices(kind: type[StrEnum]) -> list[tuple[str, str]]:
    return [(str(member), str(member)) for member in kind]


class RegisterItem(models.Model):
    """A tool, technique or mechanism of one version; another version is another item."""

    id = models.CharField(primary_key=True, max_length=24)
    salt = models.CharField(max_length=32, default=new_salt, editable=False)
    kind = models.CharField(max_length=10, choices=_choices(ItemKind))
    name = models.CharField(max_length=120)
    version = models.CharField(max_length=60)
    sha256 = models.CharField(max_length=64, blank=True)
    source = models.CharField(max_length=300, blank=True)
    licence = models.CharField(max_length=120, blank=True)
    owner = models.CharField(max_length=40)
    inside_boundary = models.BooleanField(default=True)
    review_due = models.DateField()
    state = models.CharField(max_length=10, choices=_choices(ItemState), default=ItemState.LISTED)
    listed_by = models.CharField(max_length=40)
    listed_at = models.DateTimeField()
    withdrawn_by = models.CharField(max_length=40, blank=True)
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["kind", "name", "version", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "name", "version"], condition=Q(state=str(ItemState.LISTED)), name="item_listed_once"
            ),
            models.CheckConstraint(condition=Q(kind__in=[str(kind) for kind in ItemKind]), name="item_kind_known"),
            models.CheckConstraint(
                condition=Q(kind=str(ItemKind.TOOL)) | ~Q(sha256=""), name="item_document_or_script_has_hash"
            ),
            models.CheckConstraint(
                condition=Q(state=str(ItemState.LISTED), withdrawn_by="", withdrawn_at__isnull=True)
                | (Q(state=str(ItemState.WITHDRAWN), withdrawn_at__isnull=False) & ~Q(withdrawn_by="")),
                name="item_withdrawn_who_when",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


class Inspection(models.Model):
    """One inspection of an item; `artifact` is the SHA-256 of its record in the evidence store."""

    id = models.CharField(primary_key=True, max_length=24)
    item = models.ForeignKey(RegisterItem, on_delete=models.PROTECT, related_name="inspections")
    at = models.DateTimeField()
    by = models.CharField(max_length=40)
    outcome = models.CharField(max_length=8, choices=_choices(InspectionOutcome))
    artifact = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["at", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome__in=[str(outcome) for outcome in InspectionOutcome]),
                name="inspection_outcome_known",
            )
        ]

    def __str__(self) -> str:
        return f"{self.outcome} {self.at:%Y-%m-%d}"
