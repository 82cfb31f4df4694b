"""Sessions that carry files: how they were carried, and their numbers; empty for every session of before."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("maintenance_sessions", "0001_initial")]

    operations = [
        migrations.AddField("MaintenanceSession", "protocol", models.CharField(blank=True, max_length=5, default="")),
        migrations.AlterField("MaintenanceSession", "protocol", models.CharField(blank=True, max_length=5)),
        migrations.AddField("MaintenanceSession", "files", models.JSONField(default=dict)),
    ]
