from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Upload",
            fields=[
                ("id", models.CharField(max_length=24, primary_key=True, serialize=False)),
                ("ticket", models.CharField(max_length=32)),
                ("by", models.CharField(max_length=40)),
                ("name", models.CharField(max_length=200)),
                ("size", models.BigIntegerField()),
                ("told", models.JSONField(default=dict)),
                ("state", models.CharField(default="arriving", max_length=10)),
                ("message", models.CharField(blank=True, max_length=1000)),
                ("sha256", models.CharField(blank=True, max_length=64)),
                ("started_at", models.DateTimeField()),
                ("touched_at", models.DateTimeField()),
            ],
            options={
                "indexes": [models.Index(fields=["state", "touched_at"], name="upload_by_age")],
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("size__gt", 0)), name="an_upload_has_bytes")
                ],
            },
        ),
    ]
