"""A log file that a target shipped elsewhere, as commands and logins: auditd records, sudo's and sshd's lines. Pure.

Whoever writes to a log can write any line of it, and a file that a person hands in is that person's word. Audit records
are taken only from lines that auditd's own way brings, never out of another program's text.
"""

import re
import shlex
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo

from quarterdeck.activity.log_lines import login_of
from quarterdeck.activity.terms import Gap, SeenCommand, SeenLogin, TargetLog

MOST_BYTES = 64 << 20
MOST_COMMANDS = 5000
# No writer of such logs makes a longer line; the kernel's longest audit record has less than 9,000 characters.
LONGEST_LINE = 64 << 10
_ISO = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)"
_BSD = r"\w{3} [ \d]\d \d\d:\d\d:\d\d"
# What rsyslog and syslog-ng write into files, and RFC 5424 as it travels.
_SYSLOG = re.compile(rf"(?:<\d{{1,3}}>)?({_ISO}|{_BSD}) (\S{{1,255}}) ([^\s:\[]{{1,64}})(?:\[(\d{{1,10}})\])?: ?(.*)")
_RFC5424 = re.compile(rf"(?:<\d{{1,3}}>)?1 ({_ISO}) (\S{{1,255}}) (\S{{1,64}}) (\S{{1,20}}) \S+ (?:-|\[.*?\]) (.*)")
_AUDIT = re.compile(r"(?:node=(\S+) )?type=(\w+) msg=audit\((\d{9,10}\.\d{3}):(\d{1,12})\): ?(.*)")
_AUDIT_TAGS = frozenset({"audisp-syslog", "audispd", "auditd", "audit"})
# A name is tried from its first letter only: a line of letters without an end costs its length, not its square.
_FIELD = re.compile(r"\b(\w{1,40}(?:\[\d{1,6}\])?)=(\"[^\"]*\"|\S+)")
# auditd parts the names that it looked up from the record with 0x1d, which rsyslog writes as #035. Inside quotes it is
# somebody's word: the name of a program may hold it.
_ENRICHED = re.compile(r"((?:[^\"]|\"[^\"]*\")*?)(?:\x1d|#035)(.*)")
_SUDO = re.compile(
    r" *(\S{1,64}) : TTY=(\S{1,40}) ; PWD=(.{1,400}?) ; USER=(\S{1,64}) ;(?: [A-Z]+=\S+ ;)* COMMAND=(.{1,4000})"
)
_UNSET = 4294967295


@dataclass(slots=True)
class _Lines:
    """What the lines told so far."""

    calls: dict[str, tuple[datetime, dict[str, str], str]] = field(default_factory=dict)
    argv: dict[str, dict[str, str]] = field(default_factory=dict)
    sessions: dict[int, int] = field(default_factory=dict)
    logins: list[SeenLogin] = field(default_factory=list)
    sudo: list[tuple[str, SeenCommand]] = field(default_factory=list)
    odd: int = 0
    foreign: int = 0


@dataclass(frozen=True, slots=True)
class ShippedLog:
    """The log, how many lines nobody understood, and how many were of other hosts."""

    log: TargetLog
    odd: int
    foreign: int


def shipped_log(
    text: str, *, account: str, hosts: Collection[str], serials: Collection[int], zone: tzinfo, now: datetime
) -> ShippedLog:
    """Return what a log file tells of an account; `zone` is that of stamps that name none, `serials` are ours.

    An audit record is the account's by the name that auditd looked up, or by the audit session of a login with one of
    our certificates; a file of several hosts is read for the `hosts` named only.
    """
    told = _Lines()
    wanted = {name.lower() for name in hosts}
    # A line ends where the log's writer ended it; what Unicode calls a line's end may stand in anybody's message.
    for line in text.split("\n"):
        _take(told, line.removesuffix("\r"), wanted, zone, now)
    ours = {one.pid for one in told.logins if one.serial in serials}
    audited = {ses for pid, ses in told.sessions.items() if pid in ours}
    found = [*_audited(told, account, audited), *(one for who, one in told.sudo if who == account)]
    log = TargetLog(
        source="attached",
        logins=tuple(told.logins),
        gap=Gap.NONE,
        said="",
        offset=timedelta(0),
        commands=tuple(sorted(found, key=lambda one: one.at)[:MOST_COMMANDS]),
        audit_sessions=told.sessions,
        audit_said="" if told.argv else "the file holds no audit record of a command",
        sudo_said="the file is a person's word",
        password_days={},
    )
    return ShippedLog(log, told.odd, told.foreign)


