"""A gate and a target on loopback: real `sshd`, real `ssh`, and an admission desk that keeps its books in files.

The desk is small but real: it verifies certificates, windows and revocation, issues target certificates from a second
authority, and writes what it decided to a journal. Run as a program it is the gate's process.
"""

import base64
import contextlib
import fcntl
import hashlib
import logging
import os
import pty
import pwd
import re
import secrets
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    SSHCertificateBuilder,
    SSHCertificateType,
    load_ssh_private_key,
    load_ssh_public_identity,
    load_ssh_public_key,
)
from tests.lab.gate_books import Books, utc_now
from tests.lab.overseeing import FileHeads, supervised
from tests.ports import free_port
from tests.waiting import wait_for

from quarterdeck.access.revocation_lists import Revoked, revocation_list
from quarterdeck.entrypoints.gate.opening import Site, open_gate
from quarterdeck.entrypoints.gate.sshd import gate_folder, login_user
from quarterdeck.kernel.clock import SystemClock, parse_rfc3339, rfc3339
from quarterdeck.kernel.decision import ALLOWED, Refused, refuse
from quarterdeck.sessions.rules import may_begin
from quarterdeck.sessions.terms import Admitted, Allowance, EndReason, Standing

ENTRY_PRINCIPAL = "qd-entry-lab"
ASSET = "web01"
GATE_USER = os.environ.get("QD_TEST_GATE_USER", "")  # an OS user of the gate's own; needs root
OPENSSH = (serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)


def new_key(path):
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    path.write_bytes(private)
    path.chmod(0o600)
    public = key.public_key().public_bytes(*OPENSSH).decode()
    path.with_name(path.name + ".pub").write_text(public + "\n")
    return key


def sign(authority, public_key, *, principal, serial, seconds, key_id="lab", options=None, start=-5, forwarding=False):
    now = int(time.time())
    builder = (
        SSHCertificateBuilder()
        .public_key(public_key)
        .type(SSHCertificateType.USER)
        .serial(serial)
        .key_id(key_id.encode())
        .valid_principals([principal.encode()])
        .valid_after(now + start)
        .valid_before(now + seconds)
        .add_extension(b"permit-pty", b"")
    )
    if forwarding:
        builder = builder.add_extension(b"permit-port-forwarding", b"")
    for name, value in (options or {}).items():
        builder = builder.add_critical_option(name, value)
    return builder.sign(authority).public_bytes().decode()


