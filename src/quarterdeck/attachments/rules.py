"""May this be attached: kind, size, room, where a chunk belongs. Pure."""

import re

from quarterdeck.attachments.terms import KINDS, UploadState, UploadView
from quarterdeck.kernel.decision import Decision, all_of, require_that

CHUNK = 8 * 1024 * 1024
LONGEST_NAME = 200
_TARGET = re.compile(
    r"(?:https://[A-Za-z0-9.-]+(?::\d{1,5})?(?:/[^\s\x00-\x1f\x7f]*)?|\\\\[^\s\x00-\x1f\x7f\\]+\\[^\x00-\x1f\x7f]+"
    r"|/[^\x00-\x1f\x7f]+|[A-Za-z]:\\[^\x00-\x1f\x7f]+)"
)
_LONGEST_TARGET = 1000


def known_kind(code: str) -> Decision:
    """Decide whether there is such a kind."""
    return require_that(
        code in KINDS,
        "attachment.kind",
        f"There is no kind {code[:40]!r} of attached evidence.",
        f"Choose one of: {', '.join(KINDS)}.",
    )


def may_start(kind: str, name: str, size: int, *, limit: int, free: int, floor: int) -> Decision:
    """Decide whether a file of this size may come: `free` room on the disk, `floor` that stays free, both in bytes.

    The file is kept twice for a moment: as it arrives, and as it is hashed into the store.
    """
    return all_of(
        [
            known_kind(kind),
            require_that(
                0 < len(name.strip()) <= LONGEST_NAME and not any(ord(sign) < 32 for sign in name),
                "attachment.name",
                f"A file name has 1 to {LONGEST_NAME} readable characters.",
                "Rename the file and attach it again.",
            ),
            require_that(
                size > 0,
                "attachment.empty",
                "The file is empty.",
                "Export it again and look at its size.",
            ),
            require_that(
                size <= limit,
                "attachment.too_large",
                f"The file has {size:,} bytes; at most {limit:,} are taken.",
                "Split it, attach a link to where it lies, or ask the IT lead to raise QD_ATTACH_LIMIT_GB.",
            ),
            require_that(
                free - 2 * size >= floor,
                "attachment.no_room",
                "The server's disk has no room for this file.",
                "Ask the IT lead for room on the evidence disk, or attach a link to where the file lies.",
            ),
        ]
    )


def may_send(upload: UploadView, person: str, offset: int, length: int) -> Decision:
    """Decide whether this chunk may be written: one's own upload, that still arrives, exactly where it ends."""
    return all_of(
        [
            own_upload(upload, person),
            require_that(
                upload.state is UploadState.ARRIVING,
                "upload.over",
                f"This upload is {upload.state.value}; nothing more is taken.",
                "Look at the ticket's attached evidence, or start again.",
            ),
            require_that(
                offset == upload.offset,
                "upload.offset",
                f"The server has {upload.offset} bytes of it, the chunk begins at {offset}.",
                "Ask the server for the offset and go on from there.",
            ),
            require_that(
                offset != upload.offset or 0 < length <= min(CHUNK, upload.size - upload.offset),
                "upload.chunk",
                f"A chunk has 1 to {CHUNK:,} bytes and ends where the file was said to end.",
                "Send the rest in smaller chunks, or start again with the file's real size.",
            ),
        ]
    )


def room_left(length: int, *, free: int, floor: int) -> Decision:
    """Decide whether a chunk still finds room: whoever began when there was room may not take what recordings need."""
    return require_that(
        free - length >= floor,
        "upload.no_room",
        "The server's disk has no room left for this file.",
        "Ask the IT lead for room on the evidence disk, then go on: what arrived is kept.",
    )


def own_upload(upload: UploadView, person: str) -> Decision:
    """Decide whether the upload is this person's: nobody goes on with somebody else's."""
    return require_that(
        upload.by == person, "upload.unknown", "There is no such upload of yours.", "Start the upload again."
    )


def may_finish(upload: UploadView, person: str) -> Decision:
    """Decide whether everything is there."""
    return all_of(
        [
            own_upload(upload, person),
            require_that(
                upload.state is UploadState.ARRIVING,
                "upload.over",
                f"This upload is {upload.state.value}.",
                "Look at the ticket's attached evidence.",
            ),
            require_that(
                upload.offset == upload.size,
                "upload.unfinished",
                f"{upload.offset} of {upload.size} bytes are here.",
                "Send the rest first.",
            ),
        ]
    )


def usable_target(target: str) -> Decision:
    """Decide on the target of a link: an https address, a UNC path, or an absolute path."""
    return require_that(
        len(target) <= _LONGEST_TARGET and _TARGET.fullmatch(target) is not None,
        "attachment.target",
        "A link names an https address, a share (\\\\server\\folder\\file) or an absolute path.",
        "Write where the recording really lies, without a password in it.",
    )
