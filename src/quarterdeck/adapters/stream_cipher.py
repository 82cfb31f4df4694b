"""Encrypting a file of any size piece by piece: AES-256-GCM in the STREAM construction, as age cuts its payload.

Chunks of 64 KiB, each sealed with a nonce of its number and whether it is the last; so chunks cannot be changed, moved,
left out or cut off unseen (Hoang, Reyhanitabar, Rogaway, Vizár 2015). A key encrypts one file once, never another: that
is why a counter may be the nonce. Format: docs/reference/encrypted-objects.md.
"""

import secrets
from collections.abc import Iterable, Iterator

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

HEADER = b"quarterdeck-object/1\n"
CHUNK, TAG = 64 * 1024, 16


class Broken(Exception):
    """These bytes were not encrypted under this key, or are not all of them, or not as they were."""


def new_key() -> bytes:
    """Return a key for one file."""
    return secrets.token_bytes(32)


def encrypted_size(size: int) -> int:
    """Return how long a file of `size` bytes becomes."""
    return len(HEADER) + size + TAG * max(1, -(-size // CHUNK))


def plain_size(size: int) -> int:
    """Return how long the file was that became `size` bytes; 0 when no file becomes that."""
    body = size - len(HEADER)
    return max(0, body - TAG * -(-body // (CHUNK + TAG)))


def encrypt(pieces: Iterable[bytes], key: bytes) -> Iterator[bytes]:
    """Yield the file encrypted under a key that was never used before; at most two chunks are held."""
    cipher = AESGCM(key)
    yield HEADER
    for number, (chunk, last) in enumerate(_cut(pieces, CHUNK)):
        yield cipher.encrypt(_nonce(number, last=last), chunk, HEADER)


def decrypt(pieces: Iterable[bytes], key: bytes) -> Iterator[bytes]:
    """Yield the file chunk by chunk, each only after it was proven; Broken at the first that is not."""
    cipher = AESGCM(key)
    for number, (chunk, last) in enumerate(_cut(_after_header(pieces), CHUNK + TAG)):
        try:
            plain = cipher.decrypt(_nonce(number, last=last), chunk, HEADER)
        except InvalidTag as error:
            raise Broken from error
        if not plain and number:
            raise Broken
        yield plain


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


def _after_header(pieces: Iterable[bytes]) -> Iterator[bytes]:
    begun, iterator = b"", iter(pieces)
    while len(begun) < len(HEADER):
        piece = next(iterator, None)
        if piece is None:
            raise Broken
        begun += piece
    if not begun.startswith(HEADER):
        raise Broken
    yield begun[len(HEADER) :]
    yield from iterator


def _cut(pieces: Iterable[bytes], width: int) -> Iterator[tuple[bytes, bool]]:
    """Yield chunks of exactly this width and whether it is the last one, which may be shorter; one at least."""
    waiting = bytearray()
    for piece in pieces:
        waiting += piece
        # What fills a chunk exactly waits for what follows: only the last one is marked as such.
        whole = max(0, len(waiting) - 1) // width * width
        for start in range(0, whole, width):
            yield bytes(waiting[start : start + width]), False
        del waiting[:whole]
    yield bytes(waiting), True
