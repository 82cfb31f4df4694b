"""The collector for Windows, how it is called, and what its output means as a manifest or a posture.

Tested on transcripts of documented answers, not on a Windows machine. The output is lines of plain ASCII, so that what
stands between (a console's code page, a shell that writes UTF-16 and carriage returns) can be undone and nothing else
is believed: numbers, lengths and counts must agree, or the whole is refused.
"""

import base64
import binascii
import hashlib
import json
import re
import zlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import BinaryIO

from quarterdeck.baselines.manifest import Sink, Totals, escape, spell_path
from quarterdeck.baselines.receiver import BadOutput, Header, Received, sorted_manifest
from quarterdeck.kernel.names import is_drive_root

FORMAT = "quarterdeck-windows-1"
MODES = ("manifest", "posture")
# What cmd.exe takes in one line (Microsoft: 8191 characters); sshd puts the command behind the name of the shell.
LONGEST_COMMAND = 8000
_MOMENT = re.compile(r"since=[0-9]{1,11}", re.ASCII)
_PROGRAM = (
    "$ErrorActionPreference='Stop';$ProgressPreference='SilentlyContinue';$WarningPreference='SilentlyContinue';"
    '$s=(@($input) -join "`n")+"`n";'
    "$h=[BitConverter]::ToString((New-Object Security.Cryptography.SHA256CryptoServiceProvider).ComputeHash("
    "[Text.Encoding]::UTF8.GetBytes($s))).Replace('-','').ToLowerInvariant();"
    "if($h -cne '{sha256}')"
    "{{[Console]::Error.WriteLine('collector refused: these are not the approved bytes');exit 1}};"
    "& ([scriptblock]::Create($s)) $h {arguments}"
)
_LONGEST_LINE = 12 << 20
_LONGEST_CONTENT = 64 << 20
_EPOCH = 621_355_968_000_000_000  # of 100 ns from year 1 to 1970
_KINDS = {"F": b"file", "D": b"dir", "L": b"link"}
_REASON = re.compile(r"E[A-Z0-9]{1,19}|unstable", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
_LISTS = ("listening", "listening.local", "services", "packages", "hotfixes", "reboot")


@lru_cache(maxsize=1)
def windows_bytes() -> bytes:
    """Return the script exactly as it is sent to a target: ASCII, one newline after each line."""
    return files("quarterdeck.baselines.target").joinpath("windows.ps1").read_bytes()


def windows_sha256() -> str:
    """Return its SHA-256 in hex: what a measure grant names."""
    return hashlib.sha256(windows_bytes()).hexdigest()


def windows_command(sha256: str, arguments: Sequence[str]) -> str:
    """Return the command that reads the script from its input, checks `sha256` and runs it with `arguments`.

    It goes encoded, so that neither cmd.exe nor PowerShell as the account's shell reads any of it. ValueError for a
    hash or argument outside the strict grammar, and for more than Windows takes in one line.
    """
    if _DIGEST.fullmatch(sha256) is None:
        raise ValueError("a collector is named by 64 lower-case hex digits")
    mode, *rest = arguments
    odd = [one for one in rest if not (is_drive_root(one) or _MOMENT.fullmatch(one))]
    if mode not in MODES or odd:
        raise ValueError(f"not allowed as an argument of the Windows collector: {(odd or [mode])[0]!r}")
    program = _PROGRAM.format(sha256=sha256, arguments=" ".join(f"'{one}'" for one in arguments))
    encoded = base64.b64encode(program.encode("utf-16-le")).decode()
    command = f"powershell.exe -NoLogo -NoProfile -NonInteractive -ExecutionPolicy Bypass -EncodedCommand {encoded}"
    if len(command) > LONGEST_COMMAND:
        raise ValueError("too many watched roots for one measurement: watch fewer, higher folders")
    return command


def receive_windows(source: BinaryIO, target: Sink, *, arguments: Sequence[str]) -> Received:
    """Read a measurement of the Windows collector asked with `arguments`; the manifest goes to `target`.

    Raises BadOutput or ManifestError, and then nothing in `target` may be used.
    """
    frames = _frames(source)
    kind, content = next(frames, ("", ""))
    if kind != "H":
        raise BadOutput("the collector's output does not begin with its header")
    header = _header(_object(content, "header"), arguments)
    if header.mode == "posture":
        kind, content = next(frames, ("", ""))
        document = _posture(_object(content, "answer")) if kind == "D" else {}
        trailer = _trailer(frames)
        if not document or trailer.get("entries") != 0:
            raise BadOutput("the collector's count does not agree with what arrived")
        return Received(header, str(trailer["finished"]), Totals(), document)
    last: list[dict[str, object]] = []
    totals = sorted_manifest(header.arguments, _batches(frames, last), target)
    told = last[0].get("entries") if last else None
    if told != _count(last):
        raise BadOutput("the collector's count does not agree with what arrived")
    return Received(header, str(last[0]["finished"]), totals, {})


def _count(last: list[dict[str, object]]) -> object:
    return last[1]["arrived"]


def _lines(source: BinaryIO) -> Iterator[bytes]:
    """Give the lines without their ends, whatever wrote them: UTF-16 with its mark, UTF-8 with one, CR before LF."""
    start = source.read(2)
    width = 2 if start in (b"\xff\xfe", b"\xfe\xff") else 1
    end = {b"\xff\xfe": b"\n\0", b"\xfe\xff": b"\0\n"}.get(start, b"\n")
    codec = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}.get(start, "utf-8")
    rest, first = (b"" if width == 2 else start), True
    while True:
        part = source.read(1 << 16)
        rest += part
        while (at := _end_at(rest, end, width)) >= 0:
            line, rest = rest[:at], rest[at + len(end) :]
            yield _plain(line, codec, first=first)
            first = False
        if not part:
            break
        if len(rest) > _LONGEST_LINE:
            raise BadOutput("a line of the collector's output is endless")
    if _plain(rest, codec, first=first):
        raise BadOutput("the collector's output ends too early: nothing of it is used")


