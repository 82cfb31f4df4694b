"""Bytes, an open file or a path, read piece by piece: nothing of any size is held in memory whole."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, TypeAlias

CHUNK = 1024 * 1024
Source: TypeAlias = "bytes | BinaryIO | Path"


def chunks(source: Source) -> Iterator[bytes]:
    """Yield the content in pieces of at most CHUNK bytes; a path is opened and closed here, an open file is not."""
    if isinstance(source, bytes):
        for start in range(0, len(source), CHUNK):
            yield source[start : start + CHUNK]
    elif isinstance(source, Path):
        with source.open("rb") as file:
            yield from chunks(file)
    else:
        while piece := source.read(CHUNK):
            yield piece


def sha256_of(source: Source) -> str:
    """Return the SHA-256 of the content in hexadecimal."""
    digest = hashlib.sha256()
    for piece in chunks(source):
        digest.update(piece)
    return digest.hexdigest()
