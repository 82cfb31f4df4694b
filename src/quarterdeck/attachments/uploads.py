"""Uploads under way: a file in `incoming/` whose length is the offset; resumable, cancellable, cleaned after a time."""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from quarterdeck.attachments import rules
from quarterdeck.attachments.models import Upload
from quarterdeck.attachments.ports import Source
from quarterdeck.attachments.terms import Told, UploadState, UploadView
from quarterdeck.config.api import load
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Refused, all_of, refuse, require_that
from quarterdeck.kernel.ids import new_id

_PART = 1024 * 1024
MOST_AT_ONCE = 20
LONGEST_CHECK = timedelta(hours=1)


def start(actor: Actor, clock: Clock, number: str, told: Told, *, name: str, size: int) -> UploadView:
    """Make room for a file and return the upload; that the person may attach was decided before."""
    room_for(told.kind, name, size)
    mine = Upload.objects.filter(by=actor.id, state=UploadState.ARRIVING.value).count()
    require_that(
        mine < MOST_AT_ONCE,
        "upload.too_many",
        f"You have {mine} uploads that did not end.",
        "Go on with them or cancel them, then start again.",
    ).require()
    now = clock.now()
    row = Upload(
        id=new_id("up"), ticket=number, by=actor.id, name=name, size=size, told=asdict(told), started_at=now,
        touched_at=now,
    )  # fmt: skip
    folder = load().incoming_dir
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.close(os.open(path_of(row.id), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    row.save(force_insert=True)
    return view(row)


def room_for(kind: str, name: str, size: int) -> None:
    """Raise Refused unless a file of this kind, name and size may come."""
    free, floor = _room()
    rules.may_start(kind, name, size, limit=int(load().attach_limit_gb * 1e9), free=free, floor=floor).require()


def _room() -> tuple[int, int]:
    """Return how many bytes the disk has free, and how many of them stay free."""
    config = load()
    nearest = next(folder for folder in (config.incoming_dir, *config.incoming_dir.parents) if folder.exists())
    return shutil.disk_usage(nearest).free, int(config.attach_floor_gb * 1e9)


def take_chunk(
    actor: Actor, clock: Clock, upload_id: str, *, offset: int, length: int, sha256: str, body: Source
) -> UploadView:
    """Append a chunk and return the upload as it is then; synced before it is acknowledged.

    Refused(upload.*) and nothing is written when it does not belong there, or is not the bytes that were hashed.
    """
    with _held(upload_id) as file:
        found = upload(upload_id)
        rules.may_send(found, actor.id, offset, length).require()
        free, floor = _room()
        rules.room_left(length, free=free, floor=floor).require()
        file.seek(offset)
        try:
            _append(file, body, length, sha256)
        except BaseException:
            file.truncate(offset)
            raise
    Upload.objects.filter(id=upload_id).update(touched_at=clock.now())
    return upload(upload_id)


def _append(file: BinaryIO, body: Source, length: int, sha256: str) -> None:
    digest, left = hashlib.sha256(), length
    while left:
        part = body.read(min(_PART, left))
        if not part:
            break
        digest.update(part)
        left -= len(part)
        file.write(part)
    all_of(
        [
            require_that(
                left == 0 and not body.read(1),
                "upload.cut_off",
                "The chunk is not as long as it was said to be.",
                "Ask the server for the offset and send it again.",
            ),
            require_that(
                not sha256 or digest.hexdigest() == sha256,
                "upload.damaged",
                "The chunk changed on its way: its SHA-256 does not fit.",
                "Send it again.",
            ),
        ]
    ).require()
    file.flush()
    os.fsync(file.fileno())


@contextmanager
def _held(upload_id: str) -> Iterator[BinaryIO]:
    """Open an upload's file for this request alone; Refused(upload.unknown, upload.busy)."""
    found = upload(upload_id)
    try:
        file = path_of(found.id).open("r+b")
    except OSError as error:
        raise Refused(
            refuse("upload.over", f"This upload is {found.state.value}.", "Look at the ticket's attached evidence.")
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Refused(
                refuse("upload.busy", "Another request writes to this upload.", "Wait, ask for the offset, go on.")
            ) from error
        yield file


def begin_checking(actor: Actor, clock: Clock, upload_id: str) -> UploadView:
    """Take a complete upload out of the hands of its sender: nothing more is written to it.

    A chunk that is still being written has the whole length a moment before its hash is compared and it is taken away.
    """
    rules.may_finish(upload(upload_id), actor.id).require()
    with _held(upload_id):
        rules.may_finish(upload(upload_id), actor.id).require()
        taken = Upload.objects.filter(id=upload_id, state=UploadState.ARRIVING.value).update(
            state=UploadState.CHECKING.value, touched_at=clock.now()
        )
    require_that(
        taken == 1, "upload.over", "This upload is being checked already.", "Look at the ticket's attached evidence."
    ).require()
    return upload(upload_id)


def end(upload_id: str, clock: Clock, state: UploadState, *, message: str = "", sha256: str = "") -> None:
    """Note how an upload ended and let go of its bytes."""
    Upload.objects.filter(id=upload_id).update(
        state=state.value, message=message[:1000], sha256=sha256, touched_at=clock.now()
    )
    path_of(upload_id).unlink(missing_ok=True)


def put_back(upload_id: str, clock: Clock) -> None:
    """Let a complete upload be finished again: what failed was ours, the bytes are there."""
    Upload.objects.filter(id=upload_id).update(state=UploadState.ARRIVING.value, touched_at=clock.now())


def cancel(actor: Actor, clock: Clock, upload_id: str) -> UploadView:
    """Give up one's own upload."""
    found = upload(upload_id)
    rules.own_upload(found, actor.id).require()
    if found.state is UploadState.ARRIVING:
        end(upload_id, clock, UploadState.CANCELLED)
    return upload(upload_id)


def clean_uploads(clock: Clock) -> int:
    """Give up what did not move for `QD_ATTACH_KEEP_HOURS`, and remove files that no upload knows; return how many."""
    now, gone = clock.now(), 0
    before = now - timedelta(hours=load().attach_keep_hours)
    # A process that ended while it checked: the bytes are whole, their sender finishes again.
    stuck = Upload.objects.filter(state=UploadState.CHECKING.value, touched_at__lt=now - LONGEST_CHECK)
    stuck.update(state=UploadState.ARRIVING.value)
    still = (UploadState.ARRIVING.value, UploadState.CHECKING.value)
    for row in Upload.objects.filter(state__in=still, touched_at__lt=before):
        end(row.id, clock, UploadState.CANCELLED, message=f"Nothing came since {row.touched_at:%Y-%m-%d %H:%M} UTC.")
        gone += 1
    Upload.objects.exclude(state__in=still).filter(touched_at__lt=before).delete()
    known = set(Upload.objects.filter(state__in=still).values_list("id", flat=True))
    for path in load().incoming_dir.glob("up_*"):
        if path.name not in known and datetime.fromtimestamp(path.stat().st_mtime, now.tzinfo) < before:
            path.unlink(missing_ok=True)
            gone += 1
    return gone


def path_of(upload_id: str) -> Path:
    """Return where the bytes of an upload lie; ids are our own, never a path."""
    if not upload_id.startswith("up_") or not upload_id[3:].isalnum():
        raise Refused(refuse("upload.unknown", "There is no such upload.", "Start the upload again."))
    return load().incoming_dir / upload_id


def upload(upload_id: str) -> UploadView:
    """Return an upload; Refused(upload.unknown)."""
    row = Upload.objects.filter(id=upload_id).first()
    if row is None:
        raise Refused(refuse("upload.unknown", "There is no such upload.", "Start the upload again."))
    return view(row)


def uploads(person: str, number: str = "") -> list[UploadView]:
    """Return what this person has under way, newest first, perhaps of one ticket alone."""
    rows = Upload.objects.filter(by=person, state=UploadState.ARRIVING.value).order_by("-started_at")
    return [view(row) for row in rows if not number or row.ticket == number]


def view(row: Upload) -> UploadView:
    """Return an upload as a view; the offset is the length of its file."""
    path = path_of(row.id)
    ended = row.state == UploadState.DONE.value
    offset = path.stat().st_size if path.is_file() else row.size if ended else 0
    return UploadView(
        row.id,
        row.ticket,
        row.by,
        row.name,
        row.size,
        offset,
        Told(**row.told),
        UploadState(row.state),
        row.message,
        row.sha256,
        row.started_at,
        row.touched_at,
    )
