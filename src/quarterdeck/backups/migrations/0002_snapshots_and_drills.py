# Snapshots under a ticket, restore drills, the offline copy of a source; products by the list of today.

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("backups", "0001_initial"),
        ("inventory", "0002_an_address_may_have_no_account_yet"),
        ("tickets", "0004_window_extension"),
    ]

    operations = [
        migrations.CreateModel(
            name="DrillPlanRow",
            fields=[
                ("id", models.CharField(max_length=32, primary_key=True, serialize=False)),
                ("against", models.CharField(max_length=8)),
                ("scratch", models.CharField(max_length=300)),
                ("every", models.DurationField()),
                ("since", models.DateTimeField()),
                ("asked_at", models.DateTimeField(null=True)),
                ("active", models.BooleanField(default=True)),
            ],
        ),
        migrations.CreateModel(
            name="RestoreDrill",
            fields=[
                ("id", models.CharField(max_length=32, primary_key=True, serialize=False)),
                ("product", models.CharField(max_length=8)),
                ("snapshot", models.CharField(blank=True, max_length=200)),
                ("started_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField()),
                ("passed", models.BooleanField()),
                ("same", models.PositiveIntegerField()),
                ("different", models.PositiveIntegerField()),
                ("missing", models.PositiveIntegerField()),
                ("newer", models.PositiveIntegerField()),
                ("sentence", models.CharField(blank=True, max_length=400)),
                ("log_sha256", models.CharField(max_length=64)),
                ("entry", models.CharField(max_length=64)),
            ],
        ),
        migrations.CreateModel(
            name="TicketSnapshot",
            fields=[
                ("id", models.CharField(max_length=32, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=300)),
                ("taken_at", models.DateTimeField()),
                ("state", models.CharField(max_length=8)),
                ("sentence", models.CharField(blank=True, max_length=400)),
                ("entry", models.CharField(max_length=64)),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="backupsource",
            name="backup_product_known",
        ),
        migrations.AddField(
            model_name="backupsource",
            name="contract_days",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="backupsource",
            name="offline",
            field=models.CharField(blank=True, default="", max_length=200),
        ),
        migrations.AddField(
            model_name="backupsource",
            name="offline_days",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddConstraint(
            model_name="backupsource",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "product__in",
                        [
                            "restic",
                            "borg",
                            "pg_dump",
                            "pg_base",
                            "files",
                            "btrfs",
                            "qcow2",
                            "ebs",
                            "ami",
                            "vsphere",
                            "vss",
                            "job_log",
                            "reimage",
                        ],
                    )
                ),
                name="backup_product_known",
            ),
        ),
        migrations.AddField(
            model_name="drillplanrow",
            name="asset",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="inventory.asset"
            ),
        ),
        migrations.AddField(
            model_name="restoredrill",
            name="asset",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="inventory.asset"
            ),
        ),
        migrations.AddField(
            model_name="restoredrill",
            name="plan",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="backups.drillplanrow"
            ),
        ),
        migrations.AddField(
            model_name="ticketsnapshot",
            name="asset",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="inventory.asset"
            ),
        ),
        migrations.AddField(
            model_name="ticketsnapshot",
            name="source",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="backups.backupsource"
            ),
        ),
        migrations.AddField(
            model_name="ticketsnapshot",
            name="ticket",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="tickets.maintenanceticket"
            ),
        ),
        migrations.AddConstraint(
            model_name="drillplanrow",
            constraint=models.CheckConstraint(
                condition=models.Q(("against__in", ["source", "baseline"])), name="drill_against_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="drillplanrow",
            constraint=models.UniqueConstraint(
                condition=models.Q(("active", True)), fields=("asset",), name="drill_one_plan_of_asset"
            ),
        ),
        migrations.AddIndex(
            model_name="restoredrill",
            index=models.Index(fields=["asset", "-finished_at"], name="drill_by_asset"),
        ),
        migrations.AddIndex(
            model_name="ticketsnapshot",
            index=models.Index(fields=["ticket", "asset"], name="snapshot_by_ticket_asset"),
        ),
        migrations.AddConstraint(
            model_name="ticketsnapshot",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["pending", "complete", "failed", "reverted"])),
                name="snapshot_state_known",
            ),
        ),
    ]