def _end_at(rest: bytes, end: bytes, width: int) -> int:
    at = rest.find(end)
    while at >= 0 and at % width:
        at = rest.find(end, at + 1)
    return at


def _plain(line: bytes, codec: str, *, first: bool) -> bytes:
    try:
        text = line.decode(codec)
        return text.removeprefix("\ufeff" if first else "").removesuffix("\r").encode("ascii")
    except UnicodeError:
        raise BadOutput("the target said something that the collector does not say") from None


def _frames(source: BinaryIO) -> Iterator[tuple[str, str]]:
    """Give kind and text of every frame; BadOutput unless the last line counts them and nothing follows."""
    number, ended = 0, False
    for line in _lines(source):
        words = line.decode("ascii").split(" ")
        if ended or (words[0] == "E" and words[1:] != [str(number)]):
            raise BadOutput("frames are missing from the collector's output, or something follows its end")
        if words[0] == "E":
            ended = True
            continue
        if len(words) != 4 or words[0] not in ("H", "R", "D", "T") or words[1] != str(number):
            said = line[:80].decode("ascii")
            raise BadOutput(f"the target said something that the collector does not say: {_printable(said)}")
        yield words[0], _unpacked(words[2], words[3])
        number += 1
    if not ended:
        raise BadOutput("the collector's output ends too early: nothing of it is used")


def _printable(text: str) -> str:
    return "".join(one if one.isprintable() else " " for one in text)


def _unpacked(length: str, text: str) -> str:
    unpacker = zlib.decompressobj(-15)
    try:
        packed = base64.b64decode(text, validate=True)
        content = unpacker.decompress(packed, _LONGEST_CONTENT)
        if not unpacker.eof or unpacker.unused_data or str(len(content)) != length:
            raise BadOutput("a frame of the collector's output has another length than it says")
        return content.decode("utf-8", "surrogatepass")
    except (zlib.error, binascii.Error, ValueError) as error:
        if isinstance(error, BadOutput):
            raise
        raise BadOutput("a frame of the collector's output does not unpack") from None


def _object(content: str, what: str) -> dict[str, object]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise BadOutput(f"the collector's {what} can't be read")
    return found


def _header(found: dict[str, object], arguments: Sequence[str]) -> Header:
    texts = {name: found.get(name) for name in ("mode", "collector_sha256", "python", "system", "started")}
    told, uid = found.get("arguments"), found.get("uid")
    # ConvertTo-Json of Windows PowerShell 5.1 turns lists of one into their element in some nestings.
    listed = [told] if isinstance(told, str) else told
    if found.get("format") != FORMAT or not all(isinstance(text, str) and len(text) < 300 for text in texts.values()):
        raise BadOutput("the collector's header can't be read")
    if not isinstance(uid, int) or not isinstance(listed, list):
        raise BadOutput("the collector's header can't be read")
    if [texts["mode"], *listed] != list(arguments):
        raise BadOutput("the collector ran with other arguments than were asked")
    if texts["collector_sha256"] != windows_sha256():
        raise BadOutput("another collector answered than the one that was sent")
    names = {name: str(text) for name, text in texts.items()}
    return Header(arguments=tuple(map(str, listed)), uid=uid, **names)


