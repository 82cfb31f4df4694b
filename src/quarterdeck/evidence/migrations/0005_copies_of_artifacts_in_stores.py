"""Where each store keeps an artifact and how it is locked there, long work on the store, notes about it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("evidence", "0004_anchor_routes"),
    ]

    operations = [
        migrations.CreateModel(
            name="StoreJob",
            fields=[
                ("id", models.CharField(max_length=24, primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=10)),
                ("scope", models.CharField(blank=True, max_length=300)),
                ("asked_by", models.CharField(max_length=64)),
                ("asked_at", models.DateTimeField()),
                ("state", models.CharField(default="waiting", max_length=10)),
                ("done", models.BigIntegerField(default=0)),
                ("total", models.BigIntegerField(default=0)),
                ("found", models.PositiveIntegerField(default=0)),
                ("message", models.CharField(blank=True, max_length=500)),
                ("started_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                ("lease_until", models.DateTimeField(null=True)),
                ("cancel_asked", models.BooleanField(default=False)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ["waiting", "running"])),
                        fields=("kind",),
                        name="one_live_store_job",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="StoreNote",
            fields=[
                ("name", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("store", models.CharField(blank=True, max_length=300)),
                ("value", models.JSONField(default=dict)),
                ("at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="ArtifactCopy",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("sha256", models.CharField(max_length=64)),
                ("store", models.CharField(max_length=300)),
                ("version", models.CharField(blank=True, max_length=200)),
                ("checksum", models.CharField(blank=True, max_length=120)),
                ("checked_at", models.DateTimeField(null=True)),
                ("condition", models.CharField(blank=True, max_length=10)),
                ("wanted_mode", models.CharField(blank=True, max_length=12)),
                ("wanted_until", models.DateTimeField(null=True)),
                ("wanted_hold", models.BooleanField(default=False)),
                ("wanted_gone", models.BooleanField(default=False)),
                ("mode", models.CharField(blank=True, max_length=12)),
                ("until", models.DateTimeField(null=True)),
                ("held", models.BooleanField(default=False)),
                ("gone", models.BooleanField(default=False)),
                ("settled", models.BooleanField(default=True)),
                ("failures", models.PositiveIntegerField(default=0)),
                ("next_try", models.DateTimeField(null=True)),
                ("message", models.CharField(blank=True, max_length=500)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["settled", "next_try"], name="copy_by_settled"),
                    models.Index(fields=["store", "checked_at"], name="copy_by_check"),
                ],
                "constraints": [models.UniqueConstraint(fields=("sha256", "store"), name="one_copy_per_store")],
            },
        ),
    ]
