"""What a channel asks for, judged by its command line alone: terminal, command, or a transfer that can be followed.

Pure. A command is a transfer only when it is word for word what those programs ask for (`scp -t`, `scp -f`,
`rsync --server`), in a grammar so narrow that no shell, neither sh nor cmd.exe nor PowerShell, finds a second command
in it. All else is class *command*: `sh -c`, `tar`, `exec sftp-server`, `rsync --server; sh` (attacks.md row 21).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from quarterdeck.entrypoints.gate.wire import SFTP_MARKER
from quarterdeck.sessions.terms import Direction, Protocol, Work

# Not even quoted or escaped may a word hold what some shell acts on: & | ; < > ( ) { } $ ` % ^ ! " or a line end.
_PLAIN = rb"[A-Za-z0-9_@+:,./=\x80-\xff-]"
_PATTERN = rb"[*?\[\]]"
_ESCAPED = rb"\\[ '*?\[\]#~\\]"
_QUOTED = rb"'[A-Za-z0-9_@+:,./=\x80-\xff *?\[\]#~-]*'"
_WORD = re.compile(rb"(?:~?" + _PLAIN + rb"|~(?= |$)|" + _ESCAPED + rb"|" + _QUOTED + rb")"
                   rb"(?:" + _PLAIN + rb"|" + _PATTERN + rb"|~|" + _ESCAPED + rb"|" + _QUOTED + rb")*")  # fmt: skip
_PART = re.compile(rb"\\(.)|'([^']*)'|(.)", re.DOTALL)
_SCP_FLAGS = re.compile(rb"-[rpvdqtf]+")
_RSYNC_LETTERS = re.compile(rb"-(?=.)[ACDEHIJKLNORSUWXbcdgklmnopqrtuvxyz]*(?:e[0-9]*\.[0-9A-Za-z]*)?")
_RSYNC_FLAGS = frozenset(
    b"""append copy-unsafe-links delay-updates delete delete-after delete-before delete-delay delete-during
    delete-excluded delete-missing-args dirs existing fake-super force fsync fuzzy group hard-links ignore-errors
    ignore-existing ignore-missing-args ignore-times inplace links list-only mkpath msgs2stderr new-compress no-W
    no-implied-dirs no-msgs2stderr no-r no-relative no-specials numeric-ids old-compress one-file-system owner partial
    perms preallocate recursive remove-sent-files remove-source-files safe-links size-only specials stats super times
    use-qsort""".split()
)
_RSYNC_VALUES = frozenset(
    b"""bwlimit checksum-choice checksum-seed compress-choice compress-level compress-threads groupmap iconv info
    log-format max-alloc max-delete max-size min-size modify-window skip-compress stderr suffix timeout
    usermap""".split()
)
_RSYNC_PATHS = frozenset(b"backup-dir compare-dest copy-dest link-dest partial-dir suffix temp-dir".split())
# The one option of rsync that holds a sign of cmd.exe; it tells the server to name what it changes.
_ITEMIZE = frozenset((b"--log-format=%i", b"--log-format=%i%I", b"--log-format=%o"))
_REMOVES_SOURCE = frozenset((b"remove-sent-files", b"remove-source-files"))


@dataclass(frozen=True, slots=True)
class Asked:
    """The class of a channel; a transfer with its protocol, for scp and rsync with direction and places on the target.

    `changes_target` is said of a transfer from the target that also removes there. `certain` means that there is one
    place and no pattern, `folder` that it can only be a folder.
    """

    work: Work
    protocol: Protocol | None = None
    direction: Direction | None = None
    places: tuple[str, ...] = ()
    certain: bool = False
    folder: bool = False
    changes_target: bool = False


def asked_for(command: bytes | None, *, tty: bool) -> Asked:
    """Return what this channel asks for."""
    if tty:
        return Asked(Work.TERMINAL)
    if command == SFTP_MARKER.encode():
        return Asked(Work.TRANSFER, Protocol.SFTP)
    words = _words(command) if command is not None else None
    if words:
        found = _scp(words) if words[0].raw == b"scp" else _rsync(words) if words[0].raw == b"rsync" else None
        if found is not None:
            return found
    return Asked(Work.COMMAND)


@dataclass(frozen=True, slots=True)
class _Word:
    raw: bytes
    text: bytes
    pattern: bool


def _words(command: bytes) -> list[_Word] | None:
    """Return the words of a command that no shell finds more in than words; None for any other."""
    found = []
    for raw in _split(command):
        if _WORD.fullmatch(raw) is None and raw not in _ITEMIZE:
            return None
        parts = _PART.findall(raw)
        text = b"".join(escaped or quoted or plain for escaped, quoted, plain in parts)
        unquoted = b"".join(plain for _, _, plain in parts)
        found.append(_Word(raw, text, re.search(_PATTERN, unquoted) is not None))
    return found


def _split(command: bytes) -> list[bytes]:
    """Cut at spaces that are neither escaped nor quoted; a quote that does not end fails in its word."""
    return re.findall(rb"(?:\\.|'[^']*'|[^ ])+", command, re.DOTALL)


def _scp(words: Sequence[_Word]) -> Asked | None:
    flags, at = b"", 1
    while at < len(words) and _SCP_FLAGS.fullmatch(words[at].raw):
        flags += words[at].raw[1:]
        at += 1
    places = words[at:]
    if places and places[0].raw == b"--":
        places = places[1:]
    elif any(place.text.startswith(b"-") for place in places):
        return None
    if (b"t" in flags) == (b"f" in flags) or not places or (b"t" in flags and len(places) != 1):
        return None
    direction = Direction.TO_TARGET if b"t" in flags else Direction.FROM_TARGET
    one = places[0].text
    return Asked(
        Work.TRANSFER,
        Protocol.SCP,
        direction,
        tuple(_shown(place) for place in places),
        certain=len(places) == 1 and not places[0].pattern,
        folder=b"d" in flags or one.endswith(b"/") or one in (b".", b"..", b"~"),
    )


def _rsync(words: Sequence[_Word]) -> Asked | None:
    if len(words) < 2 or words[1].raw != b"--server":
        return None
    at = 2
    sends = at < len(words) and words[at].raw == b"--sender"
    at += sends
    if at < len(words) and _RSYNC_LETTERS.fullmatch(words[at].raw):
        at += 1
    options, at = _rsync_options(words, at)
    places = words[at + 1 :]
    if options is None or at >= len(words) or words[at].raw != b"." or not places:
        return None
    if any(place.text.startswith(b"-") for place in places) or (not sends and len(places) != 1):
        return None
    return Asked(
        Work.TRANSFER,
        Protocol.RSYNC,
        Direction.FROM_TARGET if sends else Direction.TO_TARGET,
        tuple(_shown(place) for place in places),
        changes_target=sends and bool(options & _REMOVES_SOURCE),
    )


def _rsync_options(words: Sequence[_Word], at: int) -> tuple[set[bytes] | None, int]:
    """Return the names of the long options from `at` on and where they end; None when one is not on the list."""
    found = set()
    while at < len(words) and words[at].text.startswith(b"--"):
        name, given, _ = words[at].text[2:].partition(b"=")
        at += 1
        if given:
            known = name in _RSYNC_VALUES
        elif name in _RSYNC_PATHS:
            known = at < len(words) and not words[at].text.startswith(b"-")
            at += 1
        else:
            known = name in _RSYNC_FLAGS
        if not known:
            return None, at
        found.add(name)
    return found, at


def _shown(place: _Word) -> str:
    return place.text.decode("utf-8", "surrogateescape")
