"""Bytes to S3: one request for small files, parts for large ones; every request carries the SHA-256 of its bytes.

The server has no SHA-256 of a whole that came in parts. So the file is hashed before (its name), every part is checked
by the server, and what was read for the parts is hashed once more: only if that is the name, the parts are joined.
"""

import base64
import hashlib
import io
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from quarterdeck.adapters.s3_client import S3, asked
from quarterdeck.evidence.ports import StoreFailed
from quarterdeck.kernel.chunks import CHUNK, Source, chunks

PART = 64 * 1024 * 1024
MOST_PARTS = 9_000


@contextmanager
def spooled(source: Source, folder: Path) -> Iterator[tuple[BinaryIO, str, int]]:
    """Give the content as a seekable file with its SHA-256 and size; a stream goes through a nameless file first."""
    digest, size = hashlib.sha256(), 0
    try:
        with _opened(source, folder) as file:
            for chunk in chunks(file if isinstance(source, bytes | Path) else _copied(source, file)):
                digest.update(chunk)
                size += len(chunk)
            file.seek(0)
            yield file, digest.hexdigest(), size
    except OSError as error:
        raise StoreFailed(
            f"The file cannot be read or kept for the upload ({error.strerror or 'input or output error'}).",
            f"Look at the disk of {folder}.",
        ) from error


def _opened(source: Source, folder: Path) -> BinaryIO:
    if isinstance(source, bytes):
        return io.BytesIO(source)
    if isinstance(source, Path):
        return source.open("rb")
    return new_spool(folder)


def new_spool(folder: Path) -> BinaryIO:
    """Return a file without a name in this folder: gone when it is closed, or its process dies."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return tempfile.TemporaryFile(dir=folder)


def brought(pieces: Iterable[bytes], folder: Path) -> BinaryIO:
    """Return what comes as a nameless file in this folder, at its beginning; StoreFailed when the disk is full."""
    try:
        file = new_spool(folder)
        try:
            for piece in pieces:
                file.write(piece)
            file.seek(0)
        except BaseException:
            file.close()
            raise
    except OSError as error:
        raise StoreFailed(
            f"A file of the evidence store does not fit on this machine's disk ({error.strerror}).",
            f"Make room where {folder} lies.",
        ) from error
    return file


def _copied(source: BinaryIO, file: BinaryIO) -> BinaryIO:
    for chunk in chunks(source):
        file.write(chunk)
    file.seek(0)
    return file


def put_whole(s3: S3, key: str, file: BinaryIO | bytes, sha256: str, **extra: object) -> dict[str, Any]:
    """Upload a file in one request; the server refuses it when its bytes have another SHA-256."""
    if not isinstance(file, bytes):
        file.seek(0)
    return asked(s3, "store it", s3.client.put_object, Key=key, Body=file, ChecksumSHA256=to_base64(sha256), **extra)


def put_parts(
    s3: S3, key: str, file: BinaryIO, size: int, sha256: str, *, only_new: bool, **extra: object
) -> dict[str, Any]:
    """Upload a file in parts; StoreFailed when it is not the file any more that was hashed before."""
    begun = asked(
        s3, "begin an upload", s3.client.create_multipart_upload, Key=key, ChecksumAlgorithm="SHA256", **extra
    )
    upload = {"Key": key, "UploadId": begun["UploadId"]}
    try:
        sent, parts = hashlib.sha256(), []
        width = max(PART, -(-size // MOST_PARTS))
        for number, start in enumerate(range(0, size, width), 1):
            part = Part(file, start, min(width, size - start))
            checksum = to_base64(_digest(part, sent))
            answer = asked(
                s3, "store a part", s3.client.upload_part, **upload, PartNumber=number, Body=part,
                ContentLength=len(part), ChecksumSHA256=checksum,
            )  # fmt: skip
            parts.append({"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": checksum})
        if sent.hexdigest() != sha256:
            raise StoreFailed("The file changed while it was stored.", "Store it again when nobody writes to it.")
        only = {"IfNoneMatch": "*"} if only_new else {}
        return asked(
            s3, "join the parts", s3.client.complete_multipart_upload, **upload, MultipartUpload={"Parts": parts},
            **only,
        )  # fmt: skip
    except BaseException:
        # What is not joined is no object; whoever could not take it back here leaves it to the bucket's own rules.
        with suppress(StoreFailed):
            asked(s3, "take parts back", s3.client.abort_multipart_upload, **upload)
        raise


def _digest(part: "Part", whole: Any) -> str:  # noqa: ANN401
    digest = hashlib.sha256()
    part.seek(0)
    while piece := part.read(CHUNK):
        digest.update(piece)
        whole.update(piece)
    part.seek(0)
    return digest.hexdigest()


class Part(io.RawIOBase):
    """A window into a file that looks like a file of its own, so that no part is held in memory."""

    def __init__(self, file: BinaryIO, start: int, length: int) -> None:
        self._file, self._start, self._length, self._at = file, start, length, 0

    def __len__(self) -> int:
        return self._length

    def readable(self) -> bool:
        """Say yes."""
        return True

    def seekable(self) -> bool:
        """Say yes."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move within the window."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._length}[whence]
        self._at = max(0, min(self._length, base + offset))
        return self._at

    def tell(self) -> int:
        """Return the place within the window."""
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        """Read up to the end of the window."""
        left = self._length - self._at
        self._file.seek(self._start + self._at)
        piece = self._file.read(left if size is None or size < 0 else min(size, left))
        self._at += len(piece)
        return piece


def to_base64(sha256: str) -> str:
    """Return a hexadecimal SHA-256 as S3 writes it."""
    return base64.b64encode(bytes.fromhex(sha256)).decode()
