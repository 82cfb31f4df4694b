"""Pure rules of backup evidence: a fresh and verified backup counts, the mere existence of one does not."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from quarterdeck.backups.terms import LogRead, LogTold, Maker, Product, Snapshot, Source, Verification
from quarterdeck.kernel.decision import Decision, all_of, require_that
from quarterdeck.kernel.names import is_hostname

SHORTEST_AGE, LONGEST_AGE = timedelta(hours=1), timedelta(days=31)
MOST_DAYS = 36_525
CLOCKS_MAY_DIFFER = timedelta(minutes=5)
LOG_MAY_DIFFER = timedelta(minutes=15)
_FILE = re.compile(r"/[A-Za-z0-9._/@+-]{1,250}", re.ASCII)
_REPOSITORY = re.compile(
    r"/[A-Za-z0-9._/@+-]{1,250}|(?:s3|rest):https?://[A-Za-z0-9][A-Za-z0-9.-]{0,200}(?::[0-9]{1,5})?/[A-Za-z0-9._/+-]{0,250}",
    re.ASCII,
)
_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Names:
    """What a source of a product must name: its repository's form, and which other names it has."""

    repository: re.Pattern[str] | None
    example: str
    credential: bool = True
    host: str = "none"
    path: bool | None = None


_ACCOUNT = re.compile(r"[a-z_][a-z0-9_.-]{0,31}@[A-Za-z0-9][A-Za-z0-9.-]{0,200}(?::[0-9]{1,5})?", re.ASCII)
_DATABASE = re.compile(
    r"postgresql://[A-Za-z0-9_.-]{1,63}@[A-Za-z0-9][A-Za-z0-9.-]{0,200}(?::[0-9]{1,5})?/[A-Za-z0-9_-]{1,63}", re.ASCII
)
_BORG = re.compile(
    _FILE.pattern
    + r"|ssh://[a-z_][a-z0-9_.-]{0,31}@[A-Za-z0-9][A-Za-z0-9.-]{0,200}(?::[0-9]{1,5})?/[A-Za-z0-9._/@+-]{1,250}",
    re.ASCII,
)
_EBS = re.compile(r"ebs:[a-z]{2}(?:-[a-z]{2,12}){1,3}-[0-9]{1,2}/vol-[0-9a-f]{8,17}", re.ASCII)
_AMI = re.compile(r"ami:[a-z]{2}(?:-[a-z]{2,12}){1,3}-[0-9]{1,2}/i-[0-9a-f]{8,17}", re.ASCII)
_VSPHERE = re.compile(
    r"vsphere:[A-Za-z0-9][A-Za-z0-9.-]{0,200}(?::[0-9]{1,5})?/[A-Za-z0-9][A-Za-z0-9 ._-]{0,79}", re.ASCII
)
NAMES = {
    Product.RESTIC: Names(_REPOSITORY, "/srv/backup/fs01 or s3:https://backup.example.net/bucket", host="host"),
    Product.BORG: Names(_BORG, "/srv/borg/fs01 or ssh://borg@backup.example.net/./fs01", host="host"),
    Product.PG_DUMP: Names(_DATABASE, "postgresql://backup@db01/shop, without a password", path=True),
    Product.PG_BASE: Names(_DATABASE, "postgresql://backup@db01/postgres, without a password", path=True),
    Product.FILES: Names(_FILE, "/srv/copies/fs01, a folder with a SHA256SUMS file", credential=False),
    Product.BTRFS: Names(_FILE, "/srv/data, the subvolume", credential=False, host="account", path=True),
    Product.QCOW2: Names(_FILE, "/var/lib/libvirt/images/fs01.qcow2", credential=False, host="account"),
    Product.EBS: Names(_EBS, "ebs:us-gov-west-1/vol-0123456789abcdef0"),
    Product.AMI: Names(_AMI, "ami:us-gov-west-1/i-0123456789abcdef0"),
    Product.VSPHERE: Names(_VSPHERE, "vsphere:vcenter.example.net/fs01"),
    Product.VSS: Names(re.compile(r"[A-Z]:", re.ASCII), "C:", host="account"),
    Product.JOB_LOG: Names(None, "", credential=False),
    Product.REIMAGE: Names(None, "", credential=False),
}  # fmt: skip
_HOST_WORDS = {
    "host": "This product names the host whose backups count, as the product knows it.",
    "account": "This product names account and host by which the asset is asked, or neither when it is here.",
    "none": "This product names no host.",
}
_OFFLINE = re.compile(r"[^\x00-\x1f\x7f]{0,200}")


def check_source(source: Source) -> Decision:
    """Refuse a source whose names could mean something else on a command line, or whose age limit is out of range."""
    names = NAMES[source.product]
    return all_of((*_places(source, names), *_limits(source)))


