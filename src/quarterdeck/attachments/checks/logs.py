"""Binary logs: .evtx by its header and chunks, a sudo I/O log as a tar that is read through and never unpacked."""

import tarfile
import zlib
from pathlib import PurePosixPath
from typing import BinaryIO

_EVTX_HEADER, _EVTX_CHUNK = 4096, 65_536
_MOST_MEMBERS = 200_000
_MOST_UNPACKED = 64 << 30
_SUDO_FILES = frozenset({
    "log", "log.json", "timing", "stdin", "stdout", "stderr", "ttyin", "ttyout", "winsize",
})  # fmt: skip


def evtx(file: BinaryIO, size: int) -> str:
    """Return why it is no Windows event log: its header with its checksum, then whole chunks that begin as such."""
    header = file.read(128)
    if header[:8] != b"ElfFile\0":
        return "it does not begin as an .evtx file does"
    if len(header) < 128 or zlib.crc32(header[:120]) != int.from_bytes(header[124:128], "little"):
        return "its header is damaged: the checksum does not fit"
    chunks = int.from_bytes(header[42:44], "little")
    if size < _EVTX_HEADER + chunks * _EVTX_CHUNK:
        return "it is cut off: chunks of it are missing"
    for number in range(chunks):
        file.seek(_EVTX_HEADER + number * _EVTX_CHUNK)
        if file.read(8) != b"ElfChnk\0":
            return f"chunk {number + 1} of it is none"
    return ""


def pdf(file: BinaryIO, size: int) -> str:
    """Return why it is no PDF."""
    if file.read(5) != b"%PDF-":
        return "it does not begin as a PDF does"
    file.seek(max(0, size - 2048))
    return "" if b"%%EOF" in file.read() else "it is cut off"


def sudo_io(file: BinaryIO, _size: int) -> str:
    """Return why it is no tar of one sudo I/O log: plain files and folders only, with `log` and `timing` among them."""
    folders: dict[str, set[str]] = {}
    try:
        with tarfile.open(fileobj=file, mode="r|*") as archive:
            told = 0
            for count, member in enumerate(archive, 1):
                told += member.size
                if count > _MOST_MEMBERS or told > _MOST_UNPACKED:
                    return "it unpacks to more than a log of a session can be"
                wrong = _odd_member(member)
                if wrong:
                    return wrong
                path = PurePosixPath(member.name)
                if member.isfile():
                    folders.setdefault(str(path.parent), set()).add(path.name.removesuffix(".gz"))
                archive.members.clear()  # type: ignore[attr-defined]  # the list would grow with the archive
    except (tarfile.TarError, OSError, EOFError, ValueError, zlib.error):
        return "it is no tar, or a damaged one"
    if any("timing" in names and names & {"log", "log.json"} for names in folders.values()):
        return ""
    return "no folder in it has the files `log` and `timing` of a sudo I/O log"


def _odd_member(member: tarfile.TarInfo) -> str:
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts:
        return "a path in it leads out of the archive"
    if not (member.isfile() or member.isdir()):
        return "it has a link or a device in it"
    if member.isfile() and path.name.removesuffix(".gz") not in _SUDO_FILES:
        return "it has files that no sudo I/O log has"
    return ""
