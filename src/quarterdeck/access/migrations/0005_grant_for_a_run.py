from django.db import migrations, models
from django.db.models import Q

WORK, RUN, MEASURE, MONITOR = "work", "run", "measure", "monitor"
_AFTER = models.CheckConstraint(condition=Q(purpose__in=[WORK, RUN, MEASURE, MONITOR]), name="grant_purpose_known")
_WORK_AND_RUN = models.CheckConstraint(
    condition=Q(purpose=WORK, collector_sha256="", mfa_at__isnull=False) & ~Q(person="")
    | Q(purpose=RUN, mfa_at__isnull=False) & ~Q(person="") & ~Q(collector_sha256="")
    | Q(purpose__in=[MEASURE, MONITOR], person="", mfa_at__isnull=True) & ~Q(collector_sha256=""),
    name="grant_person_for_work_and_run",
)


class Migration(migrations.Migration):
    dependencies = [("access", "0004_host_certificate")]

    operations = [
        migrations.RemoveConstraint("accessgrant", "grant_purpose_known"),
        migrations.AddConstraint("accessgrant", _AFTER),
        migrations.RemoveConstraint("accessgrant", "grant_person_only_for_work"),
        migrations.AddConstraint("accessgrant", _WORK_AND_RUN),
    ]
