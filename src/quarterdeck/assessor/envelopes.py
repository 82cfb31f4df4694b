"""Recordings that leave encrypted: which files, under which names, and how their reader opens them.

The ledger keeps the SHA-256 of the open bytes, so whoever decrypts a file can hold it against its entry; the encrypted
bytes are a view, whose hash the ledger holds too. Replay pages of the same sessions are encrypted beside them.
"""

import csv
import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO, cast

from quarterdeck.assessor.ports import Sink
from quarterdeck.assessor.replay_page import replay_page
from quarterdeck.assessor.report_work import is_too_long
from quarterdeck.assessor.slices import Slice
from quarterdeck.assessor.terms import Envelope, Recipient
from quarterdeck.assessor.withholding import ENCRYPTED
from quarterdeck.evidence import api as evidence
from quarterdeck.sessions.api import SessionView
from quarterdeck_verify import package
from quarterdeck_verify.container import Source

FOLDER = "encrypted"
HEADER = ("file", "method", "part", "parts", "sha256", "size", "seq", "ticket", "role", "name")
# Opening CMS takes three times the bytes in memory, so what is longer is cut; the parts are put together again.
PART_BYTES = 128 << 20
_ENDINGS = {Envelope.PASSPHRASE: "cms", Envelope.CERTIFICATE: "cms", Envelope.AGE: "age"}
_METHODS = {"cms": "CMS EnvelopedData, AES-256-CBC (RFC 5652)", "age": "age-encryption.org/v1"}


@dataclass(frozen=True, slots=True)
class _Hidden:
    """A file to be encrypted: its row in encrypted.csv, without file and method, and what opens it."""

    name: str
    row: tuple[object, ...]
    content: BinaryIO

    @property
    def size(self) -> int:
        """Return how many bytes it has."""
        return int(str(self.row[1]))


class _Part:
    """As many bytes of a stream as one part holds."""

    def __init__(self, stream: BinaryIO, left: int) -> None:
        self._stream, self._left = stream, left

    def read(self, count: int = -1, /) -> bytes:
        """Return up to `count` bytes of the part."""
        data = self._stream.read(self._left if count < 0 else min(count, self._left))
        self._left -= len(data)
        return data


def encrypted_views(
    cut: Slice,
    withheld: Mapping[str, str],
    recipient: Recipient,
    sessions: Iterable[SessionView],
    sink: Sink,
    player: Mapping[str, bytes],
) -> dict[str, Source]:
    """Return the encrypted files and their list by path below `data/`; nothing when nothing is to be encrypted."""
    if recipient.envelope is Envelope.NONE or ENCRYPTED not in withheld.values():
        return {}
    ending = _ENDINGS[recipient.envelope]
    views: dict[str, Source] = {}
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(HEADER)
    for hidden in (*_artifacts(cut, withheld), *_replays(withheld, sessions, player)):
        parts = max(1, -(-hidden.size // PART_BYTES))
        with hidden.content:
            for part in range(1, parts + 1):
                cut_name = hidden.name if parts == 1 else f"{hidden.name}.{part:04}"
                path = f"{FOLDER}/{cut_name}.{ending}"
                views[path] = sink.seal(path, cast(BinaryIO, _Part(hidden.content, PART_BYTES)))
                writer.writerow((path, _METHODS[ending], part, parts, *hidden.row))
    views[f"{FOLDER}.csv"] = table.getvalue().encode("ascii")
    views[f"{FOLDER}/README.txt"] = _README[ending].encode("ascii")
    if recipient.locked_key:
        views[f"{FOLDER}/locked-key.pem"] = recipient.locked_key.encode("ascii")
    views[f"{FOLDER}/recipient.{'txt' if ending == 'age' else 'pem'}"] = recipient.public.encode("ascii")
    return views


def _artifacts(cut: Slice, withheld: Mapping[str, str]) -> Iterator[_Hidden]:
    seen: set[str] = set()
    for entry in cut.entries:
        for position, item in enumerate(entry.artifacts):
            sha256 = str(item["sha256"])
            if withheld.get(sha256) != ENCRYPTED or sha256 in seen:
                continue
            seen.add(sha256)
            path = package.artifact_path(entry.ticket, entry.seq, position, item["name"])
            row = (sha256, item["size"], entry.seq, entry.ticket or "", item["role"], item["name"])
            yield _Hidden(path.removeprefix(package.ARTIFACTS), row, evidence.open_artifact(sha256))


def _replays(
    withheld: Mapping[str, str], sessions: Iterable[SessionView], player: Mapping[str, bytes]
) -> Iterator[_Hidden]:
    for one in sessions:
        if withheld.get(one.recording) != ENCRYPTED or not player.get("player.js") or is_too_long(one):
            continue
        page = replay_page(one, evidence.read_artifact(one.recording), player)
        name = f"replay_{one.id}.html"
        row = (hashlib.sha256(page).hexdigest(), len(page), "", one.ticket, "replay", name)
        yield _Hidden(name, row, io.BytesIO(page))


_CHECK = """
What comes out must have the SHA-256 that ../encrypted.csv names for it (sha256sum FILE). For a recording that hash is
the one of its entry in the ledger. A replay_*.html opens in any browser, without a network.
"""
_README = {
    "cms": """How to open the encrypted files: OpenSSL 1.1.1 or newer, which every Linux, macOS and Git for Windows has.

A file whose name ends in .0001.cms, .0002.cms ... was cut: open each part, then put them together in that order (cat).
With the passphrase that was shown to whoever ordered this package:

    openssl cms -decrypt -binary -inform DER -in FILE.cms -inkey locked-key.pem -out FILE

OpenSSL asks for the passphrase. It opens locked-key.pem, a private key in PKCS #8 under AES-256 (PBKDF2, SHA-256,
600000 rounds). Where there is no locked-key.pem, the files are encrypted to the certificate recipient.pem, and -inkey
is the private key that its holder has.
"""
    + _CHECK,
    "age": """How to open the encrypted files: age 1.0 or newer (age-encryption.org), with the key of recipient.txt.

    age --decrypt --identity KEY.txt --output FILE FILE.age
"""
    + _CHECK,
}