class BookDesk:
    """An admission desk over `Books`."""

    def __init__(self, folder):
        self.folder = folder
        self.books = Books(folder)
        self._entry = load_ssh_public_key((folder / "entry_ca.pub").read_bytes())
        self._target = load_ssh_private_key((folder / "target_ca").read_bytes(), None)
        self._serial = int(time.time() * 1000)
        self._lock = threading.Lock()

    def admit(self, presented):
        blob = presented.certificate
        kind = blob[4 : 4 + int.from_bytes(blob[:4], "big")]
        certificate = load_ssh_public_identity(kind + b" " + base64.b64encode(blob))
        try:
            certificate.verify_cert_signature()
        except InvalidSignature:
            raise Refused(refuse("lab.signature", "Bad signature.")) from None
        if certificate.signature_key().public_bytes(*OPENSSH) != self._entry.public_bytes(*OPENSSH):
            raise Refused(refuse("lab.authority", "Another authority."))
        with self.books.changing() as books:
            grant = books["grants"].get(str(certificate.serial))
            self._check(grant, hashlib.sha256(blob).hexdigest())
            allowance = Allowance(**grant.get("allowance", {}))
            may_begin(allowance, presented.work, presented.protocol).require()
            session = "se_" + secrets.token_hex(8)
            books["running"][session] = certificate.serial
        self.books.note("began", session=session, serial=certificate.serial, work=presented.work)
        return Admitted(
            session=session,
            ticket="MT-2026-00001",
            person="pe_max",
            asset=grant["asset"],
            address=grant["address"],
            port=grant["port"],
            account=grant["account"],
            host_identity=grant["host_identity"],
            serial=certificate.serial,
            at=utc_now(),
            window_until=parse_rfc3339(grant["until"]),
            grace_seconds=grant["grace"],
            allowance=allowance,
            idle_seconds=grant.get("idle", 0),
            screen=grant.get("screen", True),
            escort=grant.get("escort", ""),
        )

    def extend(self, certificate, minutes, reason):
        digest = hashlib.sha256(certificate).hexdigest()
        with self.books.changing() as books:
            grant = next((one for one in books["grants"].values() if one["sha256"] == digest), None)
            self._check(grant, digest)
            until = parse_rfc3339(grant["until"]) + timedelta(minutes=minutes)
            grant["until"] = rfc3339(until)
        self.books.note("extended", minutes=minutes, reason=reason)
        return f"Granted until {rfc3339(until)}."

    def _check(self, grant, digest):
        sentence = ""
        if grant is None:
            sentence = "This certificate belongs to no grant."
        elif grant["sha256"] != digest:
            sentence = "This certificate is not the one that was issued."
        elif grant["revoked"]:
            sentence = "Your access was revoked."
        elif utc_now() >= parse_rfc3339(grant["until"]):
            sentence = "The window has ended."
        if sentence:
            self.books.note("refused", sentence=sentence)
            raise Refused(refuse("lab.refused", sentence, "Ask the lab."))

    def recheck(self, session):
        books = self.books.read()
        grant = books["grants"][str(books["running"][session])]
        if grant["revoked"]:
            return refuse("lab.revoked", "Your access was revoked while the target was dialled.", "Ask the lab.")
        if utc_now() >= parse_rfc3339(grant["until"]):
            return refuse("lab.window", "The window has ended while the target was dialled.", "Ask the lab.")
        return ALLOWED

    def certify(self, session, public_key):
        self.recheck(session).require()
        if self.books.read().get("signer_gone"):
            raise Refused(refuse("lab.signer", "The signer does not answer.", "Run `qd doctor`."))
        grant = self.books.read()["grants"][str(self.books.read()["running"][session])]
        with self._lock:
            self._serial += 1
            serial = self._serial
        return sign(
            self._target,
            load_ssh_public_key(public_key.encode()),
            principal=f"qd:{grant['account']}@{grant['asset']}",
            serial=serial,
            seconds=90,
            options={b"source-address": self.books.read().get("sources", "127.0.0.1/32,::1/128").encode()},
        )

    def change_counter(self):
        return self.books.read()["counter"]

    def revocation_mark(self):
        return self.change_counter()

    def revoked(self):
        serials = {int(serial) for serial, grant in self.books.read()["grants"].items() if grant["revoked"]}
        line = (self.folder / "entry_ca.pub").read_text().strip()
        return revocation_list(Revoked(line, frozenset(serials)), utc_now()), tuple(sorted(serials))

    def standing(self, serials):
        grants = self.books.read()["grants"]
        return {
            serial: Standing(
                may_stay=not grants[str(serial)]["revoked"],
                until=parse_rfc3339(grants[str(serial)]["until"]),
                grace_seconds=grants[str(serial)]["grace"],
                reason=EndReason.REVOKED,
            )
            for serial in serials
            if str(serial) in grants
        }

    def supervision(self, sessions):
        books = self.books.read()
        return {one: supervised(books, one) for one in sessions if one in books["running"]}

    def escort_left(self, session):
        self.books.note("escort_left", session=session)

    def seal(self, ending):
        with self.books.changing() as books:
            books["running"].pop(ending.session, None)
        fields = {**asdict(ending), "recording": str(ending.recording) if ending.recording else None}
        for name in ("session_terminated", "network_terminated"):
            fields[name] = rfc3339(fields[name]) if fields[name] else None
        self.books.note("sealed", **fields)

    def disconnected(self, sessions, at):
        self.books.note("disconnected", sessions=list(sessions))

    def denied(self, what, serial):
        self.books.note("denied", what=str(what), serial=serial)

    def orphans(self):
        return list(self.books.read()["running"])

    def still_connected(self):
        gone = {one for entry in self.books.journal("disconnected") for one in entry["sessions"]}
        sealed = [entry for entry in self.books.journal("sealed") if not entry["network_terminated"]]
        return [entry["session"] for entry in sealed if entry["session"] not in gone]