def _trailer(frames: Iterator[tuple[str, str]]) -> dict[str, object]:
    kind, content = next(frames, ("", ""))
    found = _object(content, "trailer") if kind == "T" else {}
    if not isinstance(found.get("finished"), str) or next(frames, None) is not None:
        raise BadOutput("the frames of the collector's output are not in their order")
    return found


def _batches(frames: Iterator[tuple[str, str]], last: list[dict[str, object]]) -> Iterator[bytes]:
    """Give the lines of each frame of records; what the end says, and how many arrived, go to `last`."""
    arrived = 0
    for kind, content in frames:
        if kind == "T" and not last:
            last += [_object(content, "trailer"), {"arrived": arrived}]
        elif kind == "R" and not last and content.endswith("\n"):
            lines = [_line(record.split("\t")) for record in content[:-1].split("\n")]
            arrived += len(lines)
            yield b"".join(lines)
        else:
            raise BadOutput("the frames of the collector's output are not in their order")
    if not last or not isinstance(last[0].get("finished"), str):
        raise BadOutput("the collector's output ends too early: nothing of it is used")


def _line(fields: Sequence[str]) -> bytes:
    """Return the manifest's line of one record."""
    if len(fields) != 10:
        raise BadOutput("an object of the collector's output has other facts than ours")
    kind, attributes, size, ticks, digest, sddl, streams, link, reason, path = fields
    spelled = spell_path(b"/" + _name(path).replace(b"\\", b"/").rstrip(b"/"))
    if reason != "-" and _REASON.fullmatch(reason) is None:
        raise BadOutput("a reason of the collector's output can't be read")
    error = b"" if reason == "-" else b" error=" + reason.encode()
    if kind == "X" or attributes == "-" or ticks in ("0", "-"):
        return spelled + (error or b" error=EIO") + b"\n"
    if kind not in _KINDS or not re.fullmatch(r"[0-9a-f]{8}", attributes) or not ticks.isdecimal():
        raise BadOutput("an object of the collector's output has other facts than ours")
    special = b""
    if kind == "F" and size != "-":
        special = b" size=" + size.encode()
    elif kind == "L":
        special = b" link=" + escape(_name(link))
    hashed = b"" if digest == "-" else b" sha256digest=" + digest.encode()
    listed = b"" if sddl == "-" else b" sddl=" + escape(_name(sddl))
    beside = b"" if streams == "-" else b" streams=" + escape(_name(streams))
    facts = b" type=%s attributes=%s" % (_KINDS[kind], attributes.encode())
    return spelled + facts + special + b" time=" + _time(int(ticks)) + hashed + listed + beside + error + b"\n"


def _name(text: str) -> bytes:
    """Return UTF-16 units as bytes; a half of a surrogate pair, which NTFS allows, keeps its own spelling."""
    try:
        return (
            base64.b64decode(text, validate=True).decode("utf-16-le", "surrogatepass").encode("utf-8", "surrogatepass")
        )
    except (binascii.Error, UnicodeError):
        raise BadOutput("a name of the collector's output can't be read") from None


def _time(ticks: int) -> bytes:
    seconds, rest = divmod(ticks - _EPOCH, 10_000_000)
    return b"%d.%07d00" % (seconds, rest)


def _posture(found: dict[str, object]) -> dict[str, object]:
    """Return the facts; lists that PowerShell shrank to their only element, or to nothing, are lists again."""
    facts: dict[str, object] = {}
    for name, fact in found.items():
        if not isinstance(fact, dict) or len(fact) != 1 or not ({"value", "error"} & fact.keys()):
            raise BadOutput("a fact of the collector's output can't be read")
        if "error" in fact:
            facts[name] = {"error": str(fact["error"])[:300]}
        elif name in _LISTS:
            facts[name] = {"value": _listed(fact["value"])}
        elif name == "update_files" and isinstance(fact["value"], dict):
            facts[name] = {"value": {str(kb): _listed(paths) for kb, paths in fact["value"].items()}}
        else:
            facts[name] = {"value": fact["value"]}
    return facts


def _listed(value: object) -> list[str]:
    if value is None:
        return []
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]
