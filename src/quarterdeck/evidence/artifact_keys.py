"""The book of keys in the database: one row a file and store. Deleting the row is destroying the key."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection

from quarterdeck.evidence.models import ArtifactKey
from quarterdeck.evidence.named import standing_artifacts
from quarterdeck.evidence.ports import ObjectKey


@dataclass(frozen=True, slots=True)
class KeyRows:
    """Fulfils ports.KeyBook for the store of this name."""

    store: str

    def find(self, sha256: str) -> ObjectKey | None:
        """Return the key of a file."""
        row = ArtifactKey.objects.filter(sha256=sha256, store=self.store).first()
        return None if row is None else _key(row)

    def keep(self, key: ObjectKey) -> ObjectKey:
        """Keep a key; the first that came holds."""
        row, _ = ArtifactKey.objects.get_or_create(
            sha256=key.sha256,
            store=self.store,
            defaults={"object": key.object, "wrapped": key.wrapped, "store_key": key.store_key},
        )
        return _key(row)

    def forget(self, sha256: str) -> None:
        """Delete the row, and on SQLite its bytes: freed pages are overwritten, and the log beside the file is emptied.

        PostgreSQL frees them at its next vacuum. What backups hold is out of reach (how-to/keep-evidence-on-s3.md).
        """
        sqlite = connection.vendor == "sqlite"
        if sqlite:
            with connection.cursor() as cursor:
                cursor.execute("PRAGMA secure_delete=ON")
        ArtifactKey.objects.filter(sha256=sha256, store=self.store).delete()
        if sqlite and not connection.in_atomic_block:
            # A reader may keep a part of the log in use; then it is emptied with the next checkpoint.
            with connection.cursor() as cursor:
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def named(self, objects: Sequence[str]) -> dict[str, str]:
        """Return which files these objects are."""
        rows = ArtifactKey.objects.filter(store=self.store, object__in=objects)
        return dict(rows.values_list("object", "sha256"))

    def last_store_key(self) -> str:
        """Return the identity of the store key that wrapped last, for whichever store."""
        return ArtifactKey.objects.order_by("-id").values_list("store_key", flat=True).first() or ""


def keys_by_store_key() -> dict[str, int]:
    """Return how many keys each store key wrapped, by its identity."""
    found: dict[str, int] = {}
    for identity in ArtifactKey.objects.values_list("store_key", flat=True).iterator():
        found[identity] = found.get(identity, 0) + 1
    return found


def keyless(store: str) -> int:
    """Return how many artifacts that should be in this store have no key there."""
    have = set(ArtifactKey.objects.filter(store=store).values_list("sha256", flat=True))
    return len(standing_artifacts().keys() - have)


def _key(row: ArtifactKey) -> ObjectKey:
    return ObjectKey(row.sha256, row.object, bytes(row.wrapped), row.store_key)