def answers(port, host="127.0.0.1"):
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((host, port)) == 0 and probe.recv(4) == b"SSH-"


def has_ipv6():
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
        return True
    return False


def at(host, port):
    """Return address and port as OpenSSH writes them in lists and configurations."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class TargetSshd:
    """A target: an `sshd` that trusts the target authority and knows one principal."""

    def __init__(self, folder, asset=ASSET, more="Subsystem sftp internal-sftp\n", host="127.0.0.1", inside=()):
        self.folder = folder / f"target-{asset}"
        self.folder.mkdir()
        self.port = free_port()
        self.host = host
        self.asset = asset
        self.account = pwd.getpwuid(os.geteuid()).pw_name
        new_key(self.folder / "host_key")
        self.host_identity = (self.folder / "host_key.pub").read_text().strip()
        (self.folder / "principals").write_text(f"qd:{self.account}@{asset}\n")
        configuration = self.folder / "sshd_config"
        configuration.write_text(
            f"ListenAddress {at(host, self.port)}\nHostKey {self.folder}/host_key\nPidFile none\nUsePAM no\n"
            f"StrictModes no\nTrustedUserCAKeys {folder}/target_ca.pub\n"
            f"AuthorizedPrincipalsFile {self.folder}/principals\nAuthorizedKeysFile none\nPasswordAuthentication no\n"
            "KbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\nLogLevel VERBOSE\n"
            f"{more}MaxStartups 100\nMaxSessions 100\nSetEnv SHLVL=2\n"
        )
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        self._log = (self.folder / "log").open("wb")
        argv = [*inside, "/usr/sbin/sshd", "-D", "-e", "-f", str(configuration)]
        self._process = subprocess.Popen(argv, stderr=self._log, stdin=subprocess.DEVNULL)

    def stop(self):
        self._process.terminate()
        self._process.wait(5)
        self._log.close()


class GateLab:
    """Everything for one test: authorities, a target, the gate's process, grants, clients."""

    def __init__(self, folder, host="127.0.0.1", target=None):
        self.folder = folder
        self.host = host
        self.port = free_port()
        self.books = Books(folder)
        self.entry_ca = new_key(folder / "entry_ca")
        self.target_ca = new_key(folder / "target_ca")
        self.gate_folder = gate_folder(folder / "gate", login_user(GATE_USER), self.port)
        self.gate_user = login_user(GATE_USER).name
        self.recordings = folder / "recordings"
        self._processes = []
        self._serial = 100
        self.books.open()
        self.gate = None
        self.target = TargetSshd(folder, **(target or {"host": host}))
        try:
            self.start_gate()
            wait_for(lambda: answers(self.target.port, self.target.host), what="the target's answer")
        except AssertionError:
            self.stop()
            raise

    def start_gate(self):
        self._gate_log = (self.folder / "gate.log").open("ab")
        self.gate = subprocess.Popen(
            [sys.executable, "-P", __file__, str(self.folder), str(self.port), self.host],
            stderr=self._gate_log,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
        wait_for(lambda: self.gate.poll() is not None or answers(self.port, self.host), what="the gate's answer")
        assert self.gate.poll() is None, self.gate_log()
        self.host_line = self.gate_folder.host_public_key.read_text().strip()
        (self.folder / "known_hosts").write_text(f"[{self.host}]:{self.port} {self.host_line}\n")

    def gate_log(self):
        return (self.folder / "gate.log").read_text(errors="replace")

    def stop_gate(self, number=signal.SIGTERM):
        self.gate.send_signal(number)
        self.gate.wait(20)
        self._gate_log.close()

    def grant(self, *, until=3600.0, grace=0, seconds=3600, authority=None, principal=ENTRY_PRINCIPAL, **changes):
        self._serial += 1
        serial = self._serial
        path = self.folder / f"key{serial}"
        key = new_key(path)
        line = sign(authority or self.entry_ca, key.public_key(), principal=principal, serial=serial, seconds=seconds)
        path.with_name(path.name + "-cert.pub").write_text(line + "\n")
        self.enter(serial, line, until=until, grace=grace, **changes)
        return Ticketed(serial, path)

    def enter(self, serial, line, *, until=3600.0, grace=0, **changes):
        """Enter a certificate into the books as that of a grant."""
        row = {
            "asset": self.target.asset,
            "address": self.target.host,
            "port": self.target.port,
            "account": self.target.account,
            "host_identity": self.target.host_identity,
            "until": rfc3339(utc_now() + timedelta(seconds=until)),
            "grace": grace,
            "revoked": False,
            "sha256": hashlib.sha256(base64.b64decode(line.split(" ")[1])).hexdigest(),
            **changes,
        }
        with self.books.changing() as books:
            books["grants"][str(serial)] = row

    def grant_without_books(self):
        """Return a certificate that no books were told about."""
        self._serial += 1
        path = self.folder / f"key{self._serial}"
        key = new_key(path)
        line = sign(self.entry_ca, key.public_key(), principal=ENTRY_PRINCIPAL, serial=self._serial, seconds=600)
        path.with_name(path.name + "-cert.pub").write_text(line + "\n")
        return Ticketed(self._serial, path)

    def revoke(self, ticketed):
        with self.books.changing() as books:
            books["grants"][str(ticketed.serial)]["revoked"] = True

    def config(self, ticketed, *lines):
        """Write what `qd access` writes, for the clients that copy files; the host is called `target`."""
        path = self.folder / f"config{ticketed.serial}"
        path.write_text(
            f"Host target\n HostName {self.host}\n Port {self.port}\n User {self.gate_user}\n LogLevel ERROR\n"
            f" IdentityFile {ticketed.key}\n IdentitiesOnly yes\n IdentityAgent none\n BatchMode yes\n"
            f" UserKnownHostsFile {self.folder}/known_hosts\n StrictHostKeyChecking yes\n"
            + "".join(f" {line}\n" for line in lines)
        )
        return path

    def ssh(self, ticketed, *arguments, port=None, options=()):
        argv = ["ssh", "-F", "none", "-o", f"UserKnownHostsFile={self.folder}/known_hosts"]
        argv += ["-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes"]
        argv += ["-o", "IdentityAgent=none", "-i", str(ticketed.key), "-p", str(port or self.port)]
        return [*argv, *options, "-l", self.gate_user, "--", self.host, *arguments]

    def run(self, ticketed, *arguments, timeout=30, **keywords):
        options = keywords.pop("options", ())
        port = keywords.pop("port", None)
        keywords.setdefault("stdin", subprocess.DEVNULL if "input" not in keywords else None)
        if keywords["stdin"] is None:
            del keywords["stdin"]
        return subprocess.run(
            self.ssh(ticketed, *arguments, port=port, options=options),
            capture_output=True,
            timeout=timeout,
            check=False,
            **keywords,
        )

    def start(self, ticketed, *arguments, options=(), **keywords):
        keywords.setdefault("stdin", subprocess.DEVNULL)
        process = subprocess.Popen(self.ssh(ticketed, *arguments, options=options), start_new_session=True, **keywords)
        self._processes.append(process)
        return process

    def children(self):
        """Return the process ids of the sessions that run now, the newest last."""
        pattern = f"entrypoints.gate.forker.*{self.folder}"
        found = subprocess.run(["pgrep", "-f", pattern], capture_output=True, text=True, check=True).stdout.split()
        fields = {int(pid): Path(f"/proc/{pid}/stat").read_text().rsplit(")")[-1].split() for pid in found}
        return sorted((pid for pid in fields if int(fields[pid][1]) in fields), key=lambda pid: int(fields[pid][19]))

    def sealed(self, ticketed, count=1, seconds=10.0):
        """Return the sealed entries of this grant's sessions, once there are `count`, in order of their beginning."""

        def found():
            began = [entry["session"] for entry in self.books.journal("began") if entry["serial"] == ticketed.serial]
            ends = {entry["session"]: entry for entry in self.books.journal("sealed")}
            entries = [ends[session] for session in began if session in ends]
            return entries if len(entries) >= count else None

        return wait_for(found, seconds, "the seal")

    def stop(self):
        for process in self._processes:
            if process.poll() is None:
                process.kill()
                process.wait(5)
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    stream.close()
        if self.gate is not None and self.gate.poll() is None:
            self.stop_gate()
        self.target.stop()


@dataclass
class Ticketed:
    serial: int
    key: Path


@contextmanager
def gate_lab(host="127.0.0.1", target=None):
    folder = Path(tempfile.mkdtemp(prefix="qdlab-"))
    lab = None
    try:
        lab = GateLab(folder, host, target)
        yield lab
    finally:
        if lab is not None:
            lab.stop()
            shutil.rmtree(lab.gate_folder.doorway, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)


class Terminal:
    """A client under a pseudo-terminal of its own, typed at and looked at."""

    def __init__(self, argv, columns=80, rows=24, environment=os.environ):
        self.seen = b""
        self._from = 0
        self._status = None
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            try:
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
                os.execvpe(argv[0], argv, {**environment, "TERM": "xterm-256color"})  # noqa: S606
            finally:
                os._exit(127)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.master)

    def type(self, text):
        os.write(self.master, text.encode())

    def resize(self, columns, rows):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def expect(self, pattern, seconds=10.0):
        def found():
            self._look()
            return re.search(pattern, self.seen[self._from :])

        match = wait_for(found, seconds, lambda: f"{pattern!r} in {self.seen[-500:]!r}")
        self._from += match.end()

    def status(self, seconds=15.0):
        def ended():
            self._look()
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._status = os.waitstatus_to_exitcode(status)
                self._look()
            return pid

        wait_for(ended, seconds, lambda: f"the client's end; seen {self.seen[-500:]!r}")
        return self._status

    def _look(self):
        while select.select([self.master], [], [], 0)[0]:
            try:
                data = os.read(self.master, 65536)
            except OSError:
                return
            if not data:
                return
            self.seen += data


def terminal_refusal():
    """Return why no terminal can be had through an `sshd` of this user here, or an empty text."""
    if os.geteuid() == 0:
        return ""
    mounts = Path("/proc/mounts").read_text().splitlines()
    options = [line.split()[3] for line in mounts if line.split()[1] == "/dev/pts"]
    if options and "gid=" in options[-1]:
        return ""
    return "not run here: /dev/pts is mounted without gid=, so only root's sshd gives terminals"


needs_terminal = pytest.mark.skipif(bool(terminal_refusal()), reason=terminal_refusal() or "terminals work")


def main(folder, port, host):
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    desk = BookDesk(folder)
    site = Site(
        folder=gate_folder(folder / "gate", login_user(GATE_USER), port),
        recordings=folder / "recordings",
        listen=host,
        port=port,
        login=login_user(GATE_USER),
        entry_ca=(folder / "entry_ca.pub").read_text().strip(),
        principal=ENTRY_PRINCIPAL,
        profile=os.environ.get("QD_TEST_GATE_PROFILE", "fips"),
    )
    sys.exit(open_gate(site, desk, FileHeads(folder), SystemClock()))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
