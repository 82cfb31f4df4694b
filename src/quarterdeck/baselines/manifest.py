"""The canonical manifest: mtree 2.0, one full path per line, sorted, in one spelling; its SHA-256 names the baseline.

Lines come from a target that may be hostile, so only the exact spelling that our own collector makes is accepted.
Paths are bytes; newlines, control characters and invalid UTF-8 are carried as octal escapes (baselines.md section 5).
"""

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import BinaryIO, Protocol

MAGIC = b"#mtree v2.0\n"
ROOTS = b"#roots"
LONGEST_LINE = 1 << 20
CARRIED = b" method=carried\n"

_SAFE = rb"A-Za-z0-9._@%+,:~\-"
_NAME = rb"(?:[" + _SAFE + rb"]++|\\[0-3][0-7]{2})++"
_PATH = rb"\.(?:/(?!\.{0,2}(?:/| ))" + _NAME + rb")*+"
_SPELLED = rb"(?:[" + _SAFE + rb"/]++|\\[0-3][0-7]{2})"
_TIME = rb"-?\d{1,12}\.\d{9}"
_NUMBER = rb"(?:0|[1-9]\d{0,19})"
_BASE64 = rb"(?:[A-Za-z0-9+/]{4})*+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"
_LINE = re.compile(
    rb"(?P<path>" + _PATH + rb")"
    rb"(?: type=(?P<type>file|dir|link|char|block|fifo|socket)"
    # What a Unix tells of an object.
    rb"(?:(?P<unix> uid)=" + _NUMBER + rb" gid=" + _NUMBER + rb" mode=[0-7]{4}"
    rb"(?P<special> nlink=" + _NUMBER + rb" size=" + _NUMBER + rb"| link=" + _SPELLED + rb"*+"
    rb"| device=native," + _NUMBER + rb"," + _NUMBER + rb")?"
    rb" time=" + _TIME + rb"(?P<digest> sha256digest=[0-9a-f]{64})?"
    rb"(?: xattr\." + _SPELLED + rb"++=(?:sha256:[0-9a-f]{64}|" + _BASE64 + rb"))*"
    rb" ctime=" + _TIME + rb" inode=" + _NUMBER + rb"(?: lflags=[a-z]+(?:,[a-z]+)*)?"
    # What Windows tells: attributes, access list as SDDL, names and sizes of alternate data streams.
    rb"|(?P<windows> attributes)=[0-9a-f]{8}(?P<of_windows> size=" + _NUMBER + rb"| link=" + _SPELLED + rb"*+)?"
    rb" time=" + _TIME + rb"(?P<windows_digest> sha256digest=[0-9a-f]{64})?"
    rb"(?P<sddl> sddl=" + _SPELLED + rb"++)?(?: streams=" + _SPELLED + rb"++)?"
    # What we know of a text that a device printed.
    rb"|(?P<printed> size=" + _NUMBER + rb" sha256digest=[0-9a-f]{64})?)"
    rb"(?P<method> method=carried)?"
    rb")?(?P<error> error=(?:E[A-Z0-9]{1,19}|unstable|carried))?\n",
)
_SPECIAL = {b"file": b" nlink", b"link": b" link", b"char": b" device", b"block": b" device",
            b"dir": b"", b"fifo": b"", b"socket": b""}  # fmt: skip
_SPECIAL_ON_WINDOWS = {b"file": b" size", b"link": b" link", b"dir": b""}
_SPECIAL_PRINTED = {b"file": b" size", b"dir": b""}
_ESCAPE = re.compile(rb"\\([0-3][0-7]{2})")
_UNSAFE = re.compile(rb"[^" + _SAFE + rb"/]")
_STRICT_KEYWORDS = ("type", "uid", "gid", "mode", "nlink", "size", "link", "time", "sha256digest")


class ManifestError(ValueError):
    """A manifest or one of its lines isn't what our collector would have made."""


class Sink(Protocol):
    """Takes bytes: a file, a temporary file, an artifact being written."""

    def write(self, data: bytes, /) -> object:
        """Take all of `data`."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One object: its path as bytes (`/etc/hosts`) and its facts, keyword to value, as spelled."""

    path: bytes
    facts: dict[str, bytes]

    @property
    def error(self) -> str:
        """Why the object could not be measured, empty when it was."""
        return self.facts.get("error", b"").decode("ascii")


