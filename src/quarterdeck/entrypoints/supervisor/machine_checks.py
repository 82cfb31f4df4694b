"""What doctor looks at on the machine, without the database: files, users, terminals, sshd, clock, disk."""

import ctypes
import os
import pwd
import shutil
import ssl
import stat
import subprocess
from collections.abc import Iterable
from pathlib import Path

from cryptography.hazmat.backends.openssl import backend

from quarterdeck.config.api import Settings
from quarterdeck.entrypoints.supervisor.findings import Finding, fine, note, wrong
from quarterdeck.entrypoints.supervisor.folders import private_files, private_folders

SSHD_PLACES = "/usr/sbin:/usr/local/sbin:/sbin:/usr/bin"
LEAST_FREE_BYTES = 1_000_000_000
LEAST_FREE_SHARE = 0.05
TIME_ERROR = 5
_LIBC = ctypes.CDLL(None)


def machine_findings(config: Settings) -> list[Finding]:
    """Return every finding about this machine."""
    return [
        settings_used(config),
        *permissions(config),
        *separation(config),
        terminals(),
        sshd(),
        *login(config),
        clock(),
        *disks((config.data_dir, config.objects_dir, config.sealer_folder)),
        cryptography_used(),
        module_used(),
    ]


def settings_used(config: Settings) -> Finding:
    """Say whose installation was looked at: the data folder, and where the settings come from (names, no values)."""
    named = sorted(name for name in os.environ if name.startswith("QD_") and name not in ("QD_CONFIG", "QD_DATA_DIR"))
    file = os.environ.get("QD_CONFIG", "")
    by = "QD_DATA_DIR" if "QD_DATA_DIR" in os.environ else file or "default, QD_DATA_DIR is not set"
    said = [f"Data folder {config.data_dir} ({by})"]
    said += [f"settings of {file}"] if file else []
    said += [f"from the environment {', '.join(named)}"] if named else []
    return fine("settings", "; ".join(said) + ".")


def permissions(config: Settings) -> list[Finding]:
    """Folders 0700 (the gate's 0710 where it logs in as a user of its own), files with secrets 0600."""
    if not config.data_dir.is_dir():
        return [wrong("permissions", f"{config.data_dir} holds no Quarterdeck yet.", "Run `qd init`.")]
    passed_through = {config.gate_dir, *([config.sealer_folder] if config.sealer_is_apart else [])}
    found = [_mode(folder, 0o067 if folder in passed_through else 0o077) for folder in private_folders(config)]
    found += [_mode(path, 0o077) for path in private_files(config)]
    bad = [finding for finding in found if finding is not None]
    return bad or [fine("permissions", "Folders and keys are their owner's alone.")]


def _mode(path: Path, forbidden: int) -> Finding | None:
    if not path.exists():
        return wrong("permissions", f"{path} is missing.", "Run `qd init`; what is there stays.")
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & forbidden:
        return wrong("permissions", f"{path} has mode {mode:04o}: others may use it.", f"Run chmod go= {path}.")
    return None


def separation(config: Settings) -> list[Finding]:
    """Say who protects whom: keys outside the data folder, processes as one user or several, root or not."""
    places = (config.data_dir, config.sealer_folder, config.signer_folder)
    found = [
        wrong("separation", f"{folder} lies inside the data folder.", "Move it beside, so that no copy holds a key.")
        for folder in (config.sealer_folder, config.signer_folder)
        if folder.resolve().is_relative_to(config.data_dir.resolve())
    ]
    if not all(folder.exists() for folder in places):
        return [*found, note("separation", "Not checked: there are no folders yet whose owners could differ.")]
    owners = {folder.stat().st_uid for folder in places}
    if len(owners) == 1:
        found.append(note("separation", "single-uid: all processes run as one user; none is protected from another."))
    if 0 in owners:
        found.append(
            note("separation", "The data belongs to root, so everything runs as root.", "Use `qd init --owner USER`.")
        )
    words = "are different users" if len(owners) == len(places) else "are not all of one user"
    return found or [fine("separation", f"Sealer, signer and the rest {words}.")]


def terminals() -> Finding:
    """True terminals need a devpts of group tty, or sshd of an ordinary user cannot give one."""
    try:
        leader, follower = os.openpty()
    except OSError as error:
        return wrong("terminals", f"No pseudo terminal can be opened ({error.strerror}).", "Mount devpts at /dev/pts.")
    try:
        group = os.fstat(follower).st_gid
    finally:
        os.close(leader)
        os.close(follower)
    if group != 5 and os.geteuid() != 0:
        return note(
            "terminals",
            f"Terminals belong to group {group}, not to tty (5): sshd of an ordinary user may refuse one.",
            "Mount devpts with gid=5,mode=620.",
        )
    return fine("terminals", "Pseudo terminals can be opened.")


