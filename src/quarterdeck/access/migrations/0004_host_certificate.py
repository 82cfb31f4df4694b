import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0003_sudo_rule"),
        ("inventory", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="HostCertificate",
            fields=[
                ("id", models.CharField(max_length=32, primary_key=True, serialize=False)),
                ("hostname", models.CharField(max_length=253)),
                ("address", models.CharField(max_length=253)),
                ("host_key", models.CharField(max_length=1500)),
                ("fingerprint", models.CharField(max_length=64)),
                ("ordered_by", models.CharField(max_length=32)),
                ("ordered_at", models.DateTimeField()),
                ("valid_until", models.DateTimeField()),
                ("state", models.CharField(max_length=8)),
                ("serial", models.BigIntegerField(null=True, unique=True)),
                ("cert_sha256", models.CharField(blank=True, max_length=64)),
                ("certificate", models.TextField(blank=True)),
                (
                    "asset",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="inventory.asset"
                    ),
                ),
                (
                    "connection",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="inventory.connection"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("cert_sha256", ""), ("certificate", ""), ("serial__isnull", True), ("state", "ordered")
                            ),
                            models.Q(
                                ("serial__isnull", False),
                                ("state__in", ["signed", "replaced", "revoked"]),
                                models.Q(("cert_sha256", ""), _negated=True),
                                models.Q(("certificate", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="host_certificate_signed_whole",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("state", "signed")),
                        fields=("connection",),
                        name="one_signed_host_certificate",
                    ),
                ]
            },
        ),
    ]
