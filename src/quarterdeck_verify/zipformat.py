"""The one spelling of a zip that Quarterdeck writes: stored members, fixed time, no flags, comments or extra fields.

Every header is a pure function of names, sizes and CRCs; the reader makes them again and compares, so that each bit
of a container counts (attacks.md row 23). Zip64 records (APPNOTE 4.3.14, 4.5.3) only where a number needs them.
"""

import struct

LOCAL_BYTES = 30
CENTRAL_BYTES = 46
END_BYTES = 22
LOCATOR_BYTES = 20
END64_BYTES = 56
LIMIT_32 = 0xFFFFFFFF
LIMIT_16 = 0xFFFF

_LOCAL = struct.Struct("<IHHHHHIIIHH")
_CENTRAL = struct.Struct("<IHHHHHHIIIHHHHHII")
_END = struct.Struct("<IHHHHIIH")
_END64 = struct.Struct("<IQHHIIQQQQ")
_LOCATOR = struct.Struct("<IIQI")
_VERSION = 45
_MADE_BY = 3 << 8 | _VERSION
_TIME = 0
_DATE = 1 << 5 | 1
_MODE = 0o100644 << 16


def local_header(name: bytes, size: int, crc: int) -> bytes:
    """Return a member's local header, name and zip64 field included."""
    extra = _extra([size, size]) if size >= LIMIT_32 else b""
    short = min(size, LIMIT_32)
    head = _LOCAL.pack(0x04034B50, _VERSION, 0, 0, _TIME, _DATE, crc, short, short, len(name), len(extra))
    return head + name + extra


def local_crc(header: bytes) -> int:
    """Return the CRC-32 that a local header claims."""
    return int(_LOCAL.unpack(header[:LOCAL_BYTES])[6])


def central_header(name: bytes, size: int, crc: int, offset: int) -> bytes:
    """Return a member's record in the central directory."""
    wide = ([size, size] if size >= LIMIT_32 else []) + ([offset] if offset >= LIMIT_32 else [])
    extra, short = _extra(wide), min(size, LIMIT_32)
    head = _CENTRAL.pack(
        0x02014B50, _MADE_BY, _VERSION, 0, 0, _TIME, _DATE, crc, short, short, len(name), len(extra), 0, 0, 0, _MODE,
        min(offset, LIMIT_32),
    )  # fmt: skip
    return head + name + extra


def end_records(count: int, size: int, offset: int) -> bytes:
    """Return what follows a central directory of `count` records, `size` bytes long, that begins at `offset`."""
    short = min(count, LIMIT_16)
    end = _END.pack(0x06054B50, 0, 0, short, short, min(size, LIMIT_32), min(offset, LIMIT_32), 0)
    if count < LIMIT_16 and size < LIMIT_32 and offset < LIMIT_32:
        return end
    end64 = _END64.pack(0x06064B50, END64_BYTES - 12, _MADE_BY, _VERSION, 0, 0, count, count, size, offset)
    return end64 + _LOCATOR.pack(0x07064B50, 0, offset + size, 1) + end


def parse_central(head: bytes, rest: bytes) -> tuple[bytes, int, int, int]:
    """Return name, size, CRC and offset that a central record claims; ValueError when it is none."""
    fields = _CENTRAL.unpack(head)
    name, extra = rest[: fields[10]], rest[fields[10] :]
    size, offset = fields[9], fields[16]
    wide = [int.from_bytes(extra[i : i + 8], "little") for i in range(4, len(extra) - 7, 8)]
    if size == LIMIT_32 and len(wide) >= 2:
        size, wide = wide[0], wide[2:]
    if offset == LIMIT_32 and wide:
        offset = wide[0]
    return name, size, fields[7], offset


def central_rest(head: bytes) -> int:
    """Return how many bytes of name and extra field follow the fixed part of a central record."""
    fields = _CENTRAL.unpack(head)
    return int(fields[10]) + int(fields[11])


def parse_end(tail: bytes) -> tuple[int, int, int]:
    """Return count, size and offset of the central directory that the file's last bytes claim."""
    fields = _END.unpack(tail[-END_BYTES:])
    count, size, offset = int(fields[4]), int(fields[5]), int(fields[6])
    wide = count == LIMIT_16 or LIMIT_32 in (size, offset)
    if wide and len(tail) >= END_BYTES + LOCATOR_BYTES + END64_BYTES:
        start = len(tail) - END_BYTES - LOCATOR_BYTES - END64_BYTES
        fields = _END64.unpack(tail[start : start + END64_BYTES])
        count, size, offset = int(fields[7]), int(fields[8]), int(fields[9])
    return count, size, offset


def _extra(numbers: list[int]) -> bytes:
    if not numbers:
        return b""
    return struct.pack(f"<HH{len(numbers)}Q", 1, 8 * len(numbers), *numbers)
