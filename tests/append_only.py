"""What only somebody with the database itself can do, for attack tests and for emptying the database between tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection
from django.db.backends.base.operations import BaseDatabaseOperations

from quarterdeck.evidence.guard import open_guard

_ORIGINAL_FLUSH = BaseDatabaseOperations.execute_sql_flush


@contextmanager
def database_in_hand() -> Iterator[Any]:
    """Yield a cursor that neither the write guard nor the append-only triggers stop."""
    with open_guard(), connection.cursor() as cursor:
        if connection.vendor != "sqlite":
            yield from _postgresql_in_hand(cursor)
            return
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        triggers = cursor.fetchall()
        for name, _ in triggers:
            cursor.execute(f'DROP TRIGGER "{name}"')
        yield cursor
        for _, statement in triggers:
            cursor.execute(statement)


def _postgresql_in_hand(cursor: Any) -> Iterator[Any]:
    """Switch the triggers off, as whoever owns the tables can; a superuser all of them at once."""
    cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
    if cursor.fetchone()[0]:
        cursor.execute("SET session_replication_role = replica")
        yield cursor
        cursor.execute("SET session_replication_role = DEFAULT")
        return
    cursor.execute("SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal")
    tables = [name for (name,) in cursor.fetchall()]
    for name in tables:
        cursor.execute(f"ALTER TABLE {name} DISABLE TRIGGER USER")
    yield cursor
    for name in tables:
        cursor.execute(f"ALTER TABLE {name} ENABLE TRIGGER USER")


def _flush(operations: BaseDatabaseOperations, statements: list[str]) -> None:
    with database_in_hand():
        _ORIGINAL_FLUSH(operations, statements)


def allow_tests_to_empty_the_database() -> None:
    """Let Django's own test teardown empty append-only tables too; called once by conftest."""
    BaseDatabaseOperations.execute_sql_flush = _flush
