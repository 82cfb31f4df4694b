"""PNG, JPEG and WebP, read from the first byte to the last: nothing may follow a picture's end (polyglots)."""

import struct
import zlib
from typing import BinaryIO

_PNG = b"\x89PNG\r\n\x1a\n"
_CHUNK = 1 << 20
_MOST_PARTS = 1_000_000


def png(file: BinaryIO, size: int) -> str:
    """Return why it is no PNG: signature, header first, each chunk's checksum, IEND as the very end."""
    if file.read(8) != _PNG:
        return "it does not begin as a PNG does"
    for number in range(_MOST_PARTS):
        head = file.read(8)
        if len(head) < 8:
            return "it is cut off"
        length, name = struct.unpack(">I4s", head)
        if number == 0 and (name != b"IHDR" or length != 13):
            return "its header is missing"
        if length > size or not name.isalpha():
            return "it has a part that is none"
        if not _checksum_holds(file, name, length):
            return "a part of it is damaged: the checksum does not fit"
        if name == b"IEND":
            return "" if length == 0 and file.tell() == size else "something stands behind the picture's end"
    return "it has too many parts"


def _checksum_holds(file: BinaryIO, name: bytes, length: int) -> bool:
    crc = zlib.crc32(name)
    while length:
        part = file.read(min(_CHUNK, length))
        if not part:
            return False
        crc, length = zlib.crc32(part, crc), length - len(part)
    return file.read(4) == crc.to_bytes(4, "big")


def jpeg(file: BinaryIO, size: int) -> str:
    """Return why it is no JPEG: begins with SOI and a segment, has a frame, and ends with EOI."""
    if file.read(3) != b"\xff\xd8\xff":
        return "it does not begin as a JPEG does"
    file.seek(2)
    if not _segments_lead_to_a_scan(file, size):
        return "its segments do not lead to a picture"
    file.seek(max(0, size - 2))
    return "" if file.read(2) == b"\xff\xd9" else "it does not end where the picture ends"


def _segments_lead_to_a_scan(file: BinaryIO, size: int) -> bool:
    framed = False
    while file.tell() < size:
        marker = file.read(2)
        if len(marker) < 2 or marker[0] != 0xFF:
            return False
        if marker[1] == 0xFF:  # a fill byte before the marker
            file.seek(-1, 1)
            continue
        length = int.from_bytes(file.read(2), "big")
        if length < 2:
            return False
        framed = framed or (0xC0 <= marker[1] <= 0xCF and marker[1] not in (0xC4, 0xC8, 0xCC))
        if marker[1] == 0xDA:
            return framed
        file.seek(length - 2, 1)
    return False


def webp(file: BinaryIO, size: int) -> str:
    """Return why it is no WebP: a RIFF of exactly the file's length whose first part is a picture's."""
    head = file.read(16)
    if head[:4] != b"RIFF" or head[8:12] != b"WEBP" or head[12:16] not in (b"VP8 ", b"VP8L", b"VP8X"):
        return "it does not begin as a WebP does"
    told = int.from_bytes(head[4:8], "little") + 8
    return "" if told == size else "its length is not the one that it tells"
