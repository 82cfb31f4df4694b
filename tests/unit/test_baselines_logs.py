"""The collector's reading of logs, on captured lines in a folder of its own."""

import gzip
import json
import struct
import time
from pathlib import Path

import pytest

from quarterdeck.baselines.target import logs

T0 = 1795839063.822
# Captured from auditd 3.0.9 on Debian 12, ENRICHED format: the part after 0x1d is auditd's own translation.
AUDIT = """\
type=DAEMON_START msg=audit(1795839060.100:6600): op=start ver=3.0.9 format=enriched kernel=6.1 auid=0 pid=3179 uid=0 res=success
type=LOGIN msg=audit(1795839063.830:25): pid=3231 uid=0 old-auid=4294967295 auid=0 tty=(none) old-ses=4294967295 ses=1 res=1\x1dUID="root" AUID="root"
type=SYSCALL msg=audit(1795839063.834:26): arch=c000003e syscall=59 success=yes exit=0 items=2 ppid=3231 pid=3232 auid=0 uid=0 gid=0 euid=0 tty=pts0 ses=1 comm="ls" exe="/usr/bin/ls" key="mt_exec"\x1dARCH=x86_64 SYSCALL=execve AUID="root"
type=EXECVE msg=audit(1795839063.834:26): argc=4 a0="ls" a1=2F746D702F612062 a2=2F746D702F780A79 a3="-l"
type=CWD msg=audit(1795839063.834:26): cwd="/tmp"
type=SYSCALL msg=audit(1795839063.834:27): arch=c000003e syscall=59 success=no exit=-2 items=1 ppid=1 pid=3233 auid=0 uid=0 euid=0 tty=pts0 ses=1 comm="env" exe="/usr/bin/env" key="mt_exec"
type=SYSCALL msg=audit(1795839063.834:28): arch=c000003e syscall=59 success=yes exit=0 items=2 ppid=1 pid=3234 auid=1001 uid=0 euid=0 tty=pts0 ses=2 comm="id" exe="/usr/bin/id" key="mt_exec"
type=EXECVE msg=audit(1795839063.834:28): argc=1 a0="id"
type=SYSCALL msg=audit(1795839063.900:29): arch=c000003e syscall=59 success=yes exit=0 items=2 ppid=1 pid=3235 auid=4294967295 uid=0 euid=0 tty=(none) ses=4294967295 comm="long" exe="/usr/bin/long" key="mt_exec"
type=EXECVE msg=audit(1795839063.900:29): argc=2 a0="long" a1_len=6 a1[0]="abc" a1[1]="def"
"""  # noqa: E501


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine's log folders; the collector's places point there."""
    monkeypatch.setattr(logs, "AUTH_FILES", (str(tmp_path / "auth.log"),))
    monkeypatch.setattr(logs, "SUDO_LOGS", (str(tmp_path / "sudo-io"),))
    monkeypatch.setattr(logs, "AUDIT_FOLDER", str(tmp_path / "audit"))
    monkeypatch.setattr(logs, "WTMP", str(tmp_path / "wtmp"))
    (tmp_path / "audit").mkdir()
    return tmp_path


def test_audit_records_become_commands_with_their_words(system: Path) -> None:
    (system / "audit" / "audit.log").write_text(AUDIT)
    told = logs.audit_commands("root", T0 - 60)
    assert [one["argv"] for one in told["commands"]] == [  # type: ignore[attr-defined]
        ["ls", "/tmp/a b", "/tmp/x\ny", "-l"],
        ["long", "abcdef"],
    ]
    assert told["logins"] == [{"at": 1795839063.830, "pid": 3231, "ses": 1}]
    assert logs.audit_commands("root", T0 + 60)["commands"] == []


def test_rotated_and_packed_logs_are_read_back_to_the_moment(system: Path) -> None:
    iso = "2026-11-{day}T04:00:00.5+00:00 vm sshd[{pid}]: Accepted password for root from 1.2.3.4 port 5 ssh2\n"
    (system / "auth.log").write_text(iso.format(day=28, pid=3) + "2026-11-28T05:00:00Z vm cron[4]: Accepted nothing\n")
    (system / "auth.log.1").write_text(iso.format(day=20, pid=2))
    with gzip.open(system / "auth.log.2.gz", "wt") as packed:
        packed.write(iso.format(day=10, pid=1))
    (system / "auth.log.3").write_text("never reached: \0\n")
    since = logs.moment_of("2026-11-15T00:00:00Z", time.time())
    assert since is not None
    told = logs.auth_log(since)
    assert [one["pid"] for one in told["lines"]] == [2, 3]  # type: ignore[attr-defined]
    assert told["began"] is not None
    assert told["began"] < since  # type: ignore[operator]
    assert told["odd"] == 0


def test_both_kinds_of_time_and_lines_that_are_none() -> None:
    now = time.mktime((2027, 1, 2, 0, 0, 0, 0, 0, -1))
    december = logs.moment_of("Dec 31 23:59:58", now)
    assert december is not None
    assert now - december < 3 * 86400, "a line of December read in January is of the year before"
    assert logs.moment_of("Nov  8 00:00:01", now) is not None
    assert logs.moment_of("2026-11-28T05:30:00.25+01:30", now) == logs.moment_of("2026-11-28T04:00:00.25Z", now)
    assert logs.moment_of("yesterday", now) is None


def test_a_clock_that_was_set_back_shows(system: Path) -> None:
    lines = ["2026-11-28T05:00:00Z vm a[1]: x", "2026-11-28T03:00:00Z vm a[1]: x"]
    (system / "auth.log").write_text("\n".join(lines) + "\n")
    assert logs.auth_log(0.0)["back"] == 7200.0


def test_sudo_io_logs_are_read_without_environment_or_output(system: Path) -> None:
    folder = system / "sudo-io" / "quarterdeck" / "MT-2026-00001" / "00" / "00" / "01"
    folder.mkdir(parents=True)
    told = {
        "timestamp": {"seconds": int(T0), "nanoseconds": 5}, "submituser": "maint", "command": "/usr/bin/sh",
        "runuser": "root", "submitcwd": "/tmp", "runargv": ["sh", "-c", "echo hi; exit 3"],
        "runenv": ["SECRET=hunter2"],
    }  # fmt: skip
    (folder / "log.json").write_text(json.dumps(told))
    (folder / "ttyout").write_text("the output")
    (found,) = logs.sudo_commands("maint", T0 - 60)
    assert found["argv"] == ["sh", "-c", "echo hi; exit 3"]
    assert "hunter2" not in json.dumps(found)
    assert logs.sudo_commands("other", T0 - 60) == []


def test_wtmp_is_read_as_the_c_library_writes_it(system: Path) -> None:
    row = struct.pack("hi32s4s32s256shhiii4i20x", 7, 99, b"tty1", b"1", b"rescue", b"", 0, 0, 0, int(T0), 0, 0, 0, 0, 0)
    (system / "wtmp").write_bytes(row + row[:100])
    assert logs.wtmp(T0 - 60) == [{"at": float(int(T0)), "line": "tty1", "user": "rescue", "host": "", "pid": 99}]


def test_the_mode_takes_account_and_moment_only() -> None:
    with pytest.raises(SystemExit):
        logs.logs(["account=maint"])
    with pytest.raises(SystemExit):
        logs.logs(["account=maint", "since=1", "path=/etc/shadow"])
