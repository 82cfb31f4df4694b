"""Tickets say what sessions may do; rows from before say nothing, which allows everything and changes no hash."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tickets", "0002_ticket_notice")]

    operations = [migrations.AddField("MaintenanceTicket", "allowance", models.JSONField(null=True))]
