"""PostgreSQL with the guard (a write to a guarded table outside an act raises), and only where a commit is durable.

The server may be set up by somebody else, so what the ledger rests on is fixed or asked on every connection: READ
COMMITTED, under which a statement after a wait for a lock sees what was committed meanwhile, and synchronous_commit.
"""

from collections.abc import Callable
from typing import Any

from django.core.exceptions import ImproperlyConfigured, SuspiciousOperation
from django.db import DataError
from django.db.backends.postgresql import base
from psycopg import IsolationLevel

from quarterdeck.evidence.guard import guard_writes


def refuse_nul(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:  # noqa: ANN401
    """Django execute wrapper: text with NUL, which only PostgreSQL does not keep, is a bad request, no server error."""
    try:
        return execute(sql, params, many, context)
    except DataError as error:
        if "NUL" in str(error):
            raise SuspiciousOperation("text with a NUL character") from error
        raise


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's PostgreSQL connection with the write guard on every statement."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  Django's own signature
        super().__init__(*args, **kwargs)
        self.execute_wrappers += [guard_writes, refuse_nul]

    def get_connection_params(self) -> dict[str, Any]:
        """Return libpq's parameters, the isolation level fixed: a server's or a role's default doesn't count."""
        self.settings_dict["OPTIONS"]["isolation_level"] = IsolationLevel.READ_COMMITTED
        return super().get_connection_params()

    def ensure_connection(self) -> None:
        """Connect, also anew after the server dropped the connection: gate, signer and ticker live for months.

        The statement that met the dropped connection has failed; inside a transaction nothing is repaired.
        """
        if self.connection is not None and self.connection.closed and not self.in_atomic_block:
            self.close()
        super().ensure_connection()

    def init_connection_state(self) -> None:
        """Refuse a connection whose acknowledged commits a power cut may take back (evidence.md, trap 12)."""
        super().init_connection_state()
        with self.connection.cursor() as cursor:
            cursor.execute("SHOW synchronous_commit")
            row = cursor.fetchone()
        if row is None or row[0] == "off":
            self.close()  # else the next statement would go through the connection that was refused
            raise ImproperlyConfigured(
                "The database acknowledges entries that a power cut may take back (synchronous_commit is off). Set "
                "synchronous_commit to on for this database and its user, then start again."
            )
