import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0002_monitoring_plan"),
        ("tickets", "0003_ticket_allowance"),
    ]

    operations = [
        migrations.CreateModel(
            name="SudoRuleRow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("asset", models.CharField(max_length=32)),
                ("connection", models.CharField(max_length=32)),
                ("account", models.CharField(max_length=32)),
                ("state", models.CharField(max_length=9)),
                ("until", models.DateTimeField(null=True)),
                ("sha256", models.CharField(blank=True, max_length=64)),
                ("standing", models.JSONField(default=list)),
                ("others", models.JSONField(default=list)),
                ("said", models.TextField(blank=True)),
                ("tries", models.PositiveIntegerField(default=0)),
                ("tried_at", models.DateTimeField()),
                ("entry", models.CharField(max_length=64)),
                (
                    "ticket",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="tickets.maintenanceticket"
                    ),
                ),
            ],
            options={
                "db_table": "access_sudorule",
                "constraints": [
                    models.UniqueConstraint(fields=("ticket", "asset"), name="one_sudo_rule_per_ticket_and_asset"),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["placed", "failed", "withdrawn", "left"])),
                        name="sudo_rule_state_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "placed"), _negated=True),
                            models.Q(("until__isnull", False), models.Q(("sha256", ""), _negated=True)),
                            _connector="OR",
                        ),
                        name="sudo_rule_placed_until",
                    ),
                ],
            },
        ),
    ]
