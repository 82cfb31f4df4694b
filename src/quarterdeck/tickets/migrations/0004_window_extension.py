"""An open ticket's window can be extended: what was approved stays, the new end stands beside it."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tickets", "0003_ticket_allowance"), ("personnel", "0001_initial")]

    operations = [
        migrations.AddField("MaintenanceTicket", "extended_until", models.DateTimeField(null=True)),
        migrations.AddConstraint(
            "MaintenanceTicket",
            models.CheckConstraint(
                condition=models.Q(extended_until__isnull=True)
                | models.Q(extended_until__gt=models.F("window_until")),
                name="extension_is_later",
            ),
        ),
        migrations.CreateModel(
            "Extension",
            [
                ("id", models.CharField(max_length=32, primary_key=True, serialize=False)),
                ("until_before", models.DateTimeField()),
                ("until", models.DateTimeField()),
                ("reason", models.TextField()),
                ("at", models.DateTimeField()),
                ("by_terminal", models.BooleanField(default=False)),
                (
                    "person",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+",
                                      to="personnel.person"),
                ),
                (
                    "ticket",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="extension_rows",
                                      to="tickets.maintenanceticket"),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(until_before__lt=models.F("until")), name="extension_ordered"
                    )
                ]
            },
        ),
        migrations.CreateModel(
            "ExtensionDecision",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("role", models.CharField(max_length=10)),
                ("verdict", models.CharField(max_length=10)),
                ("reason", models.TextField()),
                ("at", models.DateTimeField()),
                ("entry", models.CharField(max_length=64)),
                (
                    "extension",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="decision_rows",
                                      to="tickets.extension"),
                ),
                (
                    "person",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+",
                                      to="personnel.person"),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=["extension", "person", "role"], name="one_extension_decision_per_role")
                ]
            },
        ),
    ]  # fmt: skip
