"""A key of its own for every artifact in a store that encrypts, so that it can be ended where bytes cannot."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("evidence", "0006_anchor_targets_take_any_address")]

    operations = [
        migrations.CreateModel(
            name="ArtifactKey",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("sha256", models.CharField(max_length=64)),
                ("store", models.CharField(max_length=300)),
                ("object", models.CharField(max_length=64)),
                ("wrapped", models.BinaryField(max_length=200)),
                ("store_key", models.CharField(max_length=16)),
            ],
            options={
                "indexes": [models.Index(fields=["object"], name="key_by_object")],
                "constraints": [models.UniqueConstraint(fields=("sha256", "store"), name="one_key_per_store")],
            },
        ),
    ]
