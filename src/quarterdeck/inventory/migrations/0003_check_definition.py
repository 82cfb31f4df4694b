"""Check definitions: what is asked of assets before and after work."""

from django.db import migrations, models
from django.db.models import Q

import quarterdeck.inventory.models

KINDS = (
    "service", "disk", "tcp", "http", "certificate", "share", "reboot", "clock", "integration", "mechanism",
)  # fmt: skip
PHASES = ("before", "after", "both")


def _choices(words: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(word, word.replace("_", " ")) for word in words]


class Migration(migrations.Migration):
    dependencies = [("inventory", "0002_an_address_may_have_no_account_yet")]

    operations = [
        migrations.CreateModel(
            name="CheckDefinition",
            fields=[
                ("id", models.CharField(max_length=24, primary_key=True, serialize=False)),
                (
                    "salt",
                    models.CharField(default=quarterdeck.inventory.models.new_salt, editable=False, max_length=32),
                ),
                ("version", models.PositiveIntegerField(default=1)),
                ("active", models.BooleanField(default=True)),
                ("added_at", models.DateTimeField()),
                ("changed_at", models.DateTimeField()),
                ("kind", models.CharField(choices=_choices(KINDS), max_length=12)),
                ("name", models.CharField(max_length=120)),
                ("phase", models.CharField(choices=_choices(PHASES), max_length=6)),
                ("values", models.JSONField(default=dict)),
                ("assets", models.JSONField(default=list)),
            ],
            options={
                "ordering": ["name", "id"],
                "constraints": [
                    models.UniqueConstraint(condition=Q(active=True), fields=("name",), name="check_name_once"),
                    models.CheckConstraint(condition=~Q(name=""), name="check_has_name"),
                    models.CheckConstraint(condition=Q(kind__in=list(KINDS)), name="check_kind_known"),
                    models.CheckConstraint(condition=Q(phase__in=list(PHASES)), name="check_phase_known"),
                ],
            },
        ),
    ]
