"""A connection says what answers there, because that decides what may be sent to measure it; all so far are Unix."""

from django.db import migrations, models
from django.db.models import Q

PLATFORMS = (
    "unix", "windows", "cisco_ios", "cisco_nxos", "junos", "fortios", "pfsense", "opnsense", "other_device",
)  # fmt: skip


class Migration(migrations.Migration):
    dependencies = [("inventory", "0003_check_definition")]

    operations = [
        migrations.AddField(
            "Connection",
            "platform",
            models.CharField(
                choices=[(name, name.replace("_", " ")) for name in PLATFORMS], default="unix", max_length=16
            ),
        ),
        migrations.AddConstraint(
            "Connection",
            models.CheckConstraint(condition=Q(platform__in=list(PLATFORMS)), name="connection_platform_known"),
        ),
    ]