@dataclass(slots=True)
class Totals:
    """What a manifest holds: objects, those not measured, hashed files, bytes of text, its own SHA-256.

    `blind_roots` counts watched folders that are there but could not be read themselves.
    """

    entries: int = 0
    blind_roots: int = 0
    unreadable: int = 0
    hashed: int = 0
    size: int = 0
    sha256: str = ""
    carried: int = 0


def escape(raw: bytes) -> bytes:
    """Return the octal-vis spelling of a name or path."""
    return _UNSAFE.sub(lambda found: b"\\%03o" % ord(found.group()), raw)


def unescape(spelled: bytes) -> bytes:
    """Return the bytes of a spelled name."""
    return _ESCAPE.sub(lambda found: bytes((int(found.group(1), 8),)), spelled)


def spell_path(path: bytes) -> bytes:
    """Return an absolute path as a manifest spells it, relative to the root folder."""
    return b"." if path == b"/" else b"." + escape(path)


def display(path: bytes) -> str:
    """Return a path that is safe on any screen: plain characters, everything else as an octal escape."""
    return escape(path).decode("ascii")


def _check_escapes(line: bytes) -> None:
    for word in line[:-1].split(b" "):
        for part in word.split(b"=", 1):
            if b"\\" in part and (b"\\000" in part or escape(unescape(part)) != part):
                raise ManifestError("a name is escaped in another way than ours")


def check_line(line: bytes) -> re.Match[bytes]:
    """Return the match of a canonical line, newline included; ManifestError for any other spelling."""
    found = _LINE.fullmatch(line) if len(line) <= LONGEST_LINE else None
    if found is None:
        raise ManifestError("a line is not in the manifest's spelling")
    if b"\\" in line:
        _check_escapes(line)
    kind, failed = found["type"], found["error"] is not None
    if kind is None and not failed:
        raise ManifestError("a line without facts and without an error")
    _check_special(found, kind, failed=failed)
    if is_digested(found) != (kind == b"file" and not failed):
        raise ManifestError("a file must be either hashed or marked, and nothing else has a digest")
    if found["method"] is not None and found["digest"] is None:
        raise ManifestError("only a digest is carried")
    return found


def is_digested(found: re.Match[bytes]) -> bool:
    """Return whether the line of this match carries a digest, whatever kind of system it is of."""
    return any(found[name] is not None for name in ("digest", "windows_digest", "printed"))


def _check_special(found: re.Match[bytes], kind: bytes | None, *, failed: bool) -> None:
    """The facts that belong to the type are there and no others; of what failed, some may lack."""
    if found["windows"] is not None:
        special, wanted = found["of_windows"], _SPECIAL_ON_WINDOWS
        if found["sddl"] is None and not failed:
            raise ManifestError("an object of Windows without its access list")
    elif found["unix"] is not None:
        special, wanted = found["special"], _SPECIAL
    else:
        special, wanted = found["printed"], _SPECIAL_PRINTED
    if kind is not None and kind not in wanted:
        raise ManifestError("there is no such type on this kind of system")
    name = (special or b"").partition(b"=")[0]
    if name != wanted.get(kind or b"", b"") and (name or not failed):
        raise ManifestError("the facts do not fit the type")


def parse_line(line: bytes) -> Entry:
    """Return the entry of one canonical line, newline included; ManifestError for any other spelling."""
    check_line(line)
    path, *words = line[:-1].split(b" ")
    pairs = [word.split(b"=", 1) for word in words]
    names = [unescape(name) for name, _ in pairs if name.startswith(b"xattr.")]
    if any(one >= other for one, other in pairwise(names)):
        raise ManifestError("extended attributes are not sorted")
    return Entry(unescape(path)[1:] or b"/", {name.decode("ascii"): value for name, value in pairs})


def format_entry(entry: Entry) -> bytes:
    """Return the canonical line of an entry; ManifestError when its facts have no canonical spelling."""
    words = [spell_path(entry.path), *(name.encode("ascii") + b"=" + value for name, value in entry.facts.items())]
    line = b" ".join(words) + b"\n"
    parse_line(line)
    return line


