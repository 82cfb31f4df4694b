"""The two logs of the CMMC hashing guide, in the table that DoD's ArtifactHash.ps1 v1.11 prints, and reading one back.

The script runs `Get-FileHash | Out-File -Encoding ASCII -Width 1024`: columns of 15 and 70, the rest is the path, hash
in upper case. Its paths are absolute, so its log has another hash than ours; file by file the hashes must be equal
(32 CFR 170.17(c)(4)). Pure.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

ARTIFACTS_LOG = "CMMCAssessmentArtifacts.log"
HASH_LOG = "CMMCAssessmentLogHash.log"
HASHED_ARCHIVE = "HashedArtifacts"
LARGEST_LOG = 64 << 20
_ROW = re.compile(r"SHA256\s+([A-Fa-f0-9]{64})\s+(.+)", re.ASCII)
_LINE = "{:<15} {:<70} {}"
_HEAD = (_LINE.format("Algorithm", "Hash", "Path"), _LINE.format("---------", "----", "----"))
_LOGS = frozenset({ARTIFACTS_LOG.lower(), HASH_LOG.lower()})


def artifacts_log(hashes: Mapping[str, str]) -> bytes:
    """Return CMMCAssessmentArtifacts.log for path -> SHA-256, paths relative to the hashed folder, sorted."""
    return _table((hashes[path], path) for path in sorted(hashes))


def hash_log(log: bytes) -> bytes:
    """Return CMMCAssessmentLogHash.log: the hash of the first log, which goes into eMASS."""
    return _table([(hashlib.sha256(log).hexdigest(), ARTIFACTS_LOG)])


def _table(rows: Iterable[tuple[str, str]]) -> bytes:
    lines = ["", *_HEAD, *(_LINE.format("SHA256", sha256.upper(), path) for sha256, path in rows), "", ""]
    return "".join(f"{line}\r\n" for line in lines).encode("ascii")


def parse_log(data: bytes) -> dict[str, str]:
    """Return path -> SHA-256 in lower case of a log that the script wrote; ValueError when it has no row.

    Text in UTF-16 is taken too, which a redirection in Windows PowerShell writes. Paths keep their spelling.
    """
    if len(data) > LARGEST_LOG:
        raise ValueError("it is larger than any log of artifacts")
    marked = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    text = data.decode("utf-16" if marked else "utf-8-sig", "replace")
    found: dict[str, str] = {}
    for line in text.splitlines():
        match = _ROW.fullmatch(line.strip())
        if match is not None and found.setdefault(match[2].strip(), match[1].lower()) != match[1].lower():
            raise ValueError("it names one path twice with different hashes")
    if not found:
        raise ValueError("it has no row of the kind `SHA256  hash  path`")
    return found


@dataclass(frozen=True, slots=True)
class Difference:
    """A file of which the two lists do not say the same: `changed`, `missing` from their log, or `unknown` to ours."""

    kind: str
    path: str
    ours: str
    theirs: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """How their log agrees with our list; `root` is the folder that their paths have in common and we do not."""

    equal: int
    root: str
    differences: tuple[Difference, ...]


def compare_hashes(ours: Mapping[str, str], theirs: Mapping[str, str]) -> Comparison:
    """Hold their log against our path -> SHA-256, whatever folder they hashed in and however they write paths."""
    plain = {path.replace("\\", "/").removeprefix("./"): sha256 for path, sha256 in theirs.items()}
    root = _root(ours, plain)
    # The script hashes its own earlier logs too when they lie in the folder.
    found = {
        path.removeprefix(root): sha256
        for path, sha256 in plain.items()
        if path.rpartition("/")[2].lower() not in _LOGS
    }
    wrong = [
        Difference("missing" if path not in found else "changed", path, ours[path], found.get(path, ""))
        for path in sorted(ours)
        if found.get(path) != ours[path]
    ]
    wrong += [Difference("unknown", path, "", found[path]) for path in sorted(set(found) - set(ours))]
    return Comparison(sum(found.get(path) == sha256 for path, sha256 in ours.items()), root, tuple(wrong))


def _root(ours: Mapping[str, str], theirs: Mapping[str, str]) -> str:
    """Return the folder before most of our paths in their list."""
    votes: dict[str, int] = {}
    wanted = set(ours)
    for path in theirs:
        parts = path.split("/")
        for cut in range(len(parts)):
            if "/".join(parts[cut:]) in wanted:
                root = "".join(f"{part}/" for part in parts[:cut])
                votes[root] = votes.get(root, 0) + 1
                break
    return max(votes, key=lambda root: votes[root]) if votes else ""
