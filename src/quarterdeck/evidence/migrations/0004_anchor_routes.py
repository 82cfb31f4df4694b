"""How it stands with each holder of checkpoints survives a restart and shows on the screens."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("evidence", "0003_sealing_trouble")]

    operations = [
        migrations.CreateModel(
            name="AnchorRoute",
            fields=[
                ("id", models.CharField(max_length=16, primary_key=True, serialize=False)),
                ("channel", models.CharField(max_length=20)),
                ("target", models.CharField(max_length=200)),
                ("floor", models.BigIntegerField()),
                ("taken_size", models.BigIntegerField(default=0)),
                ("taken_at", models.DateTimeField(null=True)),
                ("failures", models.PositiveIntegerField(default=0)),
                ("failed_at", models.DateTimeField(null=True)),
                ("sentence", models.CharField(blank=True, max_length=500)),
                ("next_try", models.DateTimeField(null=True)),
                ("asked_at", models.DateTimeField(null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("channel", "target"), name="one_route_per_holder"),
                ],
            },
        ),
    ]