def sshd() -> Finding:
    """The gate is OpenSSH."""
    missing = [name for name in ("sshd", "ssh", "ssh-keygen") if shutil.which(name, path=_path()) is None]
    if missing:
        return wrong("openssh", f"Missing: {', '.join(missing)}.", "Install openssh-server and openssh-client.")
    version = subprocess.run(["ssh", "-V"], capture_output=True, text=True, check=False).stderr.strip()
    return fine("openssh", version)


def login(config: Settings) -> list[Finding]:
    """The gate's user needs a passwd entry, a real shell and an account that is not locked."""
    uid = config.data_dir.stat().st_uid if config.data_dir.exists() else os.geteuid()
    name = config.gate_user
    try:
        account = pwd.getpwnam(name) if name else pwd.getpwuid(uid)
    except KeyError:
        return [wrong("gate user", f"User {name or uid} has no passwd entry.", "Make the user; sshd needs one.")]
    found = []
    shell = account.pw_shell or "/bin/sh"
    if not os.access(shell, os.X_OK) or shell.endswith(("/nologin", "/false")):
        found.append(wrong("gate user", f"{account.pw_name} has the shell {shell}.", "Run usermod -s /bin/sh on it."))
    if _is_locked(account.pw_name):
        next_step = f"Run usermod -p '*' {account.pw_name}."
        found.append(wrong("gate user", f"{account.pw_name} is locked; sshd refuses it.", next_step))
    return found or [fine("gate user", f"{account.pw_name} can be logged in by a certificate.")]


def _is_locked(name: str) -> bool:
    try:
        lines = Path("/etc/shadow").read_text().splitlines()
    except OSError:
        return False
    return any(line.startswith(f"{name}:!") for line in lines)


def clock() -> Finding:
    """The kernel's own word on whether the clock is kept by NTP (3.3.7)."""
    buffer = ctypes.create_string_buffer(512)
    if _LIBC.adjtimex(buffer) in (TIME_ERROR, -1):
        return note("clock", "The kernel says that its clock is not synchronised.", "Run chrony or systemd-timesyncd.")
    return fine("clock", "The clock is synchronised.")


def disks(folders: Iterable[Path]) -> list[Finding]:
    """Enough room, per file system."""
    seen: set[int] = set()
    found = []
    for folder in folders:
        if not folder.exists() or folder.stat().st_dev in seen:
            continue
        seen.add(folder.stat().st_dev)
        usage = shutil.disk_usage(folder)
        words = f"{usage.free / 1e9:.1f} GB free at {folder}."
        low = usage.free < LEAST_FREE_BYTES or usage.free / usage.total < LEAST_FREE_SHARE
        found.append(
            wrong("disk", words, "Make room: no session starts on a full disk.") if low else fine("disk", words)
        )
    return found


def cryptography_used() -> Finding:
    """Name the libraries; whether they are validated is for others to say (facts.md section 6)."""
    words = f"Python uses {ssl.OPENSSL_VERSION}; the cryptography package bundles {backend.openssl_version_text()}."
    return note("cryptography", f"{words} The kernel is in FIPS mode." if _fips_mode() else words)


def module_used() -> Finding:
    """Name what carries the sessions: the system's OpenSSL, its providers and the kernel's FIPS flag (3.13.11)."""
    version = _said("openssl", "version")
    providers = [
        line.strip().partition(": ")[2]
        for line in _said("openssl", "list", "-providers").splitlines()
        if line.strip().startswith("name:")
    ]
    flag = "The kernel is in FIPS mode." if _fips_mode() else "The kernel is not in FIPS mode."
    words = f"Sessions are carried by {version or 'an OpenSSL that does not answer'}"
    named = f" with {', '.join(providers)}" if providers else ""
    return note("module", f"{words}{named}. {flag} Whether a module is validated stands in its certificate.")


def _said(*words: str) -> str:
    try:
        return subprocess.run(words, capture_output=True, text=True, check=False, timeout=20).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


def _fips_mode() -> bool:
    try:
        return Path("/proc/sys/crypto/fips_enabled").read_text().strip() == "1"
    except OSError:
        return False


def _path() -> str:
    return f"{os.environ.get('PATH', '')}:{SSHD_PLACES}"
