"""One object's facts and SHA-256 as a line of the manifest. Runs on the target: Python 3.6, standard library.

What can't be read or moves while it is read is marked as such, never folded into the rest.
"""

import base64
import errno
import fcntl
import hashlib
import os
import re
import stat
import struct
import zlib

from quarterdeck.baselines.target.frames import error_name

CHUNK = 1 << 18  # fits into the cache of a processor
LONGEST_XATTR = 4096
UNSAFE = re.compile(rb"[^A-Za-z0-9._/@%+,:~-]")
TYPES = {0o100000: b"file", 0o040000: b"dir", 0o120000: b"link", 0o020000: b"char"}
TYPES.update({0o060000: b"block", 0o010000: b"fifo", 0o140000: b"socket"})
# Set by `carry=`: files whose change time is before this moment are left unhashed, but for a share chosen by the seed.
CARRY = [0, 100, 0]  # type: list[int]
LONG = struct.Struct("l")
GET_FLAGS, NO_FLAGS = (0x80086601 if LONG.size == 8 else 0x80046601), b"\0" * LONG.size
FLAGS = ((0x10, b"immutable"), (0x20, b"append"), (0x800, b"encrypt"), (0x100000, b"verity"))
ANY_FLAG = 0x100830
BUFFER = bytearray(CHUNK)


def escape(raw: bytes) -> bytes:
    """Return the octal-vis form of a name: no space, control, shell, glob or non-ASCII byte is left."""
    return UNSAFE.sub(lambda found: b"\\%03o" % ord(found.group()), raw)


def spell_path(path: bytes) -> bytes:
    """Return an absolute path as the manifest spells it, relative to the root folder."""
    return b"." if path == b"/" else b"." + escape(path)


def spell_time(nanoseconds: int) -> bytes:
    """Return seconds and nine digits of nanoseconds."""
    return b"%d.%09d" % divmod(nanoseconds, 1000000000)


def spell_xattrs(target: "int | bytes") -> bytes:
    """Return xattr keywords sorted by name: values of kernel name spaces, of all others only the digest."""
    follow = isinstance(target, int)
    try:
        names = os.listxattr(target, follow_symlinks=follow)
    except OSError as error:
        if error.errno == errno.ENOTSUP:
            return b""
        raise
    if not names:
        return b""
    words = []
    for name in sorted(map(os.fsencode, names)):
        value = os.getxattr(target, name, follow_symlinks=follow)
        if name.startswith((b"security.", b"system.")) and len(value) <= LONGEST_XATTR:
            words.append(b" xattr.%s=%s" % (escape(name), base64.b64encode(value)))
        else:
            words.append(b" xattr.%s=sha256:%s" % (escape(name), hashlib.sha256(value).hexdigest().encode()))
    return b"".join(words)


def spell_flags(descriptor: int) -> bytes:
    """Return the inode flags that matter for evidence; nothing where the file system has none."""
    try:
        bits = LONG.unpack(fcntl.ioctl(descriptor, GET_FLAGS, NO_FLAGS))[0]
    except OSError:
        return b""
    if not bits & ANY_FLAG:
        return b""
    return b" lflags=" + b",".join(name for bit, name in FLAGS if bits & bit)


