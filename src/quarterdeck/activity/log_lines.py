"""Lines of login logs as logins. Pure. Every name in a line is somebody's choice: the patterns fit whole lines only.

A line that says `Accepted` and is understood in no other way is a login of its own kind, never nothing.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from quarterdeck.activity.terms import Gap, How, SeenCommand, SeenLogin, TargetLog

_ACCEPTED = re.compile(
    r"Accepted (\S{1,40}) for (\S{1,64}) from (\S{1,64}) port ([0-9]{1,5}) ssh2(?:: (.*))?", re.ASCII
)
# A foreign authority may write into its key id what it likes; ours are of this grammar, and the CA comes last.
_CERTIFICATE = re.compile(
    r"\S+-CERT SHA256:[A-Za-z0-9+/]{43} ID ([A-Za-z0-9._:@=+-]{1,200}) \(serial ([0-9]{1,19})\) "
    r"CA \S+ (SHA256:[A-Za-z0-9+/]{43})",
    re.ASCII,
)
_SERVER_SAYS = re.compile(r"Accepted (?:certificate ID|key|keyboard-interactive/pam challenge)", re.ASCII)
_CONSOLE = re.compile(r"(?:ROOT )?LOGIN ON (\S{1,40})(?: BY (\S{1,64}))?(?: FROM (\S{1,64}))?", re.ASCII)
_SU = re.compile(r"\(to (\S{1,64})\) (\S{1,64}) on (\S{1,40})|Successful su for (\S{1,64}) by (\S{1,64})", re.ASCII)
_PAM = re.compile(
    r"pam_unix\(([a-z-]+):session\): session opened for user ([^\s(]{1,64})(?:\(uid=[0-9]+\))? by (.*)", re.ASCII
)
_NOT_A_LOGIN = ("sshd", "sudo", "cron", "systemd-user", "runuser", "atd")
_SAME = timedelta(seconds=2)
MOST_JUMP = 60.0
MAY_DIFFER = timedelta(minutes=5)


def target_log(document: Mapping[str, object], *, account: str, since: datetime, now: datetime) -> TargetLog:
    """Return what the `logs` mode answered of this account; ValueError when it is not of its form."""
    clock = document.get("clock")
    offset = _moment(float(str(clock.get("value")))) - now if isinstance(clock, dict) else timedelta(0)
    auth, auth_said = _part(document, "auth")
    audit, audit_said = _part(document, "audit")
    sudo, sudo_said = _part(document, "sudo")
    wtmp, wtmp_said = _part(document, "wtmp")
    days, _ = _part(document, "passwords")
    logins = _consoles_of(wtmp)
    source, gap, said = "", Gap.NO_LOG, f"The login log could not be read: {auth_said}; wtmp: {wtmp_said or 'read'}."
    if isinstance(auth, dict):
        logins = _merged(_logins(_rows(auth.get("lines"))), logins)
        source = _plain(str(auth.get("source", "")))[:40]
        gap, said = _gap(auth, since + offset, offset)
    audited = audit if isinstance(audit, dict) else {}
    return TargetLog(
        source=source,
        logins=tuple(logins),
        gap=gap,
        said=said,
        offset=offset,
        commands=tuple(sorted(_commands(audited, sudo), key=lambda one: one.at)),
        audit_sessions={_number(row.get("pid")): _number(row.get("ses")) for row in _rows(audited.get("logins"))},
        audit_said=_audit_words(audit_said, audited, account),
        sudo_said=sudo_said,
        password_days={str(name): _number(day) for name, day in days.items()} if isinstance(days, dict) else {},
    )


def _part(document: Mapping[str, object], name: str) -> tuple[object, str]:
    """Return an answer's value and, where there is none, why."""
    found = document.get(name)
    if not isinstance(found, dict):
        raise ValueError(f"the collector's logs say nothing of {name}")
    return found.get("value"), "" if "value" in found else _plain(str(found.get("error", "unknown")))[:200]


def _rows(value: object) -> list[dict[str, object]]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise ValueError("the collector's logs are not of their form")
    return value


