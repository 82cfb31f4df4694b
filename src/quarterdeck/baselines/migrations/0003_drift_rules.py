"""Versions of the rules file of drift."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("baselines", "0002_monitoring")]

    operations = [
        migrations.CreateModel(
            name="DriftRules",
            fields=[
                ("version", models.PositiveIntegerField(primary_key=True, serialize=False)),
                ("text", models.TextField()),
                ("sha256", models.CharField(max_length=64)),
                ("adopted_by", models.CharField(max_length=40)),
                ("adopted_at", models.DateTimeField()),
                ("entry", models.CharField(max_length=64)),
            ],
        ),
    ]
