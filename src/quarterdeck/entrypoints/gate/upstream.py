"""The upstream `ssh` from the gate to the target: its arguments, its start and what its log says when it fails.

Every option that could make the client do more than one session to one pinned host is shut (attacks.md rows 11, 12).
"""

import contextlib
import ctypes
import fcntl
import os
import re
import signal
import termios
from dataclasses import dataclass
from pathlib import Path

from quarterdeck.entrypoints.gate.asked import Asked
from quarterdeck.entrypoints.gate.profiles import PROFILES, of_environment
from quarterdeck.kernel.decision import Decision, refuse
from quarterdeck.kernel.names import is_account, is_address, is_host_identity, is_hostname, is_port
from quarterdeck.sessions.terms import Admitted, EndReason, Protocol, Work

SSH = "/usr/bin/ssh"
DIAL_SECONDS = 10
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)
_SCRATCH = "/tmp"  # noqa: S108  names are unguessable and folders private; sockets need short paths
_LAST_WORDS = 8192
OPTIONS = {
    "BatchMode": "yes",
    "CheckHostIP": "no",
    "ClearAllForwardings": "yes",
    "Compression": "no",
    "ConnectionAttempts": "1",
    "ConnectTimeout": str(DIAL_SECONDS),
    "ControlMaster": "no",
    "ForwardAgent": "no",
    "ForwardX11": "no",
    "GlobalKnownHostsFile": "none",
    "GSSAPIAuthentication": "no",
    "IdentityFile": "none",
    "KbdInteractiveAuthentication": "no",
    "LogLevel": "VERBOSE",
    "PasswordAuthentication": "no",
    "PermitLocalCommand": "no",
    "PreferredAuthentications": "publickey",
    "ProxyCommand": "none",
    "SendEnv": "LANG LC_ALL",
    "ServerAliveCountMax": "4",
    "ServerAliveInterval": "15",
    "StrictHostKeyChecking": "yes",
    "Tunnel": "no",
    "UpdateHostKeys": "no",
    "VerifyHostKeyDNS": "no",
}
_FAILURES = (
    (
        re.compile(r"Host key verification failed|IDENTIFICATION HAS CHANGED|No .* host key is known"),
        EndReason.HOST_IDENTITY,
        "The host that answered for {asset} is not the one whose identity was approved.",
        "Do not work around this: tell the IT lead, who compares the host key with the inventory.",
    ),
    (
        re.compile(r"Permission denied|Too many authentication failures|no such identity"),
        EndReason.TARGET_REFUSED,
        "{asset} does not accept the gate's certificate for the account {account}.",
        "The IT lead runs `qd gate target-setup` for this asset.",
    ),
)


def private_folder(prefix: str) -> Path:
    """Make a folder of an unused name that only this user enters, for sockets and small files of a moment."""
    path = Path(f"{_SCRATCH}/{prefix}{os.urandom(8).hex()}")
    path.mkdir(mode=0o700)
    return path