def _number(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else int(str(value))


def _moment(seconds: object) -> datetime:
    return datetime.fromtimestamp(float(str(seconds)), UTC)


def _plain(text: str) -> str:
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def _gap(auth: Mapping[str, object], since: datetime, offset: timedelta) -> tuple[Gap, str]:
    """Say what is missing in a log, the worst first; what it shows is used all the same."""
    began = auth.get("began")
    if auth.get("cut"):
        return Gap.CUT, "The log holds more logins than are read at once; the oldest are missing."
    if began is None or _moment(began) > since:
        from_ = "nothing" if began is None else f"{_moment(began):%Y-%m-%d %H:%M} UTC"
        return Gap.BEGINS_LATE, f"The log begins later than was asked for: {from_}. It was rotated, emptied or is new."
    if float(str(auth.get("back", 0))) > MOST_JUMP or abs(offset) > MAY_DIFFER:
        return Gap.JUMPS, "The target's clock was set back or differs from ours, so moments in its log are not certain."
    return Gap.NONE, ""


def _logins(rows: Sequence[Mapping[str, object]]) -> list[SeenLogin]:
    found: list[SeenLogin] = []
    for row in rows:
        text, tag = _plain(str(row.get("text", "")))[:1000], str(row.get("tag", ""))
        login = login_of(_moment(row.get("at")), tag, _number(row.get("pid", 0)), text)
        if login is not None and not any(_is_same(login, other) for other in found[-20:]):
            found.append(login)
    return found


def _is_same(one: SeenLogin, other: SeenLogin) -> bool:
    """PAM and the program both tell of one change of user or one login at a console."""
    twice = one.how in (How.SU, How.CONSOLE) and one.pid == other.pid and one.account == other.account
    return twice and one.how is other.how and abs(one.at - other.at) <= _SAME


def login_of(at: datetime, tag: str, pid: int, text: str) -> SeenLogin | None:
    """Return the login that a line of this program tells of, None when it tells of none."""
    if tag.startswith("sshd"):
        return _over_ssh(at, pid, text)
    console = _CONSOLE.fullmatch(text)
    if console is not None:
        where = console[3] or console[1]
        return SeenLogin(at, How.CONSOLE, console[2] or "root", where, pid, text)
    su = _SU.fullmatch(text)
    if su is not None:
        return SeenLogin(at, How.SU, su[1] or su[4], su[2] or su[5], pid, text)
    pam = _PAM.fullmatch(text)
    if pam is None or pam[1] in _NOT_A_LOGIN:
        return None
    changed = pam[1] in ("su", "su-l")
    return SeenLogin(at, How.SU if changed else How.CONSOLE, pam[2], "" if changed else pam[1], pid, text)


def _over_ssh(at: datetime, pid: int, text: str) -> SeenLogin | None:
    accepted = _ACCEPTED.fullmatch(text)
    if accepted is None:
        if not text.startswith("Accepted ") or _SERVER_SAYS.match(text):
            return None
        return SeenLogin(at, How.OTHER, "", "", pid, text)
    method, account, source, more = accepted[1], accepted[2], accepted[3], accepted[5] or ""
    certificate = _CERTIFICATE.fullmatch(more)
    if method == "publickey" and certificate is not None:
        return SeenLogin(
            at, How.CERTIFICATE, account, source, pid, text, int(certificate[2]), certificate[1], certificate[3]
        )
    if method == "publickey":
        how = How.CERTIFICATE if "-CERT " in more else How.KEY
    else:
        how = How.PASSWORD if method in ("password", "keyboard-interactive/pam", "none") else How.OTHER
    return SeenLogin(at, how, account, source, pid, text)


def _consoles_of(wtmp: object) -> list[SeenLogin]:
    """Logins at a console as wtmp keeps them; those over ssh are in the login log, with how they came."""
    found = []
    for row in _rows(wtmp):
        user, line = _plain(str(row.get("user")))[:64], _plain(str(row.get("line")))[:40]
        if line.startswith(("tty", "console", ":", "hvc")):
            told = f"wtmp: {user} on {line}"
            found.append(SeenLogin(_moment(row.get("at")), How.CONSOLE, user, line, _number(row.get("pid")), told))
    return found


def _merged(told: list[SeenLogin], kept: list[SeenLogin]) -> list[SeenLogin]:
    """Both logs' logins, those at a console once."""
    more = [
        one
        for one in kept
        if not any(
            other.how is How.CONSOLE and other.account == one.account and abs(other.at - one.at) <= _SAME
            for other in told
        )
    ]
    return sorted([*told, *more], key=lambda one: one.at)


def _commands(audit: Mapping[str, object], sudo: object) -> list[SeenCommand]:
    found = [
        SeenCommand(
            at=_moment(row.get("at")), origin="auditd", argv=_words(row.get("argv")), run_as=_uid(row.get("run_as")),
            tty=_plain(str(row.get("tty", "")))[:40], ses=_number(row.get("ses")),
        )
        for row in _rows(audit.get("commands"))
    ]  # fmt: skip
    for row in _rows(sudo):
        exit_status = row.get("exit")
        found.append(
            SeenCommand(
                at=_moment(row.get("at")),
                origin="sudo",
                argv=_words(row.get("argv")),
                run_as=_plain(str(row.get("run_as", "")))[:64],
                cwd=_plain(str(row.get("cwd", "")))[:400],
                tty=_plain(str(row.get("tty") or ""))[:40],
                exit_status=exit_status if isinstance(exit_status, int) else None,
            )
        )
    return found


def _uid(value: object) -> str:
    return "root" if str(value) == "0" else f"uid {_plain(str(value))[:12]}"


def _words(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError("a command in the collector's logs is not of its form")
    return tuple(_plain(str(word))[:1000] for word in value[:200])


def _audit_words(said: str, audit: Mapping[str, object], account: str) -> str:
    if said:
        return said
    return "" if audit.get("commands") else f"it holds no command of {account} (is there a rule for execve?)"
