"""A holder's address may be as long as a person's may: a longer one would stop the anchors behind it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("evidence", "0005_copies_of_artifacts_in_stores")]

    operations = [
        migrations.AlterField("anchorreceipt", "target", models.CharField(max_length=254)),
        migrations.AlterField("anchorroute", "target", models.CharField(max_length=254)),
    ]
