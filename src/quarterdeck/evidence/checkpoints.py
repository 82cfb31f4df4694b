"""Signed heads and the receipts of those who hold them; neither is an entry."""

from collections.abc import Sequence
from datetime import datetime

from quarterdeck.evidence import reading
from quarterdeck.evidence.models import AnchorReceipt, Checkpoint
from quarterdeck.evidence.terms import STAMPS, AnchorGrade, CheckpointView, Entry, ReceiptView


def save_checkpoint(
    *, size: int, root: bytes, body: bytes, sshsig: bytes, note: bytes, key_id: str, reason: str, at: datetime
) -> None:
    """Keep a checkpoint; the same size again is kept once."""
    Checkpoint.objects.get_or_create(
        size=size,
        defaults={
            "root": root.hex(),
            "body": body,
            "sshsig": sshsig,
            "note": note,
            "key_id": key_id,
            "reason": reason,
            "at": at,
        },
    )


def view_of(row: Checkpoint) -> CheckpointView:
    """Return a row as the value that leaves this app."""
    return CheckpointView(
        row.size, row.root, bytes(row.body), bytes(row.sshsig), bytes(row.note), row.key_id, row.reason, row.at
    )


def latest_checkpoint() -> CheckpointView | None:
    """Return the newest checkpoint."""
    row = Checkpoint.objects.order_by("-size").first()
    return None if row is None else view_of(row)


def checkpoint(size: int) -> CheckpointView | None:
    """Return the checkpoint of this size."""
    row = Checkpoint.objects.filter(size=size).first()
    return None if row is None else view_of(row)


def checkpoints(limit: int = 200) -> Sequence[CheckpointView]:
    """Return the newest checkpoints, newest first."""
    return [view_of(row) for row in Checkpoint.objects.order_by("-size")[:limit]]


def save_receipt(*, size: int, channel: str, target: str, grade: AnchorGrade, sent_at: datetime, receipt: str) -> None:
    """Keep the proof that a checkpoint went out through `channel` to `target`."""
    AnchorReceipt.objects.get_or_create(
        checkpoint_id=size,
        channel=channel,
        target=target,
        defaults={"grade": grade.value, "sent_at": sent_at, "receipt": receipt},
    )


def receipts(size: int | None = None, *, limit: int | None = None) -> Sequence[ReceiptView]:
    """Return receipts, of one checkpoint or all, newest checkpoint first; at most `limit`."""
    rows = AnchorReceipt.objects.order_by("-checkpoint_id", "channel", "target")
    if size is not None:
        rows = rows.filter(checkpoint_id=size)
    rows = rows[:limit]
    return [ReceiptView(r.checkpoint_id, r.channel, r.target, AnchorGrade(r.grade), r.sent_at, r.receipt) for r in rows]


def anchored_size() -> int:
    """Return how many entries are covered by a checkpoint that somebody else holds.

    An authority keeps nothing of what it stamps: the token lies here, with whoever could delete it.
    """
    newest = (
        AnchorReceipt.objects.exclude(channel=STAMPS)
        .order_by("-checkpoint_id")
        .values_list("checkpoint_id", flat=True)
        .first()
    )
    return newest or 0


def oldest_unanchored() -> Entry | None:
    """Return the first entry that no checkpoint outside this server covers, None when all are covered."""
    return next(reading.entries(from_seq=anchored_size()), None)
