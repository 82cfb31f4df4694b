"""The signer's own memory: one line for each certificate, appended, synced and chained before it leaves the signer.

It lies outside the data folder. Each line holds the SHA-256 of the line before and what the signer saw of the ledger
(size and last leaf), so that a ledger rolled back behind it shows (attacks.md rows 14 and 15).
"""

import fcntl
import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from quarterdeck.kernel.clock import parse_rfc3339, rfc3339

FILE_NAME = "serials.jsonl"
NO_HASH = "0" * 64
_HIGHEST_SERIAL = (1 << 52) - 1


class BrokenLog(RuntimeError):
    """The serial log was changed by somebody else; nothing is signed until a person looked at it."""


@dataclass(frozen=True, slots=True)
class LedgerSight:
    """What the signer saw of the ledger: how many entries, the last leaf (hex), the epoch of grants."""

    size: int
    tip: str
    epoch: int


@dataclass(frozen=True, slots=True)
class SerialLine:
    """One signed certificate as the log holds it."""

    number: int
    at: datetime
    serial: int
    purpose: str
    grant: str
    ticket: str
    session: str
    cert_sha256: str
    sight: LedgerSight


class SerialLog:
    """The open log of one signer; a second signer on the same folder is refused."""

    def __init__(self, folder: Path) -> None:
        self._file = os.open(folder / FILE_NAME, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._file)
            raise BrokenLog("another signer is running on this folder") from error
        self._close_torn_line()
        self.lines: list[SerialLine] = []
        self._tip = NO_HASH
        self._count = 0
        for raw in self._raw_lines():
            self._take(raw)
        self._serials = {line.serial for line in self.lines}

    @property
    def last_sight(self) -> LedgerSight | None:
        """What the signer saw of the ledger when it last signed."""
        return self.lines[-1].sight if self.lines else None

    def fresh_serial(self) -> int:
        """Return a random serial that this log does not hold."""
        while True:
            serial = secrets.randbelow(_HIGHEST_SERIAL) + 1
            if serial not in self._serials:
                return serial

    def append(
        self,
        *,
        at: datetime,
        serial: int,
        purpose: str,
        grant: str,
        ticket: str,
        session: str,
        cert_sha256: str,
        sight: LedgerSight,
    ) -> SerialLine:
        """Append one line and return when it is on the disk; ValueError for a serial that was used before."""
        if serial in self._serials:
            raise ValueError("a serial is used once")
        line = SerialLine(self._count + 1, at, serial, purpose, grant, ticket, session, cert_sha256, sight)
        raw = _encode(line, self._tip)
        if os.write(self._file, raw + b"\n") != len(raw) + 1:
            raise OSError("the serial log took only part of a line")
        os.fsync(self._file)
        self._take(raw)
        self._serials.add(serial)
        return line

    def close(self) -> None:
        """Close the file and release the lock."""
        os.close(self._file)

    def _take(self, raw: bytes) -> None:
        """Count a line in; a torn one (power cut before its certificate left) keeps the chain but is no certificate."""
        self._count += 1
        try:
            document = json.loads(raw)
        except ValueError:
            document = None
        if document is not None:
            if document.get("prev") != self._tip or document.get("n") != self._count:
                raise BrokenLog(f"line {self._count} of the serial log does not follow the line before it")
            self.lines.append(_decode(document))
        self._tip = hashlib.sha256(raw).hexdigest()

    def _raw_lines(self) -> Iterator[bytes]:
        with os.fdopen(os.dup(self._file), "rb") as file:
            file.seek(0)
            for raw in file:
                yield raw.rstrip(b"\n")

    def _close_torn_line(self) -> None:
        size = os.fstat(self._file).st_size
        if size and os.pread(self._file, 1, size - 1) != b"\n":
            os.write(self._file, b"\n")
            os.fsync(self._file)


def _encode(line: SerialLine, prev: str) -> bytes:
    document = {
        "n": line.number,
        "prev": prev,
        "at": rfc3339(line.at),
        "serial": line.serial,
        "purpose": line.purpose,
        "grant": line.grant,
        "ticket": line.ticket,
        "session": line.session,
        "cert_sha256": line.cert_sha256,
        "ledger_size": line.sight.size,
        "ledger_tip": line.sight.tip,
        "epoch": line.sight.epoch,
    }
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def _decode(document: dict[str, object]) -> SerialLine:
    try:
        return SerialLine(
            number=_number(document["n"]),
            at=parse_rfc3339(str(document["at"])),
            serial=_number(document["serial"]),
            purpose=str(document["purpose"]),
            grant=str(document["grant"]),
            ticket=str(document["ticket"]),
            session=str(document["session"]),
            cert_sha256=str(document["cert_sha256"]),
            sight=LedgerSight(
                _number(document["ledger_size"]), str(document["ledger_tip"]), _number(document["epoch"])
            ),
        )
    except (KeyError, ValueError) as error:
        raise BrokenLog(f"a line of the serial log misses or spoils {error}") from error


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(value)
    return value