class Dial:
    """A private folder of one upstream connection: agent socket, pinned host identity, log.

    Written with plain calls of the system: each module that a session's process runs through costs every session
    memory of its own, since counting references unshares pages.
    """

    def __init__(self, admitted: Admitted) -> None:
        self.folder = private_folder("qd-dial-")
        self._log = -1
        self.log = f"{self.folder}/log"
        self.known_hosts = f"{self.folder}/known_hosts"
        written = os.open(self.known_hosts, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        os.write(written, known_hosts(admitted).encode("ascii"))
        os.close(written)

    def vanish(self) -> None:
        """Remove the folder once the client needs it no more; its log stays readable to us, also if we are killed."""
        if self._log >= 0:
            return
        with contextlib.suppress(OSError):
            self._log = os.open(self.log, os.O_RDONLY | os.O_CLOEXEC)
        with contextlib.suppress(OSError):
            for name in os.listdir(self.folder):
                os.unlink(f"{self.folder}/{name}")
            os.rmdir(self.folder)

    def close(self) -> None:
        """Remove the folder and what is in it."""
        self.vanish()
        if self._log >= 0:
            os.close(self._log)
            self._log = -1

    def log_text(self) -> str:
        """Return the last 8 KiB of the client's log."""
        self.vanish()
        if self._log < 0:
            return ""
        size = os.fstat(self._log).st_size
        return os.pread(self._log, _LAST_WORDS, max(0, size - _LAST_WORDS)).decode("utf-8", "replace")


def check_names(admitted: Admitted) -> Decision:
    """Answer whether every name that goes into the command line obeys its strict grammar, here once more."""
    obeys = (
        is_hostname(admitted.asset)
        and is_address(admitted.address)
        and is_port(admitted.port)
        and is_account(admitted.account)
        and all(is_host_identity(one) for one in (admitted.host_identity, *admitted.revoked_host_keys))
    )
    if obeys:
        return Decision()
    return refuse(
        "gate.connection_malformed",
        "The connection of this asset holds a name that can't be used safely in a command.",
        "The IT lead corrects the connection in the inventory; the ticket then needs a new approval.",
    )


def known_hosts(admitted: Admitted) -> str:
    """Return the whole known-hosts file: the pinned identity, and each host key that was given up."""
    given_up = "".join(f"@revoked * {key}\n" for key in admitted.revoked_host_keys)
    return known_hosts_line(admitted.asset, admitted.host_identity) + given_up


def known_hosts_line(asset: str, host_identity: str) -> str:
    """Return the one line of the pinned known-hosts file."""
    kind, key = host_identity.removeprefix("@cert-authority ").split(" ", 1)
    prefix = "@cert-authority " if host_identity.startswith("@") else ""
    return f"{prefix}{asset} {'ssh-rsa' if kind == 'rsa-sha2-512' else kind} {key}\n"


def arguments(admitted: Admitted, dial: Dial, agent: Path, asked: Asked, command: bytes | None) -> list[bytes]:
    """Return the argv of the upstream client; the command is one argument after `--`, passed byte for byte."""
    options = {
        **OPTIONS,
        "Ciphers": PROFILES[of_environment()].ciphers,
        "KexAlgorithms": PROFILES[of_environment()].kex,
        "HostKeyAlias": admitted.asset,
        "IdentityAgent": str(agent),
        "UserKnownHostsFile": dial.known_hosts,
        "RequestTTY": "force" if asked.work is Work.TERMINAL else "no",
    }
    argv = [SSH, "-F", "none", "-e", "none", "-S", "none", "-E", dial.log, "-l", admitted.account]
    argv += ["-p", str(admitted.port)]
    for name, value in options.items():
        argv += ["-o", f"{name}={value}"]
    subsystem = asked.protocol is Protocol.SFTP
    if subsystem:
        argv.append("-s")
    tail = [b"sftp"] if subsystem else [command] if command is not None else []
    return [argument.encode() for argument in (*argv, "--", admitted.address)] + tail


@dataclass(frozen=True, slots=True)
class Standard:
    """The three descriptors that a started client gets as 0, 1 and 2."""

    stdin: int
    stdout: int
    stderr: int


def start(argv: list[bytes], standard: Standard, environment: dict[str, str], *, terminal: bool) -> int:
    """Start the client in its own session and return its pid; it dies with this process, however that ends."""
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(255)
        for number, descriptor in enumerate((standard.stdin, standard.stdout, standard.stderr)):
            os.dup2(descriptor, number)
        if terminal:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        os.closerange(3, 1024)
        for number in (signal.SIGPIPE, signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        os.execve(SSH, argv, environment)  # noqa: S606  an absolute path, no shell
    finally:
        os._exit(255)


def explain_failure(log: str, admitted: Admitted) -> tuple[EndReason, str, str]:
    """Return reason, sentence and next step for a client that ended before it was logged in."""
    for pattern, reason, sentence, next_step in _FAILURES:
        if pattern.search(log):
            return reason, sentence.format(asset=admitted.asset, account=admitted.account), next_step
    detail = re.findall(r"port \d+: ([A-Z][A-Za-z ]{3,60})\r?$", log, re.MULTILINE)
    why = f" ({detail[-1]})" if detail else ""
    return (
        EndReason.TARGET_UNREACHABLE,
        f"{admitted.asset} did not answer on {admitted.address} port {admitted.port}{why}.",
        "Check that the host is up and that its firewall lets the gate in, then try again.",
    )


def connection_lost(log: str) -> bool:
    """True when the client's log says that an established connection broke."""
    return re.search(r"Connection reset|closed by remote host|not responding|Broken pipe", log) is not None


def logged_in(log: str) -> bool:
    """True when the client's log says that the target accepted the certificate."""
    return re.search(r"^Authenticated to ", log, re.MULTILINE) is not None
