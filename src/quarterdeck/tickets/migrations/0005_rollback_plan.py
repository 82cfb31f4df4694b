"""A rollback as steps with owners, a time box and a trigger, beside its text."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tickets", "0004_window_extension")]

    operations = [migrations.AddField("MaintenanceTicket", "rollback_plan", models.JSONField(null=True))]
