"""Frames of the collector's output: a length (four bytes, big-endian), a kind byte and zlib data.

A length of zero ends the output, so that a truncation always shows. Runs on the target: Python 3.6, standard library.
"""

import errno
import os
import struct
import zlib

HEADER, RECORDS, DOCUMENT, TRAILER = b"H", b"R", b"D", b"T"
END = b"\0\0\0\0"


def frame(kind: bytes, payload: bytes) -> bytes:
    """Return one frame of the output."""
    packed = kind + zlib.compress(payload, 1)
    return struct.pack(">I", len(packed)) + packed


def write_all(descriptor: int, data: bytes) -> None:
    """Write every byte; OSError when the reader is gone."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def read_exactly(descriptor: int, size: int) -> bytes:
    """Return `size` bytes, fewer only at the end of the stream."""
    parts = []
    while size:
        part = os.read(descriptor, size)
        if not part:
            break
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def error_name(error: OSError) -> bytes:
    """Return the symbolic name of an error, such as EACCES."""
    return errno.errorcode.get(error.errno or 0, "EIO").encode()
