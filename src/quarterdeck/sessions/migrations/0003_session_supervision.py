"""Orders to running sessions, and leases of those who watch them."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("maintenance_sessions", "0002_session_files"), ("personnel", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="SessionOrder",
            fields=[
                ("id", models.CharField(max_length=32, primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=7)),
                ("at", models.DateTimeField()),
                ("text", models.TextField(blank=True)),
                (
                    "session",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="maintenance_sessions.maintenancesession",
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="personnel.person"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["session", "at"], name="order_by_session")],
                "constraints": [
                    models.CheckConstraint(
                        condition=Q(kind__in=["pause", "resume", "end", "message"]), name="order_kind_known"
                    ),
                    models.CheckConstraint(condition=~Q(kind="end") | ~Q(text=""), name="order_end_has_reason"),
                ],
            },
        ),
        migrations.CreateModel(
            name="SessionWatch",
            fields=[
                ("id", models.CharField(max_length=32, primary_key=True, serialize=False)),
                ("began_at", models.DateTimeField()),
                ("seen_until", models.DateTimeField()),
                ("present_until", models.DateTimeField(null=True)),
                (
                    "session",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="maintenance_sessions.maintenancesession",
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="personnel.person"
                    ),
                ),
            ],
        ),
    ]
