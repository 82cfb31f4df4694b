from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("assessor", "0002_questions")]

    operations = [
        migrations.AlterField("packageorder", "kind", models.CharField(max_length=12)),
        migrations.AddField("packageorder", "practices", models.JSONField(default=list)),
        migrations.AddField("packageorder", "envelope", models.CharField(default="none", max_length=12)),
        migrations.AddField(
            "packageorder", "recipient", models.TextField(blank=True, default=""), preserve_default=False
        ),
        migrations.AddField(
            "packageorder", "locked_key", models.TextField(blank=True, default=""), preserve_default=False
        ),
    ]
