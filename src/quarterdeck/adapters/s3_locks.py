"""Retention and legal hold of one version on S3. What is returned was read back, never what was asked for."""

from datetime import UTC, datetime

from quarterdeck.adapters.s3_client import S3, Denied, asked
from quarterdeck.evidence.ports import Lock, LockMode, StillLocked

_FIRMNESS = (LockMode.NONE, LockMode.GOVERNANCE, LockMode.COMPLIANCE)


def read_lock(s3: S3, key: str, version: str) -> Lock:
    """Return what holds this version in place; NotInStore."""
    head = asked(s3, "look at it", s3.client.head_object, Key=key, **_pinned(version))
    mode = LockMode(str(head.get("ObjectLockMode", "")).lower())
    until = head.get("ObjectLockRetainUntilDate")
    held = head.get("ObjectLockLegalHoldStatus") == "ON"
    return Lock(mode, until.astimezone(UTC) if isinstance(until, datetime) else None, held)


def retain(s3: S3, key: str, version: str, until: datetime, mode: LockMode) -> Lock:
    """Lock a version, only ever longer and firmer; StillLocked when the server does not let it.

    Making GOVERNANCE into COMPLIANCE is a change of mode, which servers let only those do who may bypass GOVERNANCE.
    """
    now = read_lock(s3, key, version)
    firmer = max(now.mode, mode, key=_FIRMNESS.index)
    # S3 keeps whole seconds: round up, so that what is read back is never shorter than what was asked for.
    wanted = until.replace(microsecond=0) if until.microsecond == 0 else _next_second(until)
    later = wanted if now.until is None else max(now.until, wanted)
    if firmer is now.mode and later == now.until:
        return now
    retention = {"Mode": firmer.value.upper(), "RetainUntilDate": later}
    try:
        _put_retention(s3, key, version, retention, bypass=False)
    except Denied:
        if now.mode is not LockMode.GOVERNANCE or firmer is not LockMode.COMPLIANCE:
            raise
        _put_retention(s3, key, version, retention, bypass=True)
    return read_lock(s3, key, version)


def _next_second(moment: datetime) -> datetime:
    return datetime.fromtimestamp(int(moment.timestamp()) + 1, UTC)


def _put_retention(s3: S3, key: str, version: str, retention: dict[str, object], *, bypass: bool) -> None:
    extra = {"BypassGovernanceRetention": True} if bypass else {}
    asked(
        s3, "lock it", s3.client.put_object_retention,
        Key=key, Retention=retention, **_pinned(version), **extra,
    )  # fmt: skip


def why_kept(name: str, lock: Lock, now: datetime, denied: Denied) -> StillLocked:
    """Say what keeps a version: its own lock with the date, else that these credentials may not remove."""
    if lock.held:
        return StillLocked(f"{name} keeps it under a legal hold.", "Release the hold first.")
    if lock.until is None or lock.until <= now:
        return StillLocked(str(denied), denied.next_step)
    return StillLocked(
        f"{name} refuses to remove it before {lock.until:%Y-%m-%d} ({lock.mode.value}).",
        "It is removed by itself after that.",
        lock.until,
    )


def hold(s3: S3, key: str, version: str, *, on: bool) -> Lock:
    """Put a legal hold on, or take it off."""
    asked(
        s3, "place a legal hold" if on else "lift a legal hold", s3.client.put_object_legal_hold,
        Key=key, LegalHold={"Status": "ON" if on else "OFF"}, **_pinned(version),
    )  # fmt: skip
    return read_lock(s3, key, version)


def _pinned(version: str) -> dict[str, str]:
    return {"VersionId": version} if version else {}
