"""One act at a time, on every database: what a rule read when it decided is still so when the act is committed.

SQLite gives this with BEGIN IMMEDIATE. PostgreSQL lets two transactions read, decide and write past each other (a grant
is revoked while the gate, which read it before, admits its holder), and locking each row that a rule happens to read
would be a promise that nobody keeps. So an act waits for its turn first: need is below one act a second.
"""

from django.db import connection

# Told apart from other users of advisory locks in the same database; the number itself means nothing ("qd act").
_TURN = 0x71642061_6374
_WAIT = "20s"


def take_turn() -> None:
    """Wait until no other act is under way; the turn ends with the caller's transaction.

    Raises OperationalError after 20 s, as SQLite does. The first lock of an act, hence no deadlock between acts.
    """
    if connection.vendor == "sqlite":
        return
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = '{_WAIT}'")
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_TURN])
