import django.db.models.deletion
from django.db import migrations, models

_LIVE = models.Q(("state__in", ["proposed", "approved"]))


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0001_initial"),
        ("inventory", "0001_initial"),
        ("personnel", "0001_initial"),
        ("tickets", "0002_ticket_notice"),
    ]

    operations = [
        migrations.CreateModel(
            name="MonitoringPlan",
            fields=[
                ("id", models.CharField(max_length=32, primary_key=True, serialize=False)),
                ("collector_sha256", models.CharField(max_length=64)),
                ("cadence_hours", models.PositiveSmallIntegerField()),
                ("valid_until", models.DateTimeField()),
                ("reason", models.TextField()),
                ("proposed_at", models.DateTimeField()),
                ("state", models.CharField(db_index=True, default="proposed", max_length=8)),
                ("state_at", models.DateTimeField()),
                ("content_hash", models.CharField(max_length=64)),
                ("epoch", models.BigIntegerField()),
                ("ended_by", models.CharField(blank=True, max_length=32)),
                ("end_reason", models.TextField(blank=True)),
                ("differences", models.JSONField(default=list)),
                (
                    "asset",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="inventory.asset"
                    ),
                ),
                (
                    "connection",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="inventory.connection"
                    ),
                ),
                (
                    "proposer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="personnel.person"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ["proposed", "approved", "rejected", "ended", "expired", "void"])
                        ),
                        name="plan_state_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("cadence_hours__gte", 4), ("cadence_hours__lte", 744)),
                        name="plan_cadence_sensible",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("proposed_at__lt", models.F("valid_until"))), name="plan_ordered"
                    ),
                    models.UniqueConstraint(
                        condition=_LIVE, fields=("connection",), name="one_live_plan_per_connection"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PlanDecision",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("role", models.CharField(max_length=10)),
                ("verdict", models.CharField(max_length=10)),
                ("content_hash", models.CharField(max_length=64)),
                ("reason", models.TextField()),
                ("at", models.DateTimeField()),
                ("entry", models.CharField(max_length=64)),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="personnel.person"
                    ),
                ),
                (
                    "plan",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="decision_rows",
                        to="access.monitoringplan",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("plan", "person"), name="one_plan_decision_per_person"),
                    models.CheckConstraint(
                        condition=models.Q(("role__in", ["approver", "cui_owner"])), name="plan_decision_role_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("verdict__in", ["approved", "refused"])),
                        name="plan_decision_verdict_known",
                    ),
                ],
            },
        ),
        migrations.AlterField(
            model_name="accessgrant",
            name="ticket",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="tickets.maintenanceticket",
            ),
        ),
        migrations.AddField(
            model_name="accessgrant",
            name="plan",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="access.monitoringplan",
            ),
        ),
        migrations.AddConstraint(
            model_name="accessgrant",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("plan__isnull", False), ("purpose", "monitor"), ("ticket__isnull", True)),
                    models.Q(
                        models.Q(("purpose", "monitor"), _negated=True),
                        ("plan__isnull", True),
                        ("ticket__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="grant_under_ticket_or_plan",
            ),
        ),
    ]
