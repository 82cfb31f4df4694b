"""A reading may be of a log file that a person handed in."""

from django.db import migrations, models

_BEFORE = ["", "not_read", "no_log", "begins_late", "jumps", "cut", "not_itself", "session_missing"]


def _known(gaps: list[str]) -> models.CheckConstraint:
    return models.CheckConstraint(condition=models.Q(("gap__in", gaps)), name="log_reading_gap_known")


class Migration(migrations.Migration):
    """Let the constraint know one word more."""

    dependencies = [("activity", "0003_attached_commands")]

    operations = [
        migrations.RemoveConstraint("LogReading", "log_reading_gap_known"),
        migrations.AddConstraint("LogReading", _known([*_BEFORE, "shipped"])),
    ]
