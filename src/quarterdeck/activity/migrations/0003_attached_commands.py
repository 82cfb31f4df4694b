"""Commands of a session may come from a log file that a person handed in."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Add the mark; what stands so far was read from targets by the collector."""

    dependencies = [("activity", "0002_break_glass_ticket")]

    operations = [migrations.AddField("SessionCommands", "attached", models.BooleanField(default=False))]
