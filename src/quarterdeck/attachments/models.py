"""Uploads under way; what was attached is told by entries alone."""

from django.db import models


class Upload(models.Model):
    """A file that is on its way: whose, for what, how long it is to be. Its bytes lie in the folder `incoming`."""

    unguarded_reason = "bytes on their way; nothing is evidence before the entry evidence.attached names its hash"

    id = models.CharField(primary_key=True, max_length=24)
    ticket = models.CharField(max_length=32)
    by = models.CharField(max_length=40)
    name = models.CharField(max_length=200)
    size = models.BigIntegerField()
    told = models.JSONField(default=dict)
    state = models.CharField(max_length=10, default="arriving")
    message = models.CharField(max_length=1000, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    started_at = models.DateTimeField()
    touched_at = models.DateTimeField()

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(size__gt=0), name="an_upload_has_bytes")]
        indexes = [models.Index(fields=["state", "touched_at"], name="upload_by_age")]