def open_quietly(path: bytes, more: int = 0) -> int:
    """Open for reading without following a link, blocking on a pipe or moving the access time."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | more
    try:
        return os.open(path, flags | os.O_NOATIME)
    except PermissionError:
        return os.open(path, flags)


def same_file(one: os.stat_result, other: os.stat_result) -> bool:
    """True when nothing moved between two looks at a file; the inode change time moves with every other fact."""
    return (
        one.st_ctime_ns == other.st_ctime_ns
        and one.st_mtime_ns == other.st_mtime_ns
        and one.st_size == other.st_size
        and one.st_ino == other.st_ino
        and one.st_dev == other.st_dev
    )


MOVED = (b"", b"", b" error=unstable")


def digest(descriptor: int, size: int) -> bytes:
    """Return the SHA-256 of an open file in hex, empty when it has not exactly `size` bytes."""
    if size < CHUNK:
        # One byte more is asked for than there should be: what comes short of that has ended.
        content = os.read(descriptor, size + 1)
        return hashlib.sha256(content).hexdigest().encode() if len(content) == size else b""
    state, left, view = hashlib.sha256(), size, memoryview(BUFFER)
    while left >= 0:
        got = os.readv(descriptor, [BUFFER])
        if not got:
            break
        state.update(view[:got])
        left -= got
    return b"" if left else state.hexdigest().encode()


def read_open(descriptor: int, seen: os.stat_result) -> "tuple[bytes, bytes, bytes]":
    """Return digest and xattrs, flags, error of an open regular file: read once, looked at before and after."""
    found = digest(descriptor, seen.st_size)
    facts = b" sha256digest=" + found + spell_xattrs(descriptor), spell_flags(descriptor), b""
    return facts if found and same_file(seen, os.fstat(descriptor)) else MOVED


def read_file(path: bytes, seen: os.stat_result) -> "tuple[bytes, bytes, bytes]":
    """Return the same of a file that was seen by its name."""
    descriptor = open_quietly(path)
    try:
        return read_open(descriptor, seen) if same_file(seen, os.fstat(descriptor)) else MOVED
    finally:
        os.close(descriptor)


def record_file(path: bytes) -> bytes:
    """Return the line of what its folder calls a regular file, with one look fewer; empty when it is not that easy."""
    try:
        descriptor = open_quietly(path)
    except OSError:
        return b""
    try:
        seen = os.fstat(descriptor)
        return spell(path, seen, *read_open(descriptor, seen)) if stat.S_ISREG(seen.st_mode) else b""
    except OSError:
        return b""
    finally:
        os.close(descriptor)


def read_folder(path: bytes) -> "tuple[bytes, bytes, bytes]":
    """Return xattrs, flags and no error of a folder."""
    descriptor = open_quietly(path, os.O_DIRECTORY)
    try:
        return spell_xattrs(descriptor), spell_flags(descriptor), b""
    finally:
        os.close(descriptor)


def set_carry(text: str) -> None:
    """Read `before:share:seed`; the forked workers inherit it."""
    before, share, seed = text.split(":")
    CARRY[:] = [int(before), int(share), zlib.crc32(seed.encode())]


def is_carried(path: bytes, seen: os.stat_result) -> bool:
    """True when a file need not be read: nothing of its inode moved since, and it is not in the share of this time."""
    before, share, seed = CARRY
    return seen.st_ctime < before and zlib.crc32(path, seed) % 100 >= share


def record(path: bytes, problem: bytes) -> bytes:
    """Return the manifest line of one path; `problem` is what the walk found wrong with it, or `file`."""
    if problem == b"file":
        line = b"" if CARRY[0] else record_file(path)
        if line:
            return line
        problem = b""
    try:
        seen = os.lstat(path)
    except OSError as error:
        return b"%s error=%s\n" % (spell_path(path), problem or error_name(error))
    facts, flags, trouble, link = b"", b"", b"", b""
    try:
        if stat.S_ISREG(seen.st_mode):
            unmoved = not problem and is_carried(path, seen)
            facts, flags, trouble = (b"", b"", b" error=carried") if unmoved else read_file(path, seen)
        elif stat.S_ISDIR(seen.st_mode):
            facts, flags, trouble = read_folder(path)
        else:
            facts = spell_xattrs(path)
            link = escape(os.readlink(path)) if stat.S_ISLNK(seen.st_mode) else b""
    except OSError as error:
        facts, flags, trouble = b"", b"", b" error=" + error_name(error)
    return spell(path, seen, facts, flags, b" error=" + problem if problem else trouble, link)


def special(seen: os.stat_result, link: bytes) -> bytes:
    """Return the keywords that only this type of object has."""
    if stat.S_ISREG(seen.st_mode):
        return b" nlink=%d size=%d" % (seen.st_nlink, seen.st_size)
    if stat.S_ISLNK(seen.st_mode):
        return b" link=" + link
    if stat.S_ISCHR(seen.st_mode) or stat.S_ISBLK(seen.st_mode):
        return b" device=native,%d,%d" % (os.major(seen.st_rdev), os.minor(seen.st_rdev))
    return b""


def spell(path: bytes, seen: os.stat_result, facts: bytes, flags: bytes, trouble: bytes, link: bytes = b"") -> bytes:
    """Return the manifest line of one object."""
    return b"%s type=%s uid=%d gid=%d mode=%04o%s time=%s%s ctime=%s inode=%d%s%s\n" % (
        spell_path(path),
        TYPES[stat.S_IFMT(seen.st_mode)],
        seen.st_uid,
        seen.st_gid,
        stat.S_IMODE(seen.st_mode),
        special(seen, link),
        spell_time(seen.st_mtime_ns),
        facts,
        spell_time(seen.st_ctime_ns),
        seen.st_ino,
        flags,
        trouble,
    )
