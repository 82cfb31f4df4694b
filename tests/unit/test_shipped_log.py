"""A log file that a target shipped: which lines count, whose they are, and what nobody gets in by writing to a log."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from quarterdeck.activity.rules import witnessed
from quarterdeck.activity.shipped_log import shipped_log
from quarterdeck.activity.terms import Span

NOW = datetime(2026, 11, 23, 16, 0, tzinfo=UTC)
KEY = "SHA256:" + "A" * 43
LOGIN = (
    "2026-11-23T14:00:02+00:00 fs01 sshd[811]: Accepted publickey for maint from 10.0.0.5 port 40122 ssh2: "
    f"ECDSA-CERT {KEY} ID qd:MT-2026-00001 (serial 7) CA ECDSA {KEY}"
)
EPOCH = int(datetime(2026, 11, 23, 14, 1, tzinfo=UTC).timestamp())


def audit(kind: str, number: int, rest: str) -> str:
    return f"type={kind} msg=audit({EPOCH}.120:{number}): {rest}"


def call(number: int, ses: int, more: str = "", success: str = "yes") -> list[str]:
    return [
        audit("SYSCALL", number, f'success={success} pid=900 auid=1001 uid=1001 euid=0 tty=pts0 ses={ses}{more}'),
        audit("EXECVE", number, 'argc=3 a0="systemctl" a1="restart" a2=6E67696E7820782079'),
    ]  # fmt: skip


def read(*lines: str, **more: object):
    named = {"account": "maint", "hosts": {"fs01", "fs01.example.test"}, "serials": {7}, "zone": UTC, "now": NOW}
    return shipped_log("\n".join(lines), **{**named, **more})  # type: ignore[arg-type]


def span(session: str = "se_1", serials: tuple[int, ...] = (7,)) -> Span:
    return Span(session, NOW.replace(hour=14), NOW.replace(hour=14, minute=10), serials)


def test_commands_of_our_certificates_audit_session_are_exact() -> None:
    told = read(
        LOGIN, audit("LOGIN", 5, "pid=811 uid=0 old-auid=4294967295 auid=1001 ses=12 res=1"), *call(6, 12), *call(7, 13)
    )
    assert [one.argv for one in told.log.commands] == [("systemctl", "restart", "nginx x y")]
    (found,) = witnessed([span()], told.log, sudo_logged=False)
    assert (found.exact, found.sources, len(found.commands)) == (True, ("auditd",), 1)
    assert found.commands[0].run_as == "root"
    (other,) = witnessed([span("se_2", (8,))], told.log, sudo_logged=False)
    assert other.commands == told.log.commands, "without a serial of its own, by account and time"


def test_as_rsyslog_writes_it_with_looked_up_names_and_other_hosts() -> None:
    shipped = [
        f"Nov 23 15:01:00 fs01 audisp-syslog[77]: {line}" for line in call(6, 12, '#035ARCH=x86_64 AUID="maint"')
    ]
    foreign = [f"Nov 23 15:01:00 db09 audisp-syslog[77]: {line}" for line in call(8, 12, '#035AUID="maint"')]
    told = read(*shipped, *foreign, "no log line at all", serials=())
    assert (len(told.log.commands), told.foreign, told.odd) == (1, 2, 1)
    assert len(read(*call(6, 12, '\x1dAUID="other"'), serials=()).log.commands) == 0
    assert len(read(*call(6, 12, '\x1dAUID="maint"', success="no"), serials=()).log.commands) == 0


def test_sudo_by_account_time_and_zone() -> None:
    line = (
        "Nov 23 15:02:03 fs01 sudo: maint : TTY=pts/0 ; PWD=/home/maint ; USER=root ; COMMAND=/usr/bin/tee '/etc/a b'"
    )
    told = read(line, zone=ZoneInfo("Europe/Berlin"))
    (one,) = told.log.commands
    assert (one.argv, one.run_as, one.cwd) == (("/usr/bin/tee", "/etc/a b"), "root", "/home/maint")
    assert one.at == datetime(2026, 11, 23, 14, 2, 3, tzinfo=UTC)
    assert len(witnessed([span()], told.log, sudo_logged=False)[0].commands) == 1
    (late,) = witnessed([span()], read(line).log, sudo_logged=False)
    assert not late.available, "in another zone it is another time"
    denied = "Nov 23 15:02:03 fs01 sudo: maint : command not allowed ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/sh"
    assert read(denied, line.replace("maint :", "root :")).log.commands == ()
    rfc = "<86>1 2026-11-23T14:02:03.5Z fs01 sudo 99 - - maint : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/id"
    assert read(rfc).log.commands[0].argv == ("/bin/id",)


def test_an_audit_record_in_another_programs_text_is_none() -> None:
    lines = [f"2026-11-23T14:01:00Z fs01 app[5]: {line}" for line in call(6, 12, '\x1dAUID="maint"')]
    lines += [f"2026-11-23T14:01:00Z fs01 sshd[811]: Invalid user {line}" for line in call(7, 12, '\x1dAUID="maint"')]
    assert read(*lines).log.commands == ()


def test_nobody_begins_a_line_inside_a_message_of_his_own() -> None:
    for end in ("\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1e", "\r"):
        forged = end.join(["2026-11-23T14:01:00Z fs01 app[5]: hello", *call(6, 12, '\x1dAUID="maint"'), LOGIN])
        told = read(forged)
        assert (told.log.commands, told.log.logins) == ((), ()), repr(end)


def test_names_looked_up_stand_behind_the_record_and_in_no_program_name() -> None:
    raw = audit("SYSCALL", 6, 'success=yes pid=9 auid=1002 euid=0 tty=pts0 ses=44 comm="#035AUID=maint" key=(null)')
    assert read(raw, call(6, 44)[1], serials=()).log.commands == (), "the program is called so, its account is another"
    assert len(read(*call(6, 44, ' comm="a#035b"\x1dARCH=x86_64 AUID="maint"'), serials=()).log.commands) == 1


def test_odd_files_never_raise() -> None:
    for odd in ("", "\0\0\0", "type=EXECVE msg=audit(9.1:2): argc=99999999999", "Feb 30 15:02:03 fs01 sudo: x",
                "2026-13-45T99:00:00Z fs01 sudo: x", "0001-01-01T00:00:00+14:00 fs01 sudo: x",
                "9999-12-31T23:59:59-14:00 fs01 sudo: x", audit("SYSCALL", 1, "success=yes ses=-4"),
                audit("SYSCALL", 1, "a" * 60_000), audit("SYSCALL", 1, '"' * 60_000), audit("SYSCALL", 1, "a" * 70_000),
                "type=SYSCALL msg=audit(999999999999.000:1): success=yes"):  # fmt: skip
        assert read(odd).log.commands == ()
