import django.db.models.deletion
from django.db import migrations, models

_UNDER_A_TICKET = models.Q(("plan", ""), ("ticket__isnull", False))
_UNDER_A_PLAN = models.Q(("ticket__isnull", True), models.Q(("plan", ""), _negated=True))
_TICKET = models.ForeignKey(
    null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="tickets.maintenanceticket"
)


class Migration(migrations.Migration):
    dependencies = [
        ("baselines", "0001_initial"),
        ("tickets", "0002_ticket_notice"),
    ]

    operations = [
        migrations.RemoveConstraint(model_name="baseline", name="baseline_phase_known"),
        migrations.AlterField(model_name="baseline", name="ticket", field=_TICKET.clone()),
        migrations.AddField(model_name="baseline", name="plan", field=models.CharField(blank=True, max_length=32)),
        migrations.AddIndex(
            model_name="baseline",
            index=models.Index(fields=["asset", "recorded_at"], name="baseline_by_asset_time"),
        ),
        migrations.AddConstraint(
            model_name="baseline",
            constraint=models.CheckConstraint(
                condition=models.Q(("phase__in", ["before", "after", "between"])), name="baseline_phase_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="baseline",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("phase", "between"), ("ticket__isnull", True), models.Q(("plan", ""), _negated=True)),
                    models.Q(models.Q(("phase", "between"), _negated=True), ("plan", ""), ("ticket__isnull", False)),
                    _connector="OR",
                ),
                name="baseline_under_ticket_or_plan",
            ),
        ),
        migrations.AlterField(model_name="driftcomparison", name="ticket", field=_TICKET.clone()),
        migrations.AddField(
            model_name="driftcomparison", name="plan", field=models.CharField(blank=True, max_length=32)
        ),
        migrations.AddConstraint(
            model_name="driftcomparison",
            constraint=models.CheckConstraint(
                condition=models.Q(_UNDER_A_TICKET, _UNDER_A_PLAN, _connector="OR"),
                name="drift_under_ticket_or_plan",
            ),
        ),
        migrations.AddField(
            model_name="driftitem", name="explained_by", field=models.CharField(blank=True, max_length=16)
        ),
        migrations.CreateModel(
            name="MonitoringRun",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("plan", models.CharField(max_length=32)),
                ("asset", models.CharField(max_length=32)),
                ("outcome", models.CharField(max_length=8)),
                ("said", models.TextField(blank=True)),
                ("started_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField()),
                (
                    "baseline",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="baselines.baseline",
                    ),
                ),
                ("entry", models.CharField(max_length=64)),
            ],
            options={
                "indexes": [models.Index(fields=["plan"], name="run_by_plan")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("baseline__isnull", False), ("outcome", "measured"), ("said", "")),
                            models.Q(
                                ("baseline__isnull", True),
                                ("outcome", "failed"),
                                models.Q(("said", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="run_measured_or_says_why",
                    )
                ],
            },
        ),
    ]
