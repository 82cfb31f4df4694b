"""The gate's own `sshd`: its configuration, host key, start, and what its log says about logins.

The log line of an accepted certificate is a second witness beside the launcher's claim, and the only one for a
multiplexing master that never opens a channel (attacks.md rows 9 and 10).
"""

import ctypes
import os
import pwd
import re
import shlex
import signal
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

import quarterdeck_launcher
from quarterdeck.entrypoints.gate.processes import wait_in_line
from quarterdeck.entrypoints.gate.profiles import PROFILES, Profile
from quarterdeck.entrypoints.gate.wire import SFTP_MARKER
from quarterdeck.kernel.decision import Refused, refuse
from quarterdeck.kernel.names import is_address, is_port

SSHD = "/usr/sbin/sshd"
PRIVSEP_DIRECTORY = Path("/run/sshd")
OPEN_FOLDERS = Path("/run")
_PR_SET_PDEATHSIG = 1
_SAFE_PATH = re.compile(r"/[A-Za-z0-9._/@+-]*", re.ASCII)
_ACCEPTED = re.compile(
    r"Accepted publickey for \S+ from (\S+) port (\d+) ssh2: \S+-CERT \S+ ID .* \(serial (\d+)\) CA \S+ \S+\s*",
    re.ASCII,
)
_CONFIGURATION = """\
# Written by Quarterdeck at every start of the gate; changes here are lost.
ListenAddress {listen}
HostKey {host_key}
PidFile none
LogLevel VERBOSE
StrictModes no
UsePAM no
UseDNS no
AllowUsers {user}
PermitRootLogin {root}
AuthenticationMethods publickey
PubkeyAuthentication yes
PasswordAuthentication no
KbdInteractiveAuthentication no
HostbasedAuthentication no
PermitEmptyPasswords no
AuthorizedKeysFile none
TrustedUserCAKeys {entry_ca}
RevokedKeys {revoked}
AuthorizedPrincipalsFile {principals}
CASignatureAlgorithms ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521
PubkeyAcceptedAlgorithms {user_algorithms}
HostKeyAlgorithms ecdsa-sha2-nistp256
KexAlgorithms {kex}
Ciphers {ciphers}
MACs hmac-sha2-512-etm@openssh.com,hmac-sha2-256-etm@openssh.com
Compression no
ExposeAuthInfo yes
AcceptEnv LANG LC_ALL TERM
SetEnv SHLVL=2
PermitUserEnvironment no
PermitUserRC no
PrintMotd no
PrintLastLog no
DisableForwarding yes
AllowTcpForwarding no
AllowStreamLocalForwarding no
AllowAgentForwarding no
X11Forwarding no
PermitTunnel no
PermitOpen none
PermitListen none
GatewayPorts no
MaxSessions 32
MaxAuthTries 4
MaxStartups 60:30:100
PerSourceMaxStartups 30
LoginGraceTime 20
ClientAliveInterval 15
ClientAliveCountMax 4
Subsystem sftp {sftp_marker}
ForceCommand {launcher}
"""


@dataclass(frozen=True, slots=True)
class GateFolder:
    """The files of one gate: `root` has mode 0700.

    `doorway` holds what the user that `sshd` logs in must reach; it is `root` itself where that is our own user.
    """

    root: Path
    doorway: Path

    @property
    def host_key(self) -> Path:
        """Private host key."""
        return self.root / "host_key"

    @property
    def host_public_key(self) -> Path:
        """Public host key, one OpenSSH line."""
        return self.root / "host_key.pub"

    @property
    def entry_ca(self) -> Path:
        """Public key of the entry authority, the only one whose certificates open the gate."""
        return self.root / "entry_ca.pub"

    @property
    def revoked(self) -> Path:
        """Revocation list of entry certificates; `sshd` refuses everybody while it can't read it."""
        return self.root / "revoked_keys"

    @property
    def principals(self) -> Path:
        """The one principal that entry certificates carry."""
        return self.doorway / "principals"

    @property
    def user(self) -> Path:
        """Name of the OS user that technicians log in as, for the configuration that they are given."""
        return self.root / "user"

    @property
    def configuration(self) -> Path:
        """Generated configuration of `sshd`."""
        return self.root / "sshd_config"

    @property
    def connections(self) -> Path:
        """Connections seen by the running gate, for the next start to end what was left over."""
        return self.root / "connections"

    @property
    def socket_directory(self) -> Path:
        """Folder of the launcher's socket, mode 0700, owned by the user that `sshd` logs in."""
        return self.doorway / "socket"


@dataclass(frozen=True, slots=True)
class Login:
    """The OS user that every connection runs as; `own` is True for a user that serves nothing else."""

    name: str
    uid: int
    gid: int
    own: bool


def gate_folder(root: Path, login: Login, port: int) -> GateFolder:
    """Return the gate's files; a user of its own gets a doorway outside of the private data folder."""
    return GateFolder(root, OPEN_FOLDERS / f"quarterdeck-gate-{port}" if login.own else root)


def login_user(configured: str) -> Login:
    """Return the gate's own OS user when root runs us and one is configured, else the running user (single-uid)."""
    if configured and os.geteuid() == 0:
        try:
            entry = pwd.getpwnam(configured)
        except KeyError:
            raise Refused(
                refuse(
                    "gate.user_missing",
                    f"There is no OS user {configured!r} for the gate.",
                    "Create it, or remove gate_user from the settings.",
                )
            ) from None
        return Login(entry.pw_name, entry.pw_uid, entry.pw_gid, own=True)
    entry = pwd.getpwuid(os.geteuid())
    return Login(entry.pw_name, entry.pw_uid, entry.pw_gid, own=False)


