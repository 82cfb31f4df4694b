"""Opens the gate: files, socket, forker, `sshd`, warden; and closes what it opened."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import quarterdeck
from quarterdeck.entrypoints.gate.connections import end_leftovers
from quarterdeck.entrypoints.gate.forker import harden
from quarterdeck.entrypoints.gate.processes import go_first
from quarterdeck.entrypoints.gate.profiles import VARIABLE, Profile
from quarterdeck.entrypoints.gate.recorder import recorded, tallied
from quarterdeck.entrypoints.gate.sshd import GateFolder, Login, prepare, private_enough, start
from quarterdeck.entrypoints.gate.warden import Parts, Warden
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import require_that
from quarterdeck.sessions.ports import AdmissionDesk, HeadKeeper
from quarterdeck.sessions.terms import Ending, EndReason, FileTally, SessionState

SOCKET_NAME = "launcher.sock"
BACKLOG = 64


@dataclass(frozen=True, slots=True)
class Site:
    """Where the gate stands: its folder, the recordings' folder, the address, the user, the entry authority."""

    folder: GateFolder
    recordings: Path
    listen: str
    port: int
    login: Login
    entry_ca: str
    principal: str
    profile: Profile = "fips"


def open_gate(
    site: Site, desk: AdmissionDesk, keeper: HeadKeeper, clock: Clock, between: Callable[[], None] = lambda: None
) -> int:
    """Run the gate until it is told to stop; returns 0, or 1 when a part failed; raises Refused when it can't open.

    `between` is called in each thread around its use of the desk, to renew connections that were dropped.
    """
    harden()
    end_leftovers(site.folder.connections)
    configuration = make_ready(site)
    sweep(desk, site.recordings, clock)
    listener = bind(site.folder.socket_directory, site.login)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with listener, theirs:
        users = {str(site.login.uid), str(os.geteuid())}
        forker = start_forker(listener, theirs, site.recordings, sorted(users), site.profile)
    sshd = start(configuration)
    if sshd.stderr is None:
        raise RuntimeError("sshd has no log pipe")
    parts = Parts(
        desk=desk,
        keeper=keeper,
        clock=clock,
        recordings=site.recordings,
        connections_file=site.folder.connections,
        revoked_file=site.folder.revoked,
        sshd=sshd.pid,
        sshd_log=sshd.stderr.fileno(),
        forker=ours,
        between=between,
    )
    go_first()
    try:
        return Warden(parts).run()
    finally:
        sshd.terminate()
        ours.close()
        for process in (sshd, forker):
            process.wait(5)
        sshd.stderr.close()


def make_ready(site: Site) -> Path:
    """Write the gate's files and return the configuration of `sshd`; Refused unless only we can change them."""
    configuration = prepare(
        site.folder,
        listen=site.listen,
        port=site.port,
        login=site.login,
        entry_ca=site.entry_ca,
        principal=site.principal,
        profile=site.profile,
    )
    site.recordings.mkdir(mode=0o700, parents=True, exist_ok=True)
    for folder in (site.folder.root, site.folder.doorway, site.recordings):
        require_that(
            private_enough(folder),
            "gate.folder_open",
            f"Others can write to {folder} or to a folder above it.",
            "Take the write permission of group and others away.",
        ).require()
    return configuration


def sweep(desk: AdmissionDesk, recordings: Path, clock: Clock) -> None:
    """Seal what an earlier gate left unsealed as interrupted; its connections have been ended before."""
    now = clock.now()
    for session in desk.orphans():
        path = recordings / f"{session}.cast"
        there = path.is_file()
        lines, head = recorded(path, session) if there else (0, "")
        desk.seal(
            Ending(
                session=session,
                reason=EndReason.INTERRUPTED,
                state=SessionState.INTERRUPTED,
                session_terminated=now,
                network_terminated=now,
                recording=path if there else None,
                lines=lines,
                head=head,
                files=tallied(path) if there else FileTally(),
            )
        )
    left = desk.still_connected()
    if left:
        desk.disconnected(left, now)


def bind(directory: Path, login: Login) -> socket.socket:
    """Return the listening socket of the launchers; its path may be longer than a socket address allows."""
    (directory / SOCKET_NAME).unlink(missing_ok=True)
    folder = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(f"/proc/self/fd/{folder}/{SOCKET_NAME}")
    os.close(folder)
    os.chown(directory / SOCKET_NAME, login.uid, login.gid)
    (directory / SOCKET_NAME).chmod(0o600)
    listener.listen(BACKLOG)
    return listener


# Buffers of 256 KiB come and go with every read; without this glibc gives each to the kernel and faults it in anew.
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": "4194304", "MALLOC_TRIM_THRESHOLD_": "8388608"}


def start_forker(
    listener: socket.socket, line: socket.socket, recordings: Path, users: list[str], profile: Profile = "fips"
) -> subprocess.Popen[bytes]:
    """Start the forker in an interpreter of its own, which never loads the database."""
    descriptors = (listener.fileno(), line.fileno())
    source = str(Path(quarterdeck.__file__).resolve().parents[1])
    return subprocess.Popen(
        [
            sys.executable,
            "-P",
            "-m",
            "quarterdeck.entrypoints.gate.forker",
            *map(str, descriptors),
            str(recordings),
            *users,
        ],
        pass_fds=descriptors,
        stdin=subprocess.DEVNULL,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "PYTHONPATH": source, VARIABLE: profile, **KEEP_MEMORY},
        start_new_session=True,
    )
