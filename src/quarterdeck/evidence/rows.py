"""The ledger's two hot tables in plain SQL that both databases understand: the head, rows in, rows out.

Every act pays for these statements and every reader for each row; through the ORM they cost several times as much
(bench/README.md). Nothing that is read here is believed: `watch` and `verification` check it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeAlias

from django.db import IntegrityError, connection

from quarterdeck_verify.entry import decode, leaf_hash

BATCH = 1000
_COLUMNS = "seq, event_id, event, ticket, ticket_seq, actor_id, object_type, object_id, leaf, body"
# sequence number, event id, event, ticket, place in the ticket, actor, type and id of the object, leaf hash, bytes
StoredRow: TypeAlias = tuple[int, str, str, str | None, int | None, str, str, str, bytes, bytes]


def stored_head() -> tuple[int, bytes]:
    """Return size and tip as the head's row says, (0, 32 zero bytes) before the first entry."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT size, tip FROM evidence_ledgerhead WHERE id = 1")
        row = cursor.fetchone()
    return (0, b"\0" * 32) if row is None else (row[0], row[1])


def rows_from(first: int, until: int) -> list[StoredRow]:
    """Return the rows [first, until) in order, at most BATCH of them."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {_COLUMNS} FROM evidence_ledgerentry WHERE seq >= %s AND seq < %s ORDER BY seq LIMIT {BATCH}",  # noqa: S608
            [first, until],
        )
        rows: list[StoredRow] = cursor.fetchall()
    return rows


def rows_at(seqs: Sequence[int]) -> list[StoredRow]:
    """Return the rows with these numbers, in any order; at most BATCH numbers."""
    marks = ", ".join(["%s"] * len(seqs))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {_COLUMNS} FROM evidence_ledgerentry WHERE seq IN ({marks})", list(seqs))  # noqa: S608
        rows: list[StoredRow] = cursor.fetchall()
    return rows


def insert_rows(rows: Sequence[StoredRow], at: datetime) -> bool:
    """Append rows that were written at `at`; False when the table has one of them already."""
    moment = connection.ops.adapt_datetimefield_value(at)
    statement = f"INSERT INTO evidence_ledgerentry ({_COLUMNS}, at) VALUES ({', '.join(['%s'] * 11)})"  # noqa: S608
    try:
        with connection.cursor() as cursor:
            cursor.executemany(statement, [(*row, moment) for row in rows])
    except IntegrityError:
        return False
    return True


def move_head(old: tuple[int, bytes], new: tuple[int, bytes], frontier: bytes, at: datetime) -> bool:
    """Move the head from `old` to `new`, both size and tip; False when it did not stand at `old`."""
    told: list[Any] = [new[0], new[1], frontier, connection.ops.adapt_datetimefield_value(at)]
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE evidence_ledgerhead SET size = %s, tip = %s, frontier = %s, last_at = %s"
            " WHERE id = 1 AND size = %s AND tip = %s",
            [*told, *old],
        )
        if cursor.rowcount == 1:
            return True
        if old[0] != 0:
            return False
    return _first_head(told)


def _first_head(told: list[Any]) -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO evidence_ledgerhead (id, size, tip, frontier, last_at) VALUES (1, %s, %s, %s, %s)",
                told,
            )
    except IntegrityError:
        return False
    return True


def stored_tile(level: int, number: int) -> bytes | None:
    """Return the hashes of a full tile as they are stored."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT data FROM evidence_ledgertile WHERE level = %s AND number = %s", [level, number])
        row = cursor.fetchone()
    return None if row is None else row[0]


def told_by(row: StoredRow) -> dict[str, Any] | None:
    """Return the fields of a row's entry; None unless its bytes are its leaf, canonical, and what its columns say."""
    seq, event_id, event, ticket, ticket_seq, actor, kind, object_id, leaf, body = row
    # SQLite also keeps text or nothing where somebody wrote it into the column by hand.
    if not isinstance(body, bytes) or leaf_hash(body) != leaf:
        return None
    try:
        told = decode(body)
    except ValueError:
        return None
    said = (
        told["seq"], told["event_id"], told["event"], told["ticket"], told["ticket_seq"], told["actor"]["id"],
        told["object"]["type"], told["object"]["id"],
    )  # fmt: skip
    return told if said == (seq, event_id, event, ticket, ticket_seq, actor, kind, object_id) else None
