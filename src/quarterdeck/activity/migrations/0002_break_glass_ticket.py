"""The ticket that was made of a sealed account's use."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Add the number of the ticket; accounts of before have none."""

    dependencies = [("activity", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="breakglass",
            name="ticket",
            field=models.CharField(blank=True, default="", max_length=16),
            preserve_default=False,
        ),
    ]
