"""Pure rules of backup evidence: a fresh and verified backup counts, the mere existence of one does not."""

import re
from datetime import datetime, timedelta

from quarterdeck.backups.terms import Product, Snapshot, Source, Verification
from quarterdeck.kernel.decision import Decision, all_of, require_that
from quarterdeck.kernel.names import is_hostname

SHORTEST_AGE, LONGEST_AGE = timedelta(hours=1), timedelta(days=31)
LONGEST_REIMAGE = timedelta(days=366)
CLOCKS_MAY_DIFFER = timedelta(minutes=5)
_FILE = re.compile(r"/[A-Za-z0-9._/@+-]{1,250}", re.ASCII)
_REPOSITORY = re.compile(
    r"/[A-Za-z0-9._/@+-]{1,250}|(?:s3|rest):https?://[A-Za-z0-9][A-Za-z0-9.-]{0,200}(?::[0-9]{1,5})?/[A-Za-z0-9._/+-]{0,250}",
    re.ASCII,
)
_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}", re.ASCII)


def check_source(source: Source) -> Decision:
    """Refuse a source whose names could mean something else on a command line, or whose age limit is out of range."""
    return all_of(
        (
            require_that(
                source.product is not Product.RESTIC or _REPOSITORY.fullmatch(source.repository) is not None,
                "backup.repository",
                "A restic repository is an absolute folder, or s3: or rest: and an http address, without spaces.",
                "Write it as /srv/backup/fs01 or s3:https://backup.example.net/bucket.",
            ),
            require_that(
                source.product is not Product.RESTIC or _FILE.fullmatch(source.credential_file) is not None,
                "backup.credential_file",
                "The credential is named by the absolute path of a file on this server.",
                "Put the repository's password in a file of mode 0600 that Quarterdeck's user owns; write its path.",
            ),
            require_that(
                is_hostname(source.host.lower()) if source.product is Product.RESTIC else not source.host,
                "backup.host",
                "A restic source names the host whose backups count, as restic knows it; other products name none.",
                "Write the host name that `restic snapshots` shows for this asset.",
            ),
            require_that(
                not source.path or _FILE.fullmatch(source.path) is not None,
                "backup.path",
                "The path is absolute and has no spaces.",
                "Write the folder that the backup covers.",
            ),
            require_that(
                not source.tag or _TAG.fullmatch(source.tag) is not None,
                "backup.tag",
                "A tag has letters, digits, dots, colons and dashes.",
                "Correct it.",
            ),
            require_that(
                SHORTEST_AGE <= source.max_age <= LONGEST_AGE,
                "backup.max_age",
                "The greatest age of a backup is between one hour and 31 days.",
                "Servers that hold CUI: 24 hours is usual.",
            ),
        )
    )


def is_fresh_enough(taken_at: datetime, now: datetime, max_age: timedelta) -> Decision:
    """Refuse a backup that is too old, or dated in the future beyond five minutes of clock difference."""
    return all_of(
        (
            require_that(
                taken_at - now <= CLOCKS_MAY_DIFFER,
                "backup.from_the_future",
                "The backup is dated in the future, so one of the clocks is wrong.",
                "Correct the clock of the backed-up system and take a backup.",
            ),
            require_that(
                now - taken_at <= max_age,
                "backup.too_old",
                f"The newest backup is {spoken_age(now - taken_at)} old; {spoken_age(max_age)} is the limit.",
                "Take a backup now and prove it again.",
            ),
        )
    )


def may_rely_on(
    snapshot: Snapshot | None, verification: Verification | None, now: datetime, max_age: timedelta
) -> Decision:
    """Decide whether this backup proves that the asset can be brought back: it exists, is fresh and was verified."""
    if snapshot is None:
        return require_that(False, "backup.none", "There is no backup of this asset.", "Take one and prove it again.")
    return all_of(
        (
            is_fresh_enough(snapshot.taken_at, now, max_age),
            require_that(
                verification is not None and verification.verified,
                "backup.not_verified",
                "The backup exists, but nothing shows that it can be read back."
                + (f" {verification.sentence}" if verification and verification.sentence else ""),
                "Verify it (restic check, a health check, a test restore) and prove it again.",
            ),
        )
    )


def check_reimage(plan: str, kind: str, valid_until: datetime, now: datetime) -> Decision:
    """Refuse a reimage plan that says nothing, is for a server, or counts for longer than a year."""
    return all_of(
        (
            require_that(
                kind == "workstation",
                "backup.reimage_kind",
                "Only a workstation is brought back by imaging it anew.",
                "Prove a backup of this asset instead.",
            ),
            require_that(
                len(plan.strip()) >= 40,
                "backup.reimage_plan",
                "The plan does not say which image is used, who does it and where the user's data is kept.",
                "Write image and version, the steps, and where data lives meanwhile.",
            ),
            require_that(
                now < valid_until <= now + LONGEST_REIMAGE,
                "backup.reimage_date",
                "A plan counts until a date in the future, at most a year ahead.",
                "Give the date of its next review.",
            ),
        )
    )


def source_is_sealed(agrees: bool) -> Decision:
    """Refuse a source that is not what its sealed entry says (attacks.md row 28)."""
    return require_that(
        agrees,
        "backup.source_unsealed",
        "The backup source's row is not what the ledger says of it.",
        "Set the source again and tell the IT lead: somebody wrote into the database.",
    )


def spoken_age(age: timedelta) -> str:
    """Return an age in words: minutes below two hours, hours below three days, else days."""
    minutes = int(age.total_seconds() // 60)
    if minutes < 120:
        return f"{minutes} minutes"
    if minutes < 72 * 60:
        return f"{minutes // 60} hours"
    return f"{minutes // (24 * 60)} days"
