"""A target with sudo, accounts and logs of its own: a private mount namespace, prepared by the real setup scripts.

Nothing of this machine changes: /etc, /var and /usr/local are overlays that vanish with the target's sshd.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.lab.loopback_sshd import GATE, Lab, RunningSshd, running_sshd

from quarterdeck.access.api import sudo_setup_script, target_files

ACCOUNT = "maint"
_PRIVATE = """set -eu
lab=$1 setup=$2
shift 2
mount --make-rprivate /
mount -t tmpfs quarterdeck "$lab/over"
for name in etc var usr/local; do
    mkdir -p "$lab/over/up/$name" "$lab/over/work/$name"
    mount -t overlay overlay -o "lowerdir=/$name,upperdir=$lab/over/up/$name,workdir=$lab/over/work/$name" "/$name"
done
chmod -R a+rX "$lab/etc"
rm -rf /etc/sudoers.d /var/log/journal /var/log/auth.log* /var/log/wtmp
mkdir -m 755 /etc/sudoers.d
echo 'Defaults secure_path=/usr/sbin:/usr/bin:/sbin:/bin' > /etc/sudoers
echo 'root ALL=(ALL:ALL) ALL' >> /etc/sudoers
echo '@includedir /etc/sudoers.d' >> /etc/sudoers
chmod 440 /etc/sudoers
useradd -M -d /tmp -s /bin/bash maint
usermod -p '*' maint
if [ -n "$setup" ]; then sh "$setup" > "$lab/setup.log" 2>&1; fi
if [ -d "$lab/syslog" ]; then
    mkdir -p "$lab/over/dev/pts"
    for name in null zero full random urandom tty ptmx; do
        touch "$lab/over/dev/$name"
        mount --bind "/dev/$name" "$lab/over/dev/$name"
    done
    mount --rbind /dev/pts "$lab/over/dev/pts"
    ln -s "$lab/syslog/log" "$lab/over/dev/log"
    rsyslogd -i "$lab/syslog/pid" -f "$lab/syslog/conf"
    mount --rbind "$lab/over/dev" /dev
fi
exec "$@"
"""


def why_not_here() -> str:
    """Why no such target can run on this machine, empty when it can."""
    if os.geteuid() != 0:
        return "namespaces and sudo need root"
    missing = [name for name in ("sudo", "visudo", "unshare", "nsenter", "useradd") if shutil.which(name) is None]
    if missing:
        return f"{', '.join(missing)} is not installed"
    tried = subprocess.run(
        ["unshare", "-m", "sh", "-c", "mount -t tmpfs q /mnt && mkdir /mnt/u /mnt/w && "
         "mount -t overlay o -o lowerdir=/etc,upperdir=/mnt/u,workdir=/mnt/w /etc"],
        capture_output=True, check=False, timeout=30,
    )  # fmt: skip
    return "" if tried.returncode == 0 else "the kernel gives no private overlay"


needs_sudo_lab = pytest.mark.skipif(why_not_here() != "", reason=f"not run here: {why_not_here()}")


@dataclass(frozen=True)
class RaisedTarget:
    """The server and its namespace."""

    lab: Lab
    server: RunningSshd

    def inside(self, *words: str, user: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command on the target, as another user where named."""
        raised = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user else []
        return subprocess.run(
            ["nsenter", "-t", str(self.server.process.pid), "-m", *raised, *words],
            capture_output=True, text=True, check=check, timeout=60, cwd="/",
        )  # fmt: skip

    def sudo(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command by sudo as the account."""
        return self.inside("sudo", "-n", "--", *words, user=ACCOUNT, check=False)

    def rule(self, name: str) -> str:
        """Return the text of a file in /etc/sudoers.d, empty when it is not there."""
        return self.inside("cat", f"/etc/sudoers.d/{name}", check=False).stdout


_SYSLOG = """global(workDirectory="{folder}")
module(load="imuxsock" SysSock.Name="{folder}/log" SysSock.RateLimit.Interval="0")
template(name="lines" type="string" string="{template}")
auth,authpriv.* action(type="omfile" file="/var/log/auth.log" template="lines" asyncWriting="off")
"""
TRADITIONAL = "%TIMESTAMP% %HOSTNAME% %syslogtag%%msg:::sp-if-no-1st-sp%%msg:::drop-last-lf%\\n"
ISO = "%TIMESTAMP:::date-rfc3339% %HOSTNAME% %syslogtag%%msg:::sp-if-no-1st-sp%%msg:::drop-last-lf%\\n"


def _end_syslog(folder: Path) -> None:
    pid = folder / "pid"
    if pid.exists():
        os.kill(int(pid.read_text()), signal.SIGKILL)


@contextmanager
def raised_target(lab: Lab, *, with_helper: bool = True, syslog: str = "", more: str = "") -> Iterator[RaisedTarget]:
    """Run a target whose account `maint` was prepared for sudo under tickets.

    With a template for `syslog` its sshd logs to a real rsyslogd of its own; `more` is configuration of sshd.
    """
    folder = lab.folder / "syslog"
    if syslog:
        folder.mkdir()
        (folder / "conf").write_text(_SYSLOG.format(folder=folder, template=syslog))
    (lab.folder / "over").mkdir()
    setup = lab.folder / "sudo-setup.sh"
    setup.write_text(sudo_setup_script(hostname="web01", accounts=[ACCOUNT], authority=lab.target.public_key.line))
    script = lab.folder / "private.sh"
    script.write_text(_PRIVATE)
    files = target_files(
        hostname="web01", accounts=[ACCOUNT], authority=lab.target.public_key.line, gate_address=GATE,
        folder=str(lab.folder / "etc"), drop_in=str(lab.folder / "etc" / "drop-in.conf"),
    )  # fmt: skip
    lab.folder.chmod(0o755)
    inside = ("unshare", "-m", "sh", str(script), str(lab.folder), str(setup) if with_helper else "")
    with running_sshd(lab, files, inside=inside, to_syslog=bool(syslog), more=more) as server:
        try:
            yield RaisedTarget(lab, replace(server, destination=replace(server.destination, account=ACCOUNT)))
        finally:
            _end_syslog(folder)


def wait_until(holds: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait for a condition, with a deadline."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)
