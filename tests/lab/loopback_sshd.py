"""A real sshd on an ephemeral loopback port, prepared like a target (or like a gate) and stopped with its test."""

import getpass
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.ports import free_port

from quarterdeck.access.api import Destination, target_files
from quarterdeck.adapters.openssh_ca import CertificateAuthority, init_keys

SSHD = shutil.which("sshd") or "/usr/sbin/sshd"
ACCOUNT = getpass.getuser()
GATE = "127.0.0.1"


@dataclass(frozen=True)
class Lab:
    """Both authorities, and a folder for the servers of one test."""

    folder: Path
    entry: CertificateAuthority
    target: CertificateAuthority


@dataclass(frozen=True)
class RunningSshd:
    """A server that answers on `destination`; its configuration and log for a look."""

    destination: Destination
    config: Path
    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")


@contextmanager
def lab_folder() -> Iterator[Lab]:
    """A private folder that sshd accepts, with both authorities' keys."""
    folder = Path(tempfile.mkdtemp(prefix="qd-lab-"))
    try:
        init_keys(folder / "signer")
        yield Lab(
            folder,
            CertificateAuthority.from_file(folder / "signer" / "entry_ca"),
            CertificateAuthority.from_file(folder / "signer" / "target_ca"),
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def prepared_files(lab: Lab, hostname: str = "web01", authority: CertificateAuthority | None = None) -> dict[str, str]:
    """The files of `target_files`, in the lab's folder instead of /etc/ssh."""
    return target_files(
        hostname=hostname,
        accounts=[ACCOUNT],
        authority=(authority or lab.target).public_key.line,
        gate_address=GATE,
        folder=str(lab.folder / "etc"),
        drop_in=str(lab.folder / "etc" / "drop-in.conf"),
    )


@contextmanager
def running_sshd(
    lab: Lab,
    files: dict[str, str],
    *,
    name: str = "target",
    more: str = "",
    options: tuple[str, ...] = (),
    inside: tuple[str, ...] = (),
    to_syslog: bool = False,
) -> Iterator[RunningSshd]:
    """Run sshd on these files; `more` stands after the drop-in, as an old configuration would.

    `inside` are words before the command, such as those that enter a namespace; the log goes to a file or to syslog.
    """
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    folder = lab.folder / name
    folder.mkdir()
    for path, text in files.items():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(text)
        Path(path).chmod(0o644)
    key = folder / "host_key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-C", "", "-f", str(key)], check=True, timeout=20)
    port = free_port()
    config = folder / "sshd_config"
    drop_in = next((path for path in files if path.endswith("drop-in.conf")), "")
    config.write_text(
        (f"Include {drop_in}\n" if drop_in else "")
        + f"Port {port}\nListenAddress 127.0.0.1\nHostKey {key}\nPidFile {folder}/pid\n"
        + f"StrictModes no\nUsePAM no\n{more}"
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*inside, SSHD, "-D", *([] if to_syslog else ["-e"]), "-f", str(config), *options],
            stdin=subprocess.DEVNULL,
            stderr=log,
        )
    identity = " ".join(key.with_suffix(".pub").read_text().split()[:2])
    try:
        _wait_for(port, process, folder / "log")
        yield RunningSshd(Destination("web01", "127.0.0.1", port, ACCOUNT, identity), config, folder, process)
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
                if connection.recv(4) == b"SSH-":
                    return
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.02)
    raise AssertionError("sshd did not start: " + log.read_text(errors="replace"))
