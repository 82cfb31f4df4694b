"""The product's own processes around one real target: database, signer, sealer and gate, no piece of them simulated."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.lab.gate_lab import TargetSshd, answers, new_key, wait_for
from tests.ports import free_port

from quarterdeck.adapters.signer_client import SignerClient
from quarterdeck.config.api import load
from quarterdeck.entrypoints.gate.processes import children_of, descendants_of
from quarterdeck.kernel.decision import Refused

ROOT = Path(__file__).resolve().parents[2]
AT_ONCE = 5  # so many log in at the same moment
PARTS = ("sealer", "signer", "gate")


class WholeGate:
    """One shop with its processes; `clients` are the technician's connections."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        os.environ["QD_GATE_PORT"] = str(self.port)
        os.environ["QD_SEALER_DIR"] = str(folder / "sealer")
        load.cache_clear()
        new_key(folder / "technician")
        self.target = TargetSshd(folder, more="LogLevel QUIET\n")
        self.parts: dict[str, subprocess.Popen[bytes]] = {}
        place = {
            "address": "127.0.0.1",
            "port": self.target.port,
            "account": self.target.account,
            "host_identity": " ".join(self.target.host_identity.split()[:2]),
        }
        self.made = self.ask("make", json.dumps(place))
        for part in PARTS:
            self.start(part)
        taken = self.ask("take", json.dumps(self.made))
        (folder / "technician-cert.pub").write_text(taken["certificate"] + "\n")

    def environment(self) -> dict[str, str]:
        return {**os.environ, "DJANGO_SETTINGS_MODULE": "quarterdeck.settings", "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}

    def ask(self, verb: str, *more: str):
        done = subprocess.run(
            [sys.executable, "-m", "tests.lab.whole_shop", verb, str(self.folder), *more],
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def start(self, part: str) -> None:
        log = (self.folder / f"{part}.log").open("ab")
        self.parts[part] = subprocess.Popen(
            [sys.executable, "-m", f"quarterdeck.entrypoints.{part}"],
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stderr=log,
            stdout=log,
        )
        log.close()
        if part == "signer":
            wait_for(self._signs, 60, lambda: self.log("signer"))
            (self.folder / "target_ca.pub").write_text(str(SignerClient(load().signer_socket).status()["target_ca"]))
        if part == "gate":
            wait_for(lambda: answers(self.port), 60, lambda: self.log("gate"))
            line = (load().gate_dir / "host_key.pub").read_text().strip()
            (self.folder / "known_hosts").write_text(f"[127.0.0.1]:{self.port} {line}\n")

    def _signs(self) -> bool:
        try:
            return bool(SignerClient(load().signer_socket).status())
        except Refused:
            return False

    def log(self, part: str) -> str:
        return (self.folder / f"{part}.log").read_text(errors="replace")[-400000:]

    def kill(self, part: str) -> None:
        self.parts[part].send_signal(signal.SIGKILL)
        self.parts[part].wait(20)

    def stop(self) -> None:
        for process in self.parts.values():
            if process.poll() is None:
                process.terminate()
        for process in self.parts.values():
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)
        self.target.stop()

    def ssh(self, *command: str) -> list[str]:
        options = (
            "BatchMode=yes",
            "IdentitiesOnly=yes",
            "IdentityAgent=none",
            "StrictHostKeyChecking=yes",
            f"UserKnownHostsFile={self.folder}/known_hosts",
            "LogLevel=ERROR",
        )
        argv = ["ssh", "-F", "none", "-n", *(word for one in options for word in ("-o", one))]
        user = (load().gate_dir / "user").read_text().strip()
        argv += ["-i", str(self.folder / "technician"), "-p", str(self.port), "-l", user]
        return [*argv, "--", "127.0.0.1", *command]

    @property
    def sshd(self) -> int:
        """The process that listens on the gate's port."""
        return next(pid for pid in children_of(self.parts["gate"].pid) if _runs(pid, "/usr/sbin/sshd"))

    @property
    def launchers(self) -> list[int]:
        return [pid for pid in descendants_of(self.sshd) if _runs(pid, "quarterdeck-launcher")]


class Crowd:
    """Connections whose commands print a numbered line each, over and over; what each showed is kept in a file."""

    def __init__(self, whole: WholeGate, count: int, name: str) -> None:
        self.names = [f"{name}-{number}" for number in range(count)]
        self.files = [whole.folder / one for one in self.names]
        self.clients = []
        for number, (one, file) in enumerate(zip(self.names, self.files, strict=True)):
            if number >= AT_ONCE:
                wait_for(self._prints(number - AT_ONCE), 60, self._silent)
            with file.open("wb") as shown:
                loop = f'i=0; while :; do echo "{one} $i"; i=$((i+1)); sleep 0.2; done'
                self.clients.append(subprocess.Popen(whole.ssh(loop), stdout=shown, stderr=subprocess.PIPE))

    def _prints(self, number: int):
        return lambda: self.files[number].stat().st_size > 0

    @property
    def living(self) -> int:
        return sum(client.poll() is None for client in self.clients)

    def wait_until_all_print(self) -> None:
        wait_for(lambda: all(file.stat().st_size > 40 for file in self.files), 120, self._silent)

    def _silent(self) -> str:
        quiet = [file.name for file in self.files if not file.exists() or file.stat().st_size <= 40]
        ended = [client.stderr.read() for client in self.clients if client.poll() is not None]
        return f"the output of {quiet}; ended: {ended[:3]}"

    def grown_since(self, sizes: list[int]) -> int:
        """How many were shown more than when `sizes` was taken."""
        return sum(file.stat().st_size > size for file, size in zip(self.files, sizes, strict=True))

    def wait_until_ended(self, seconds: float) -> float:
        began = time.monotonic()
        wait_for(lambda: not self.living, seconds, lambda: f"the end of {self.living} connections")
        return time.monotonic() - began

    def shown(self) -> dict[str, str]:
        """What each technician was shown, whole lines and the torn last one."""
        for client in self.clients:
            client.stderr.close()
        return {one: file.read_text() for one, file in zip(self.names, self.files, strict=True)}


def _runs(pid: int, what: str) -> bool:
    try:
        return what.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


@contextmanager
def whole_gate(folder: Path) -> Iterator[WholeGate]:
    whole = WholeGate(folder)
    try:
        yield whole
    except AssertionError:
        for part in whole.parts:
            print(f"--- {part}", whole.log(part), sep="\n")
        raise
    finally:
        whole.stop()
