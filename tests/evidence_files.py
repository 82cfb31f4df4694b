"""Small real files of every form that may be attached, made by the test and not by the code that reads them."""

import io
import json
import struct
import tarfile
import zlib

from tests import integrity_files


def png(trailing: bytes = b"") -> bytes:
    def part(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", 2, 2, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + bytes(6) for _ in range(2)))
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", header) + part(b"IDAT", pixels) + part(b"IEND", b"") + trailing


def jpeg() -> bytes:
    def segment(marker: int, data: bytes) -> bytes:
        return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data

    frame = struct.pack(">BHHB", 8, 2, 2, 1) + b"\x01\x11\x00"
    return (
        b"\xff\xd8" + segment(0xE0, b"JFIF\0\x01\x02\0\0\x01\0\x01\0\0") + segment(0xC0, frame)
        + segment(0xDA, b"\x01\x01\0\0\x3f\0") + b"\x11\x22\x33\xff\xd9"
    )  # fmt: skip


def webp() -> bytes:
    body = b"WEBPVP8 " + struct.pack("<I", 4) + b"\0\0\0\0"
    return b"RIFF" + struct.pack("<I", len(body)) + body


def mp4(padding: int = 16) -> bytes:
    def box(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data) + 8) + name + data

    return box(b"ftyp", b"isom\0\0\2\0isomiso2") + box(b"moov", b"\0" * 8) + box(b"mdat", b"\0" * padding)


def matroska() -> bytes:
    return b"\x1aE\xdf\xa3\x93B\x82\x84webm" + b"\0" * 20 + b"\x18S\x80g\x01\xff\xff\xff\xff\xff\xff\xff"


def asciicast() -> bytes:
    return b'{"version":2,"width":80,"height":24}\n[0.5,"o","$ id\\r\\n"]\n[1.0,"o","uid=0(root)\\r\\n"]\n'


def tlog(*, missing: int = 0) -> bytes:
    lines = [
        {"ver": "2.3", "host": "fs01", "rec": "r-1", "user": "max", "term": "xterm", "session": 7, "id": number,
         "pos": number * 10, "timing": "=80x24>4", "in_txt": "", "in_bin": [], "out_txt": "ok", "out_bin": []}
        for number in range(1, 5) if number != missing
    ]  # fmt: skip
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def mail() -> bytes:
    return (
        b"Received: from mx.example.test\r\n\tby mail.example.test\r\nFrom: noc@example.test\r\n"
        b"Date: Mon, 23 Nov 2026 14:00:00 +0000\r\nSubject: done\r\n\r\n<script>alert(1)</script>\r\n"
    )


def evtx(chunks: int = 1) -> bytes:
    header = bytearray(128)
    header[:8] = b"ElfFile\0"
    header[42:44] = struct.pack("<H", chunks)
    header[124:128] = struct.pack("<I", zlib.crc32(bytes(header[:120])))
    return bytes(header).ljust(4096, b"\0") + b"".join(b"ElfChnk\0".ljust(65_536, b"\0") for _ in range(chunks))


def sudo_io(*names: str, packed: bool = True, link: str = "", extra: str = "") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz" if packed else "w") as archive:
        for name in names or ("00/00/01/log", "00/00/01/timing", "00/00/01/ttyout"):
            data = b"1732370400:max:root::/dev/pts/0\n"
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        if link:
            member = tarfile.TarInfo("00/00/01/stdin")
            member.type, member.linkname = tarfile.SYMTYPE, link
            archive.addfile(member)
        if extra:
            archive.addfile(tarfile.TarInfo(extra))
    return out.getvalue()


GOOD = {
    "target_log": [b"Nov 23 15:01:00 fs01 sshd[9]: Connection closed\n"],
    "remote_recording": [mp4(), matroska(), asciicast()],
    "screenshot": [png(), jpeg(), webp()],
    "backup_log": [b"2026-11-23 Job ok\r\nVerified 12 objects\r\n", b'{"job":"nightly","ok":true}\n',
                   "Sicherung geprüft".encode("utf-16")],
    "tlog": [tlog()],
    "sudo_io": [sudo_io(), sudo_io(packed=False)],
    "event_log": [evtx(), evtx(3)],
    "patch_result": [b'{"InDesiredState":true,"ResourcesNotInDesiredState":[]}\n', b"KB5031356;Installed;0x0\r\n",
                     "<UpdateReport><Update state='Installed'/></UpdateReport>\n".encode("utf-16")],
    "mail": [mail()],
    "document": [b"%PDF-1.7\n1 0 obj\nendobj\ntrailer\n%%EOF\n", b"plain words\n", png()],
    "other": [b"\0\1\2 anything"],
}  # fmt: skip
BAD = {
    "target_log": [b"\0\0\0", png()],
    "remote_recording": [png(), mp4()[:-4], asciicast() + b"[0.1,\"o\",\"back in time\"]\n", b"\x1aE\xdf\xa3 other"],
    "screenshot": [png(b"PK\x03\x04 polyglot"), png()[:-5], jpeg()[:-1], jpeg() + b"<script>", webp() + b"x", b"GIF89a",
                   b'<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>'],
    "backup_log": [b"\0binary", b"text \xff\xfe broken", b"\x1f\x8b gz"],
    "tlog": [tlog(missing=2), b'{"ver":"2.3"}\n', b"plain", b""],
    "sudo_io": [sudo_io("../../etc/cron.d/x", "a/log", "a/timing"), sudo_io(link="/etc/passwd"), sudo_io("a/log"),
                sudo_io("a/log", "a/timing", "a/run.sh"), sudo_io("/abs/log", "/abs/timing"), b"no tar",
                sudo_io()[:40]],
    "event_log": [evtx()[:-1], b"ElfFile\0" + bytes(200), evtx().replace(b"ElfChnk", b"XlfChnk")],
    "patch_result": [b"\0binary", b"MZ\x90\0", b"text \xff\xfe broken"],
    "mail": [b"<html>", b"Subject: x\r\n\r\nno from", b" folded first\r\n"],
    "document": [b"PK\x03\x04 office", b"%PDF-1.7 \0 cut"],
    "other": [b"MZ\x90\0", b"\x7fELF\2\1"],
}  # fmt: skip
GOOD |= integrity_files.GOOD
BAD |= integrity_files.BAD