def make_host_key(folder: GateFolder) -> str:
    """Create the ECDSA P-256 host key (0600) unless it exists; return the public line."""
    folder.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not folder.host_key.exists():
        key = ec.generate_private_key(ec.SECP256R1())
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
        )
        public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        write_private(folder.host_public_key, public + b"\n")
        write_private(folder.host_key, private)
    return folder.host_public_key.read_text(encoding="ascii").strip()


def write_private(path: Path, content: bytes) -> None:
    """Replace a file by one of mode 0600 in one step."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(descriptor)
    fresh.replace(path)


def prepare(
    folder: GateFolder,
    *,
    listen: str,
    port: int,
    login: Login,
    entry_ca: str,
    principal: str,
    profile: Profile = "fips",
) -> Path:
    """Write everything that `sshd` reads and return the configuration's path; raises Refused on unusable names."""
    if not is_address(listen) or not is_port(port):
        raise Refused(refuse("gate.address", f"{listen}:{port} is no address to listen on.", "Correct gate_host."))
    if re.fullmatch(r"[a-z0-9-]{1,64}", principal) is None or "\n" in entry_ca:
        raise Refused(refuse("gate.principal", "The entry authority's files are malformed.", "Run `qd doctor`."))
    make_host_key(folder)
    _open_doorway(folder, login)
    write_private(folder.entry_ca, entry_ca.encode("ascii") + b"\n")
    if not folder.revoked.exists():
        write_private(folder.revoked, b"")
    write_private(folder.user, login.name.encode() + b"\n")
    write_private(folder.principals, principal.encode("ascii") + b"\n")
    text = configuration(folder, f"[{listen}]:{port}" if ":" in listen else f"{listen}:{port}", login, profile)
    write_private(folder.configuration, text.encode("ascii"))
    if login.own:
        folder.principals.chmod(0o644)
    return folder.configuration


def configuration(folder: GateFolder, listen: str, login: Login, profile: Profile = "fips") -> str:
    """Return the text of the configuration; raises Refused when a path can't stand in it unquoted."""
    launcher = Path(quarterdeck_launcher.__file__).resolve().with_name("launch.py")
    for path in (folder.root, folder.doorway, launcher, Path(sys.executable)):
        if _SAFE_PATH.fullmatch(str(path)) is None:
            raise Refused(
                refuse(
                    "gate.path",
                    f"The path {str(path)!r} holds characters that can't stand in the gate's configuration.",
                    "Use a folder whose name has only letters, digits, dot, dash, plus, at and underscore.",
                )
            )
    command = [sys.executable, "-I", "-S", "-E", str(launcher), str(folder.socket_directory)]
    return _CONFIGURATION.format(
        listen=listen,
        host_key=folder.host_key,
        user=login.name,
        root="prohibit-password" if login.uid == 0 else "no",
        entry_ca=folder.entry_ca,
        revoked=folder.revoked,
        principals=folder.principals,
        user_algorithms=",".join(PROFILES[profile].users),
        kex=PROFILES[profile].kex,
        ciphers=PROFILES[profile].ciphers,
        sftp_marker=SFTP_MARKER,
        launcher=shlex.join(command),
    )


def _open_doorway(folder: GateFolder, login: Login) -> None:
    """Make the folder of the launchers' socket; a user of the gate's own may pass through to it and no further."""
    if folder.doorway != folder.root:
        folder.doorway.mkdir(mode=0o711, exist_ok=True)
        folder.doorway.chmod(0o711)
        known_place = folder.root / "socket"
        if not known_place.is_symlink():
            known_place.symlink_to(folder.socket_directory)
    folder.socket_directory.mkdir(mode=0o700, exist_ok=True)
    os.chown(folder.socket_directory, login.uid, login.gid)


def start(configuration_file: Path) -> subprocess.Popen[bytes]:
    """Start `sshd` in the foreground with its log on a pipe; it stops accepting when this process ends."""
    if os.geteuid() == 0 and not PRIVSEP_DIRECTORY.exists():
        PRIVSEP_DIRECTORY.mkdir(mode=0o755)
    parent = os.getpid()

    def follow_us() -> None:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(255)
        wait_in_line()

    return subprocess.Popen(
        [SSHD, "-D", "-e", "-f", str(configuration_file)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
        preexec_fn=follow_us,
        start_new_session=True,
    )


@dataclass(frozen=True, slots=True)
class Accepted:
    """A login that `sshd` accepted: where from, and the serial of the certificate."""

    address: str
    port: int
    serial: int


def accepted(line: str) -> Accepted | None:
    """Return the login that this line of `sshd`'s log reports, None for any other line."""
    match = _ACCEPTED.fullmatch(line)
    return Accepted(match[1], int(match[2]), int(match[3])) if match else None


def listens(line: str) -> bool:
    """True for the line that says that `sshd` takes connections from now on."""
    return line.startswith("Server listening on ")


def connects(line: str) -> bool:
    """True for the line that says that somebody has connected, before anything is known of them."""
    return line.startswith("Connection from ")


def private_enough(path: Path) -> bool:
    """True when nobody but root and us can replace the folder or one above it; sticky folders count as private."""
    for folder in (path, *path.parents):
        status = folder.stat()
        writable = status.st_mode & 0o022 and not status.st_mode & stat.S_ISVTX
        if status.st_uid not in (0, os.geteuid()) or writable:
            return False
    return True
