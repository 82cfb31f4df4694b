"""The stage of the demo: folders, free ports, a mail server, a target `sshd`, `qd up`; all stopped at the end."""

import getpass
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage, Message
from email.parser import BytesParser
from email.policy import default as mail_policy
from functools import partial
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from quarterdeck.adapters.own_ports import bind_trouble

ACCOUNT = getpass.getuser()
LOOPBACK = "127.0.0.1"
READY_SECONDS = 60
PORTS_FROM, PORTS = 20_000, 12_000


class DemoFailed(Exception):
    """A step of the demo did not do what it must; the text says what was seen."""


# Without slots: aiosmtpd looks at every member, which Python 3.11.2 can't do on a slotted dataclass.
@dataclass
class Mailbox:
    """Receives every mail of the demo, as the approver's mail server does."""

    messages: list[tuple[str, Message]] = field(default_factory=list)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Keep the mail once per recipient (aiosmtpd calls this)."""
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        message = BytesParser(policy=mail_policy).parsebytes(content)
        self.messages += [(recipient, message) for recipient in envelope.rcpt_tos]
        return "250 kept"

    def attachments(self, recipient: str, name: str) -> list[bytes]:
        """Return every attachment of this name that the recipient was sent, oldest first."""
        found = []
        for to, message in list(self.messages):
            if to != recipient or not isinstance(message, EmailMessage):
                continue
            found += [
                bytes(part.get_content() if isinstance(part.get_content(), bytes) else part.get_content().encode())
                for part in message.iter_attachments()
                if part.get_filename() == name
            ]
        return found


@dataclass(frozen=True, slots=True)
class Ports:
    """Loopback ports of one run."""

    web: int
    gate: int
    target: int
    mail: int


@dataclass(slots=True)
class Stage:
    """Everything that stands while the demo runs."""

    folder: Path
    ports: Ports
    mailbox: Mailbox
    environment: dict[str, str]
    cleanup: ExitStack

    @property
    def tree(self) -> Path:
        """The target's configuration files, watched by the baseline."""
        return self.folder / "target" / "etc"

    @property
    def url(self) -> str:
        """Where the web and API answer."""
        return f"http://{LOOPBACK}:{self.ports.web}"

    def qd(self, *arguments: str, stdin: str | None = None, timeout: float = 120) -> str:
        """Run `qd` as any administrator does and return what it printed; DemoFailed with its words otherwise."""
        done = subprocess.run(
            [sys.executable, "-m", "quarterdeck.entrypoints.cli.main", *arguments],
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if done.returncode != 0:
            raise DemoFailed(f"qd {' '.join(arguments)} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout


def free_ports(count: int, first: int = 0) -> list[int]:
    """Return ports that nothing listens on now; `first` is taken as it is when not 0.

    They lie below those that the kernel gives to outgoing connections, one of which would have them before we listen.
    """
    ports: list[int] = []
    with ExitStack() as held:
        while len(ports) < count:
            probe = held.enter_context(socket.socket())
            with suppress(OSError):
                probe.bind((LOOPBACK, PORTS_FROM + secrets.randbelow(PORTS)))
                ports.append(int(probe.getsockname()[1]))
    return [first or ports[0], *ports[1:]]


@contextmanager
def set_up(folder: Path, web_port: int) -> Iterator[Stage]:
    """Build the stage in `folder` (made when missing) and stop all at the end; DemoFailed for a taken port."""
    trouble = bind_trouble(LOOPBACK, web_port) if web_port else ""
    if trouble:
        raise DemoFailed(f"Port {web_port} {trouble}; choose another (--port).")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    ports = Ports(*free_ports(4, web_port))
    with ExitStack() as cleanup:
        mailbox = Mailbox()
        controller = Controller(mailbox, hostname=LOOPBACK, port=ports.mail)
        controller.start()
        cleanup.callback(controller.stop)
        yield Stage(folder, ports, mailbox, _environment(folder, ports), cleanup)


def _environment(folder: Path, ports: Ports) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("QD_")}
    return kept | {
        "QD_DATA_DIR": str(folder / "data"),
        "QD_ORGANISATION": "Harbor Precision Works",
        "QD_TIME_ZONE": "America/New_York",
        "QD_LEDGER_ORIGIN": "harbor.example/quarterdeck",
        "QD_WEB_PORT": str(ports.web),
        "QD_GATE_PORT": str(ports.gate),
        "QD_SMTP_HOST": LOOPBACK,
        "QD_SMTP_PORT": str(ports.mail),
        "QD_MAIL_FROM": "quarterdeck@harbor.example",
        "QD_MAIL_GRADE": "independent",
        "QD_URL": f"http://{LOOPBACK}:{ports.web}",
        "HOME": str(folder / "home"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def start_quarterdeck(stage: Stage) -> None:
    """Run `qd up` and wait until its API answers; it ends with the stage."""
    (stage.folder / "home").mkdir(exist_ok=True, mode=0o700)
    log = stage.cleanup.enter_context((stage.folder / "quarterdeck.log").open("wb"))
    process = subprocess.Popen(
        [sys.executable, "-m", "quarterdeck.entrypoints.cli.main", "up"],
        env=stage.environment,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    stage.cleanup.callback(_stop, process)
    wait_for("Quarterdeck", process, stage.folder / "quarterdeck.log", partial(_all_ready, stage, process.pid))


def start_target(stage: Stage, files: dict[str, str], host_key: Path) -> None:
    """Run a real `sshd` that admits what `qd gate target-setup` says, and nothing else."""
    base = stage.folder / "target"
    for path, text in files.items():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(text)
        Path(path).chmod(0o644)
    drop_in = next(path for path in files if path.endswith(".conf"))
    config = base / "sshd_config"
    config.write_text(
        f"Include {drop_in}\nPort {stage.ports.target}\nListenAddress {LOOPBACK}\nHostKey {host_key}\n"
        f"PidFile {base}/pid\nStrictModes no\nUsePAM no\nSubsystem sftp internal-sftp\n"
    )
    log = stage.cleanup.enter_context((base / "sshd.log").open("wb"))
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    process = subprocess.Popen(
        [sshd_path(), "-D", "-e", "-f", str(config)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
    )
    stage.cleanup.callback(_stop, process)
    wait_for("the target's sshd", process, base / "sshd.log", partial(listens, stage.ports.target))


def sshd_path() -> str:
    """Return the path of OpenSSH's server, absolute as it wants; DemoFailed with the package's name when missing."""
    found = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise DemoFailed("There is no sshd on this machine. Install the package openssh-server.")
    return found


def wait_for(what: str, process: subprocess.Popen[bytes], log: Path, is_ready: Callable[[], bool]) -> None:
    """Return when it is ready; DemoFailed with the log's end when the process died or time is up."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if is_ready():
            return
        time.sleep(0.05)
    raise DemoFailed(f"{what} did not come up:\n{log.read_text(errors='replace')[-3000:]}")


def listens(port: int) -> bool:
    """True when something takes connections at this loopback port."""
    try:
        socket.create_connection((LOOPBACK, port), timeout=1).close()
    except OSError:
        return False
    return True


def _all_ready(stage: Stage, pid: int) -> bool:
    """True when the supervisor that we started says so; a port alone may answer for somebody else."""
    try:
        told = json.loads((stage.folder / "data" / "run" / "supervisor.json").read_text())
    except (OSError, ValueError):
        return False
    return bool(told["ready"] and told["pid"] == pid)


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)
