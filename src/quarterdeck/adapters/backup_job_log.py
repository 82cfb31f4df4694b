"""An uploaded log of a backup job as a backup product: Veeam, Windows Server Backup, VSS and others, text or JSON.

The log's own words decide: a job that failed or only warned is refused, and a log that tells of no check of the stored
data proves existence only. What is read here was handed in by a person, so its grade is *attached*.
"""

import json
import re
from datetime import UTC, datetime, tzinfo

from quarterdeck.adapters.backup_job_json import GOOD, JobResult, job_from_json
from quarterdeck.backups.api import LogRead, Maker, ProductFailed, Snapshot, Source, Verification

_LONGEST = 8 << 20
_VEEAM_END = re.compile(
    r"\[(?P<day>\d{2})\.(?P<month>\d{2})\.(?P<year>\d{4}) (?P<time>\d{2}:\d{2}:\d{2})(?:\.\d+)?\]"
    r".{0,200}?(?:Job session '(?P<id>[0-9a-fA-F-]{36})' has been completed, status: '(?P<status>\w+)'"
    r"(?:, '(?P<size>[\d,. ]{1,30})')?|Job has been (?:completed|finished) with (?P<word>success|warnings?|errors?))"
)
_VEEAM_CHECK = re.compile(
    r"(?:health check|backup files? (?:health|integrity) check|SureBackup)[^\n]{0,200}?"
    r"(?P<word>success|passed|no (?:errors|corrupt)|fail|corrupt|error)",
    re.IGNORECASE,
)
_WBADMIN_VERSION = re.compile(r"Version identifier:\s*(\d{2})/(\d{2})/(\d{4})-(\d{2}):(\d{2})")
_WBADMIN_DONE = re.compile(
    r"The backup operation (?P<word>successfully completed|failed|completed with)", re.IGNORECASE
)
_WBADMIN_CHECK = re.compile(
    r"(?:consistency check|validation|verification)[^\n]{0,200}?(?P<word>success|fail)", re.IGNORECASE
)
_SHADOW = re.compile(
    r"creation time:\s*(\d{1,2})/(\d{1,2})/(\d{4}) (\d{1,2}):(\d{2}):(\d{2}) ([AP]M)\s+"
    r"Shadow Copy ID:\s*\{([0-9a-fA-F-]{36})\}(?P<rest>(?:(?!creation time:).){0,2000})",
    re.DOTALL,
)
_MACHINE = re.compile(r"Originating Machine:\s*([A-Za-z0-9.-]{1,253})")


class JobLog:
    """Fulfils the port BackupProduct with the bytes of one uploaded log; local times are read in `zone`."""

    def __init__(self, log: bytes, zone: tzinfo) -> None:
        """Read the log; ProductFailed when it is none that we know."""
        self._log = log
        self._result = read_log(log, zone)

    def said(self) -> LogRead:
        """Return what the log says of its product, the end of its job and its machine."""
        return LogRead(self._result.maker, self._result.ended_at, self._result.host)

    def latest_snapshot(self, source: Source) -> Snapshot | None:
        """Return the backup that the log tells of; ProductFailed when its job failed or only warned."""
        del source
        found = self._result
        if not found.good:
            raise ProductFailed(f"The log says that the job ended with '{found.status}', so it proves no backup.")
        return Snapshot(found.id, found.ended_at, found.size, found.encrypted)

    def verify(self, source: Source, snapshot: Snapshot) -> Verification:
        """Return what the log says about a check of the stored data."""
        del source, snapshot
        if self._result.checked:
            return Verification(True, "The log tells of a successful check of the stored data.", self._log)
        said = "The log tells of a failed check." if self._result.checked is False else "The log tells of no check."
        return Verification(False, said, self._log)


def read_log(log: bytes, zone: tzinfo) -> JobResult:
    """Return what a job log says; ProductFailed for a log that is too long or of a kind that we don't know."""
    if len(log) > _LONGEST:
        raise ProductFailed("The log is longer than 8 MB: attach the part of the last job.")
    text = _decoded(log)
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        found = _from_text(text, zone)
    else:
        found = job_from_json(document, zone)
    if found is None:
        raise ProductFailed(
            "This is no job log of Veeam, Windows Server Backup or VSS that can be read. Attach the job's own log, the "
            "output of Get-VBRBackupSession, Get-WBSummary, wbadmin or vssadmin, or JSON as the manual shows it."
        )
    return found


def _decoded(log: bytes) -> str:
    for mark, codec in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig")):
        if log.startswith(mark):
            return log.decode(codec, "replace")
    return log.decode("utf-8", "replace")


def _from_text(text: str, zone: tzinfo) -> JobResult | None:
    ends = list(_VEEAM_END.finditer(text))
    if ends:
        return _veeam_text(ends[-1], text, zone)
    shadows = list(_SHADOW.finditer(text))
    if shadows:
        return max((_shadow(one, zone) for one in shadows), key=lambda one: one.ended_at)
    version = _WBADMIN_VERSION.findall(text)
    done = _WBADMIN_DONE.findall(text)
    if not version or not done:
        return None
    month, day, year, hour, minute = (int(part) for part in version[-1])
    ended = _moment(year, month, day, hour, minute, 0, UTC)
    word = done[-1].lower()
    return JobResult(
        word == "successfully completed",
        word,
        ended,
        f"wbadmin-{ended:%Y%m%dT%H%MZ}",
        _check(_WBADMIN_CHECK, text),
        None,
        0,
        Maker.WINDOWS_SERVER_BACKUP,
    )


def _shadow(found: re.Match[str], zone: tzinfo) -> JobResult:
    month, day, year, hour, minute, second = (int(part) for part in found.groups()[:6])
    ended = _moment(year, month, day, hour % 12 + (12 if found[7] == "PM" else 0), minute, second, zone)
    machine = _MACHINE.search(found["rest"])
    return JobResult(True, "taken", ended, found[8], None, None, 0, Maker.VSS, machine[1] if machine else "")


def _veeam_text(end: re.Match[str], text: str, zone: tzinfo) -> JobResult:
    clock = [int(part) for part in end["time"].split(":")]
    ended = _moment(int(end["year"]), int(end["month"]), int(end["day"]), clock[0], clock[1], clock[2], zone)
    status = (end["status"] or end["word"] or "").lower()
    size = int(re.sub(r"\D", "", end["size"] or "") or 0)
    return JobResult(
        status in GOOD,
        status,
        ended,
        end["id"] or f"veeam-{ended:%Y%m%dT%H%M%SZ}",
        _check(_VEEAM_CHECK, text),
        None,
        size,
    )


def _check(pattern: re.Pattern[str], text: str) -> bool | None:
    words = [found["word"].lower() for found in pattern.finditer(text)]
    return all(word.startswith(("success", "passed", "no ")) for word in words) if words else None


def _moment(year: int, month: int, day: int, hour: int, minute: int, second: int, zone: tzinfo) -> datetime:
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=zone).astimezone(UTC)
    except ValueError:
        raise ProductFailed("The log holds a date that does not exist.") from None
