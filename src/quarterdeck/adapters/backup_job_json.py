"""A job log of a backup product as JSON: rows of PowerShell, and the plain form for every other product."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from quarterdeck.backups.api import Maker

_NET_DATE = re.compile(r"/Date\((\d{10,14})(?:[+-]\d{4})?\)/")
_OFFSET = re.compile(r"(?:Z|[+-]\d{2}:\d{2})$")
_HOST_KEYS = ("VMName", "MachineName", "ComputerName", "PSComputerName", "host")
GOOD = frozenset({"success", "succeeded", "completed", "0"})


@dataclass(frozen=True, slots=True)
class JobResult:
    """What a log says: status word, end of the job in UTC, id, whether the stored data was checked, and its size."""

    good: bool
    status: str
    ended_at: datetime
    id: str
    checked: bool | None
    encrypted: bool | None
    size: int
    maker: Maker = Maker.VEEAM
    host: str = ""


def job_from_json(document: object, zone: tzinfo) -> JobResult | None:
    """Return the newest job that the document tells of, None for one that is no job log."""
    rows = document if isinstance(document, list) else [document]
    found = [one for row in rows if isinstance(row, dict) and (one := _json_row(row, zone)) is not None]
    return max(found, key=lambda one: one.ended_at, default=None)


def _json_row(row: Mapping[str, object], zone: tzinfo) -> JobResult | None:
    if "OriginatingMachine" in row:
        return _shadow_row(row, zone)
    if "product" in row:
        return _other_row(row)
    if "LastSuccessfulBackupTime" in row:
        ended, status = row.get("LastSuccessfulBackupTime"), row.get("LastBackupResultHR")
    else:
        ended = row.get("EndTimeUTC") or row.get("EndTime")
        status = row.get("Result", row.get("HResult"))
    moment = _json_moment(ended, UTC if "EndTimeUTC" in row else zone)
    if moment is None or not isinstance(status, str | int):
        return None
    checked, encrypted = row.get("HealthCheck", row.get("Verified")), row.get("Encrypted", row.get("IsEncrypted"))
    name, size = row.get("Id", row.get("VersionId")), row.get("BackupSize", 0)
    word = str(status).lower()
    return JobResult(
        word in GOOD,
        word,
        moment,
        name if isinstance(name, str) and name else f"job-{moment:%Y%m%dT%H%M%SZ}",
        _json_check(checked),
        encrypted if isinstance(encrypted, bool) else None,
        size if isinstance(size, int) and size >= 0 else 0,
        Maker.WINDOWS_SERVER_BACKUP if {"LastBackupResultHR", "HResult"} & set(row) else Maker.VEEAM,
        _host(row),
    )


def _shadow_row(row: Mapping[str, object], zone: tzinfo) -> JobResult | None:
    moment, name = _json_moment(row.get("InstallDate"), zone), row.get("ID")
    if moment is None or not isinstance(name, str) or not name:
        return None
    return JobResult(True, "taken", moment, name, None, None, 0, Maker.VSS, str(row["OriginatingMachine"] or ""))


def _other_row(row: Mapping[str, object]) -> JobResult | None:
    """Read the form for every other product: product, result, ended_at with its offset, verified, encrypted, host."""
    moment, result = row.get("ended_at"), row.get("result")
    ended = _json_moment(moment, UTC) if isinstance(moment, str) and _OFFSET.search(moment) else None
    if ended is None or not isinstance(result, str):
        return None
    verified, encrypted, size, name = (row.get(key) for key in ("verified", "encrypted", "size", "id"))
    return JobResult(
        result == "success",
        result.lower()[:40],
        ended,
        name if isinstance(name, str) and name else f"job-{ended:%Y%m%dT%H%M%SZ}",
        verified if isinstance(verified, bool) else None,
        encrypted if isinstance(encrypted, bool) else None,
        size if isinstance(size, int) and not isinstance(size, bool) and size >= 0 else 0,
        Maker.OTHER,
        _host(row),
    )


def _host(row: Mapping[str, object]) -> str:
    return next((str(row[key]) for key in _HOST_KEYS if isinstance(row.get(key), str) and row[key]), "")


def _json_check(told: object) -> bool | None:
    if isinstance(told, bool):
        return told
    return told.lower() in GOOD if isinstance(told, str) else None


def _json_moment(told: object, zone: tzinfo) -> datetime | None:
    if not isinstance(told, str):
        return None
    found = _NET_DATE.fullmatch(told)
    try:
        if found:
            return datetime.fromtimestamp(int(found.group(1)) / 1000, UTC)
        moment = datetime.fromisoformat(told)
    except (ValueError, OverflowError, OSError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