def head(roots: Iterable[bytes]) -> bytes:
    """Return the two first lines: the format and the watched roots (absolute paths), sorted."""
    return MAGIC + b" ".join([ROOTS, *sorted({spell_path(root) for root in roots})]) + b"\n"


def in_order(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Give the lines; ManifestError when one is cut off or its path does not come after the path before."""
    before = b""
    for line in lines:
        path = line[: line.find(b" ")]
        if path <= before or not line.endswith(b"\n"):
            raise ManifestError("the manifest is not sorted, names a path twice or is cut off")
        before = path
        yield line


class Reader:
    """Reads a manifest line by line in little memory; checks head and order on the way."""

    def __init__(self, source: BinaryIO) -> None:
        """Read the two first lines; ManifestError when they are not ours. The caller keeps and closes `source`."""
        self._source = source
        first, second = source.readline(len(MAGIC) + 1), source.readline(LONGEST_LINE)
        words = second[:-1].split(b" ")
        self.roots = tuple(unescape(word)[1:] or b"/" for word in words[1:])
        if first != MAGIC or not self.roots or first + second != head(self.roots):
            raise ManifestError("the text does not begin like a manifest of ours")

    def lines(self) -> Iterator[bytes]:
        """Give every line, in order, with its newline."""
        return in_order(iter(lambda: self._source.readline(LONGEST_LINE + 1), b""))

    def entries(self) -> Iterator[Entry]:
        """Give every entry, strictly parsed."""
        return map(parse_line, self.lines())


def write(roots: Collection[bytes], lines: Iterable[bytes], target: Sink) -> Totals:
    """Write a manifest of sorted `lines` into `target`, checking each; returns counts and its SHA-256.

    ManifestError when a line lies outside the watched `roots` (absolute paths) or a root has no line.
    """
    missing = {spell_path(root) for root in roots}
    inside = tuple(root + end for root in missing for end in (b"/", b" "))
    found, start = Totals(), head(roots)
    digest = hashlib.sha256(start)
    target.write(start)
    found.size = len(start)
    for line in in_order(lines):
        match = check_line(line)
        if not line.startswith(inside):
            raise ManifestError("an object outside the watched folders")
        if match["path"] in missing:
            missing.discard(match["path"])
            found.blind_roots += match["error"] not in (None, b" error=ENOENT")
        found.entries += 1
        found.unreadable += match["error"] is not None
        found.hashed += is_digested(match) and match["method"] is None
        found.carried += match["method"] is not None
        found.size += len(line)
        digest.update(line)
        target.write(line)
    if missing:
        raise ManifestError("a watched folder was not measured")
    found.sha256 = digest.hexdigest()
    return found


def export_mtree(source: BinaryIO, target: Sink) -> None:
    """Write what other mtree programs understand: our keywords and objects that were not measured are left out.

    Folders above the watched ones are named without facts, as those programs want a whole tree.
    """
    target.write(MAGIC + b". type=dir\n")
    named = {b"."}
    for entry in Reader(source).entries():
        path = spell_path(entry.path)
        # A carried digest is never given to other programs as a measured one.
        kept = [name for name in _STRICT_KEYWORDS if name != "sha256digest" or "method" not in entry.facts]
        words = [f"{name}=".encode() + entry.facts[name] for name in kept if name in entry.facts]
        if not words or path == b".":
            continue
        parts = path.split(b"/")
        above = [b"/".join(parts[:end]) for end in range(1, len(parts))]
        target.write(b"".join(folder + b" type=dir\n" for folder in above if folder not in named))
        named.update(above)
        if entry.facts["type"] == b"dir":
            named.add(path)
        target.write(b" ".join([path, *words]) + b"\n")


def export_sha256sums(source: BinaryIO, target: Sink) -> None:
    """Write measured digests as `sha256sum -c` reads them in the root folder (newline and backslash are escaped)."""
    for entry in Reader(source).entries():
        if "sha256digest" in entry.facts and "method" not in entry.facts:
            name = b"." + entry.path
            plain = name.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
            mark = b"\\" if plain != name else b""
            target.write(mark + entry.facts["sha256digest"] + b"  " + plain + b"\n")
