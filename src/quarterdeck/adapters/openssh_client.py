"""The OpenSSH client as we run it: one strict command line, a pinned host key, nothing from any configuration file.

No escape character (a technician's `~C` would open listeners on the gate, attacks.md row 11), no multiplexing, no
agent, no forwarding, and `--` before the address. Used by the gate for the upstream and by measurements of targets.
"""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from quarterdeck.access.api import Destination
from quarterdeck.adapters.bounded_process import pump

CIPHERS = "aes256-gcm@openssh.com,aes128-gcm@openssh.com"
KEY_EXCHANGES = "ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,curve25519-sha256"
_FIXED_OPTIONS = (
    "ClearAllForwardings=yes",
    "PermitLocalCommand=no",
    "BatchMode=yes",
    "IdentitiesOnly=yes",
    "IdentityAgent=none",
    "AddKeysToAgent=no",
    "PreferredAuthentications=publickey",
    "PasswordAuthentication=no",
    "KbdInteractiveAuthentication=no",
    "GSSAPIAuthentication=no",
    "HostbasedAuthentication=no",
    "StrictHostKeyChecking=yes",
    "GlobalKnownHostsFile=none",
    "UpdateHostKeys=no",
    "VerifyHostKeyDNS=no",
    "CheckHostIP=no",
    "CanonicalizeHostname=no",
    "ForwardAgent=no",
    "ForwardX11=no",
    "Tunnel=no",
    "ProxyCommand=none",
    "ProxyJump=none",
    "ControlMaster=no",
    "ServerAliveInterval=15",
    "ServerAliveCountMax=4",
    "LogLevel=ERROR",
    f"Ciphers={CIPHERS}",
    f"KexAlgorithms={KEY_EXCHANGES}",
)
_NOT_IN_A_PATH = frozenset("\"\\'$\r\n\0")


@dataclass(frozen=True, slots=True)
class CredentialFiles:
    """The three files that one upstream connection reads: key, certificate, pinned host key; made mode 0600."""

    key: Path
    certificate: Path
    known_hosts: Path


@dataclass(frozen=True, slots=True)
class Credential:
    """A private key (OpenSSH PEM text) and the certificate line that the signer made for it."""

    private_key: str
    certificate: str


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a command on a target gave: exit status (255: ssh itself failed, -1: we ended it), output, diagnosis."""

    status: int
    stdout: bytes
    stderr: bytes
    ended_by: str


def upstream_argv(
    destination: Destination,
    files: CredentialFiles,
    *,
    command: str | None = None,
    terminal: bool = False,
    connect_timeout: int = 10,
    program: str = "ssh",
) -> list[str]:
    """Return the argument list of `ssh` for one connection; Refused or ValueError when a name or path is unsafe.

    `command` is passed as one argument after the address; None asks for a login shell.
    """
    checked = Destination(
        destination.hostname, destination.address, destination.port, destination.account, destination.host_identity
    )
    options = [
        *_FIXED_OPTIONS,
        f"UserKnownHostsFile={_config_path(files.known_hosts)}",
        f"HostKeyAlias={checked.hostname}",
        f"HostKeyAlgorithms={checked.host_key_algorithms}",
        f"IdentityFile={_config_path(files.key)}",
        f"CertificateFile={_config_path(files.certificate)}",
        f"ConnectTimeout={int(connect_timeout)}",
        f"RequestTTY={'force' if terminal else 'no'}",
    ]
    argv = [program, "-F", "none", "-e", "none", "-S", "none"]
    for option in options:
        argv += ["-o", option]
    argv += ["-p", str(checked.port), "-l", checked.account, "--", checked.address]
    return argv if command is None else [*argv, command]


def write_credential(folder: Path, destination: Destination, credential: Credential) -> CredentialFiles:
    """Write key, certificate and pinned host key into `folder` (must be 0700), each mode 0600, and name them."""
    written = CredentialFiles(folder / "key", folder / "key-cert.pub", folder / "known_hosts")
    for path, text in (
        (written.key, credential.private_key),
        (written.certificate, credential.certificate),
        (written.known_hosts, destination.known_hosts_line),
    ):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text.rstrip("\n") + "\n")
    return written


@contextlib.contextmanager
def credential_files(destination: Destination, credential: Credential) -> Iterator[CredentialFiles]:
    """Yield the three files in a private temporary folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="qd-upstream-") as folder:
        yield write_credential(Path(folder), destination, credential)


def run(
    destination: Destination,
    credential: Credential,
    *,
    command: str | None = None,
    stdin: bytes = b"",
    timeout: float,
    max_output: int = 1 << 20,
    connect_timeout: int = 10,
) -> RunResult:
    """Run one command on a target and return its output; ends it after `timeout` seconds or `max_output` bytes."""
    parts: list[bytes] = []
    status, stderr, ended_by = stream(
        destination,
        credential,
        parts.append,
        command=command,
        stdin=stdin,
        timeout=timeout,
        max_output=max_output,
        connect_timeout=connect_timeout,
    )
    return RunResult(status, b"".join(parts), stderr, ended_by)


def stream(
    destination: Destination,
    credential: Credential,
    sink: Callable[[bytes], object],
    *,
    command: str | None = None,
    stdin: bytes = b"",
    timeout: float,
    max_output: int,
    connect_timeout: int = 10,
) -> tuple[int, bytes, str]:
    """Run one command, hand its standard output to `sink` in pieces; return (status, standard error, why it ended).

    The last is `exit`, `timeout` or `too_much_output`; in the latter two the status is -1.
    """
    with credential_files(destination, credential) as files:
        argv = upstream_argv(destination, files, command=command, connect_timeout=connect_timeout)
        return pump(argv, sink, stdin=stdin, timeout=timeout, max_output=max_output)


def _config_path(path: Path) -> str:
    """Return `path` as a configuration value: absolute, quoted, `%` doubled; ValueError for what cannot be quoted."""
    text = str(path)
    if not path.is_absolute() or _NOT_IN_A_PATH & set(text):
        raise ValueError(f"ssh cannot be given this path: {text!r}")
    return '"' + text.replace("%", "%%") + '"'