def _take(told: _Lines, line: str, wanted: Collection[str], zone: tzinfo, now: datetime) -> None:
    if len(line) > LONGEST_LINE:
        told.odd += 1
        return
    if not line.strip():
        return
    plain = _AUDIT.fullmatch(line)
    if plain is not None:
        _take_audit(told, plain, wanted)
        return
    parts = _SYSLOG.fullmatch(line) or _RFC5424.fullmatch(line)
    at = _moment(parts[1], zone, now) if parts is not None else None
    if parts is None or at is None:
        told.odd += 1
    elif not _is_of(parts[2], wanted):
        told.foreign += 1
    else:
        _take_program(told, at, parts[3], parts[4] or "", parts[5], wanted)


def _take_program(told: _Lines, at: datetime, tag: str, pid: str, text: str, wanted: Collection[str]) -> None:
    if tag in _AUDIT_TAGS:
        record = _AUDIT.fullmatch(text)
        if record is not None:
            _take_audit(told, record, wanted)
    elif tag == "sudo":
        run = _SUDO.fullmatch(text)
        if run is not None:
            seen = SeenCommand(at, "sudo", _words(run[5]), _plain(run[4]), _plain(run[3]), _plain(run[2]))
            told.sudo.append((run[1], seen))
    else:
        login = login_of(at, tag, int(pid) if pid.isdecimal() else 0, _plain(text)[:1000])
        if login is not None:
            told.logins.append(login)


def _take_audit(told: _Lines, record: "re.Match[str]", wanted: Collection[str]) -> None:
    node, kind, stamp, number, rest = record.groups()
    if node is not None and not _is_of(node, wanted):
        told.foreign += 1
        return
    parted = _ENRICHED.fullmatch(rest)
    own, enriched = (rest, "") if parted is None else parted.groups()
    fields = dict(_FIELD.findall(own))
    if kind == "SYSCALL" and fields.get("success") == "yes":
        names = dict(_FIELD.findall(enriched))
        told.calls[number] = (datetime.fromtimestamp(float(stamp), UTC), fields, names.get("AUID", "").strip('"'))
    elif kind == "EXECVE":
        told.argv.setdefault(number, {}).update(fields)
    elif kind == "LOGIN":
        told.sessions[_number(fields.get("pid"))] = _number(fields.get("ses"))


def _audited(told: _Lines, account: str, ours: Collection[int]) -> Iterator[SeenCommand]:
    for number, (at, fields, name) in told.calls.items():
        ses = _number(fields.get("ses"))
        if number in told.argv and (name == account or ses in ours):
            euid = fields.get("euid", "")
            yield SeenCommand(
                at, "auditd", _argv(told.argv[number]), "root" if euid == "0" else f"uid {_plain(euid)[:12]}",
                tty=_plain(_value(fields.get("tty", "")))[:40], ses=ses,
            )  # fmt: skip


def _argv(fields: dict[str, str]) -> tuple[str, ...]:
    words = []
    for place in range(min(_number(fields.get("argc"), 0), 200)):
        parts = [fields[f"a{place}"]] if f"a{place}" in fields else []
        while f"a{place}[{len(parts)}]" in fields:
            parts.append(fields[f"a{place}[{len(parts)}]"])
        words.append(_plain("".join(_value(part) for part in parts))[:1000])
    return tuple(words)


def _value(value: str) -> str:
    if value.startswith('"'):
        return value[1:-1]
    try:
        return bytes.fromhex(value).decode("utf-8", "backslashreplace")
    except ValueError:
        return value


def _words(command: str) -> tuple[str, ...]:
    try:
        words = shlex.split(command)
    except ValueError:
        words = command.split()
    return tuple(_plain(word)[:1000] for word in words[:200])


def _number(text: str | None, otherwise: int = _UNSET) -> int:
    return int(text) if text is not None and text.isdecimal() and len(text) <= 12 else otherwise


def _moment(stamp: str, zone: tzinfo, now: datetime) -> datetime | None:
    """Return a stamp's moment; one without a year is of this year or, where that lies ahead, of the last."""
    if stamp[:4].isdecimal():
        try:
            return datetime.fromisoformat(stamp).astimezone(UTC)
        except (ValueError, OverflowError):
            return None
    for year in (now.year, now.year - 1):
        try:
            at = datetime.strptime(f"{year} {stamp}", "%Y %b %d %H:%M:%S").replace(tzinfo=zone).astimezone(UTC)
        except ValueError:
            continue
        if at <= now + timedelta(days=1):
            return at
    return None


def _is_of(host: str, wanted: Collection[str]) -> bool:
    return host.lower() in wanted


def _plain(text: str) -> str:
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)