def _places(source: Source, names: Names) -> Iterator[Decision]:
    said = "restic" if source.product is Product.RESTIC else source.product.value
    yield require_that(
        names.repository is None or names.repository.fullmatch(source.repository) is not None,
        "backup.repository",
        f"This is no place of {said} backups.",
        f"Write it as {names.example}." if names.example else "Leave it empty.",
    )
    wants_file = names.credential or (names.host == "account" and bool(source.host))
    yield require_that(
        not wants_file or _FILE.fullmatch(source.credential_file) is not None,
        "backup.credential_file",
        "The credential is named by the absolute path of a file on this server.",
        "Put the repository's password in a file of mode 0600 that Quarterdeck's user owns; write its path.",
    )
    yield require_that(
        _host_fits(source, names),
        "backup.host",
        _HOST_WORDS[names.host],
        "Write the host name that the product shows for this asset, or account@host where it is asked over SSH.",
    )
    yield require_that(
        _FILE.fullmatch(source.path) is not None if source.path else not names.path,
        "backup.path",
        "The path is absolute and has no spaces; PostgreSQL and btrfs keep what they make in such a folder.",
        "Write the folder.",
    )


def _host_fits(source: Source, names: Names) -> bool:
    if names.host == "host":
        return is_hostname(source.host.lower())
    if names.host == "account" and (source.host or source.product is Product.VSS):
        return _ACCOUNT.fullmatch(source.host) is not None
    return not source.host


def _limits(source: Source) -> Iterator[Decision]:
    yield require_that(
        not source.tag or _TAG.fullmatch(source.tag) is not None,
        "backup.tag",
        "A tag has letters, digits, dots, colons and dashes.",
        "Correct it.",
    )
    yield require_that(
        SHORTEST_AGE <= source.max_age <= LONGEST_AGE,
        "backup.max_age",
        "The greatest age of a backup is between one hour and 31 days.",
        "Servers that hold CUI: 24 hours is usual.",
    )
    yield require_that(
        _OFFLINE.fullmatch(source.offline) is not None
        and 0 <= source.offline_days <= MOST_DAYS
        and 0 <= source.contract_days <= MOST_DAYS
        and (bool(source.offline) or source.offline_days == 0),
        "backup.offline",
        "An offline copy has a name and keeps for a number of days; the contract asks for a number of days.",
        "Write where the copy lies, such as 'tape in the safe', and how many days it keeps.",
    )


def offline_enough(source: Source) -> bool | None:
    """Return whether the offline copy keeps as long as the contract asks; None when neither is said."""
    if not source.contract_days and not source.offline:
        return None
    return bool(source.offline) and source.offline_days >= source.contract_days


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
                verification is None or not verification.pending,
                "backup.pending",
                "The backup is still being made." + _said(verification),
                "Wait until the product says that it is complete, and prove it again.",
            ),
            require_that(
                verification is not None and (verification.verified or verification.pending),
                "backup.not_verified",
                "The backup exists, but nothing shows that it can be read back." + _said(verification),
                "Verify it (restic check, a health check, a test restore) and prove it again.",
            ),
        )
    )


def _said(verification: Verification | None) -> str:
    return f" {verification.sentence}" if verification and verification.sentence else ""


def log_agrees(told: LogTold, read: LogRead, hostname: str) -> Decision:
    """Refuse a log of another product, another end of the job, or another machine than the person says."""
    named, wanted = read.host.lower(), hostname.lower()
    short = "." not in named or "." not in wanted
    same = named == wanted or (short and named.partition(".")[0] == wanted.partition(".")[0])
    return all_of(
        (
            require_that(
                told.maker is read.maker,
                "backup.log_product",
                f"The log was written by {spoken_maker(read.maker)}, not by {spoken_maker(told.maker)}.",
                "Choose the product that wrote it, or attach the other log.",
            ),
            require_that(
                abs(told.ended_at - read.ended_at) <= LOG_MAY_DIFFER,
                "backup.log_when",
                f"The log says that the job ended {read.ended_at:%Y-%m-%d %H:%M} UTC, "
                f"you say {told.ended_at:%Y-%m-%d %H:%M}.",
                "Attach the log of the job that you mean.",
            ),
            require_that(
                not read.host or same,
                "backup.log_host",
                "The log is of another machine than this asset.",
                "Attach the log of this asset's own job.",
            ),
        )
    )


def spoken_maker(maker: Maker) -> str:
    """Return a product's name as people say it."""
    return {
        Maker.VEEAM: "Veeam",
        Maker.WINDOWS_SERVER_BACKUP: "Windows Server Backup",
        Maker.VSS: "the Volume Shadow Copy Service",
        Maker.OTHER: "another product",
    }[maker]


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
