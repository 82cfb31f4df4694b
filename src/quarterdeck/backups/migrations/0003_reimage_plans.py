# The register of reimage plans and the assets that each covers.

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("backups", "0002_snapshots_and_drills"),
        ("inventory", "0002_an_address_may_have_no_account_yet"),
        ("personnel", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="ReimagePlanRow",
            fields=[
                ("id", models.CharField(max_length=32, primary_key=True, serialize=False)),
                ("image", models.CharField(max_length=80)),
                ("version", models.CharField(max_length=40)),
                ("tested_at", models.DateTimeField()),
                ("review_by", models.DateTimeField()),
                ("steps_sha256", models.CharField(max_length=64)),
                ("active", models.BooleanField(default=True)),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="personnel.person"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("active", True)), fields=("image",), name="reimage_one_plan_of_image"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ReimageCover",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "asset",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="inventory.asset"
                    ),
                ),
                (
                    "plan",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="covers",
                        to="backups.reimageplanrow",
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("plan", "asset"), name="reimage_asset_once")],
            },
        ),
    ]
