"""Whether the sealer refuses or a witness contradicts, and why: rows, so that every page can say it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("evidence", "0002_entries_are_found_by_their_bytes")]

    operations = [
        migrations.CreateModel(
            name="SealingTrouble",
            fields=[
                ("kind", models.CharField(max_length=220, primary_key=True, serialize=False)),
                ("code", models.CharField(max_length=64)),
                ("sentence", models.TextField()),
                ("next_step", models.TextField()),
                ("since", models.DateTimeField()),
                ("told_at", models.DateTimeField(null=True)),
            ],
        ),
    ]
