"""The shared cache of login counters: the table of Django's database cache, read without running what stands in it.

Django unpickles whatever it finds there, so that whoever can write this one table, a database administrator for one,
has code run in the web process at the next login. Here only plain values come back; anything else is not there.
"""

import base64
import binascii
import io
import pickle
from collections.abc import Iterable
from typing import Any, NoReturn

from django.core.cache.backends.db import DatabaseCache
from django.db import connections, router
from django.utils import timezone

_UNREADABLE = (pickle.UnpicklingError, binascii.Error, ValueError, EOFError, LookupError, TypeError, AttributeError)


class _PlainValues(pickle.Unpickler):
    """Reads numbers, texts and lists; a class or function is what an attack needs, and no counter."""

    def find_class(self, module: str, name: str) -> NoReturn:
        raise pickle.UnpicklingError(f"{module}.{name} has no place in the cache")


class PlainCache(DatabaseCache):
    """Django's database cache for plain values."""

    _table: str

    def get_many(self, keys: Iterable[Any], version: int | None = None) -> dict[str, Any]:
        """Return the values that are kept under these keys and can be read as plain ones."""
        named = {self.make_and_validate_key(key, version=version): key for key in keys}
        if not named:
            return {}
        connection = connections[router.db_for_read(self.cache_model_class)]
        marks = ", ".join(["%s"] * len(named))
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT cache_key, value FROM {connection.ops.quote_name(self._table)}"  # noqa: S608
                f" WHERE expires > %s AND cache_key IN ({marks})",
                # The clock by which Django wrote when each value ends; none of them is evidence.
                [connection.ops.adapt_datetimefield_value(timezone.now()), *named],  # noqa: TID251
            )
            rows = cursor.fetchall()
        found = {}
        for key, text in rows:
            try:
                found[named[key]] = _PlainValues(io.BytesIO(base64.b64decode(text))).load()
            except _UNREADABLE:
                continue
        return found
