"""A run can be a step of a rollback; such a run follows no run in check mode."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("runs", "0001_initial")]

    operations = [
        migrations.AddField(model_name="run", name="rollback_step", field=models.PositiveSmallIntegerField(null=True)),
        migrations.RemoveConstraint(model_name="run", name="run_real_follows_check"),
        migrations.AddConstraint(
            model_name="run",
            constraint=models.CheckConstraint(
                condition=Q(mode="check", after__isnull=True, rollback_step__isnull=True)
                | Q(mode="real", after__isnull=False, rollback_step__isnull=True)
                | Q(mode="real", after__isnull=True, rollback_step__isnull=False),
                name="run_real_follows_check",
            ),
        ),
    ]
