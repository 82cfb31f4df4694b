"""Facts are read from the entries that carry them, and entries are found by their bytes: both projections go."""

import json

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def rebuild_facts(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """The way back: the rows that the entries' facts are projected to."""
    entries, facts = apps.get_model("evidence", "LedgerEntry"), apps.get_model("evidence", "FactRow")
    for body, at in entries.objects.order_by("seq").values_list("body", "at").iterator(chunk_size=1000):
        told = json.loads(bytes(body))
        carried = told["data"].get("facts")
        facts.objects.bulk_create(
            facts(**fact, at=at, entry=told["event_id"]) for fact in (carried if isinstance(carried, list) else ())
        )


class Migration(migrations.Migration):
    dependencies = [("evidence", "0001_initial")]

    operations = [
        migrations.RunPython(migrations.RunPython.noop, rebuild_facts),
        migrations.DeleteModel(name="FactRow"),
        migrations.RemoveIndex(model_name="ledgerentry", name="entry_by_event"),
        migrations.RemoveIndex(model_name="ledgerentry", name="entry_by_object"),
    ]
