"""The recording gate against OpenSSH ProxyJump, which records nothing: set-up, throughput, keystrokes, idle memory.

Both reach the same target `sshd` on loopback, interleaved, in one run; ratios count, not megabytes. Prints one JSON
line. The gate decides from the lab's books, for `set_up_whole` from the real database with the real signer. With
`--delay` the road from the client to the first hop answers that many milliseconds later (a relay, see slow_road.py).
"""

import argparse
import contextlib
import functools
import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src"), str(ROOT / "bench")]

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "quarterdeck.settings")

import django  # noqa: E402
from slow_road import slow_road  # noqa: E402

django.setup()

from tests.lab.gate_lab import (  # noqa: E402
    GateLab,
    TargetSshd,
    Terminal,
    gate_lab,
    new_key,
    sign,
    wait_for,
)
from tests.lab.whole_gate import whole_gate  # noqa: E402

from quarterdeck.entrypoints.gate.processes import descendants_of  # noqa: E402

KEYS = 300
IDLE = 100
IDLE_AT_ONCE = 10
ECHO = "stty raw -echo; echo ready; exec cat"
CIPHER = ("Ciphers aes256-gcm@openssh.com", "KexAlgorithms ecdh-sha2-nistp256")


class Yardstick:
    """ProxyJump through a second plain `sshd` of the lab to the lab's target."""

    def __init__(self, lab: GateLab) -> None:
        self._lab = lab
        self.jump = TargetSshd(lab.folder, asset="jump")
        self.key = lab.folder / "yardstick"
        key = new_key(self.key)
        principals = {self.jump: "qd:{0}@jump", lab.target: "qd:{0}@" + lab.target.asset}
        self.certificates = {}
        for server, principal in principals.items():
            path = lab.folder / f"yardstick-{server.asset}-cert.pub"
            line = sign(
                lab.target_ca,
                key.public_key(),
                principal=principal.format(server.account),
                serial=7,
                seconds=3600,
                forwarding=True,
            )
            path.write_text(line + "\n")
            self.certificates[server] = path
        self.config = lab.folder / "yardstick.config"
        self.config.write_text("".join(self._host(name, server) for name, server in self._hosts()))

    def _hosts(self) -> list[tuple[str, TargetSshd]]:
        return [("jump", self.jump), ("target", self._lab.target)]

    def _host(self, name: str, server: TargetSshd) -> str:
        return (
            f"Host {name}\n HostName 127.0.0.1\n Port {server.port}\n User {server.account}\n"
            f" IdentityFile {self.key}\n CertificateFile {self.certificates[server]}\n IdentitiesOnly yes\n"
            " IdentityAgent none\n StrictHostKeyChecking no\n UserKnownHostsFile /dev/null\n LogLevel ERROR\n"
            " BatchMode yes\n"
            + "".join(f" {line}\n" for line in CIPHER)
            + (" ProxyJump jump\n" if name == "target" else "")
        )

    def move_jump(self, port: int) -> None:
        """Reach the jump host by another port."""
        text = self.config.read_text()
        self.config.write_text(text.replace(f" Port {self.jump.port}\n", f" Port {port}\n"))

    @property
    def pid(self) -> int:
        return self.jump._process.pid

    def argv(self, *command: str) -> list[str]:
        return ["ssh", "-F", str(self.config), "target", *command]


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def run(argv: list[str], *, stdin: Path | None = None) -> None:
    with open(stdin or os.devnull, "rb") as source:
        subprocess.run(argv, stdin=source, stdout=subprocess.DEVNULL, check=True, timeout=120)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--only",
        nargs="*",
        default=[],
        help="set_up, cat, put, sftp_put, sftp_get, set_up_whole, keystroke, idle",
    )
    parser.add_argument("--delay", type=int, default=0, help="milliseconds that the road adds to an answer")
    chosen = parser.parse_args()
    with gate_lab() as lab:
        yardstick = Yardstick(lab)
        try:
            ready = lambda: subprocess.run(yardstick.argv("true"), capture_output=True)  # noqa: E731
            wait_for(lambda: ready().returncode == 0, what=lambda: f"ProxyJump: {ready().stderr!r}")
            with contextlib.ExitStack() as roads:
                if chosen.delay:
                    each_way = chosen.delay / 2000
                    lab.port = roads.enter_context(slow_road(lab.port, each_way))
                    (lab.folder / "known_hosts").write_text(f"[127.0.0.1]:{lab.port} {lab.host_line}\n")
                    yardstick.move_jump(roads.enter_context(slow_road(yardstick.jump.port, each_way)))
                print(json.dumps(measure(lab, yardstick, chosen)))
        finally:
            yardstick.jump.stop()
    return 0


def measure(lab: GateLab, yardstick: Yardstick, chosen: argparse.Namespace) -> dict[str, object]:
    data, received, kept = (lab.folder / name for name in ("data", "received", "kept"))
    data.write_bytes(secrets.token_bytes(chosen.megabytes << 20))
    configs = {"jump": yardstick.config, "gate": lab.config(lab.grant(), *CIPHER)}

    def through(way: str, *words: str) -> list[str]:
        flags, command = [one for one in words if one == "-tt"], [one for one in words if one != "-tt"]
        return ["ssh", *flags, "-F", str(configs[way]), "target", *command]

    def copy(way: str, *places: str) -> list[str]:
        return ["scp", "-q", "-s", "-F", str(configs[way]), *places]

    works: dict[str, Callable[[str], None]] = {
        "set_up": lambda way: run(through(way, "true")),
        "cat": lambda way: run(through(way, f"cat {data}")),
        "put": lambda way: run(through(way, "cat > /dev/null"), stdin=data),
        "sftp_put": lambda way: run(copy(way, str(data), f"target:{kept}")),
        "sftp_get": lambda way: run(copy(way, f"target:{data}", str(received))),
    }
    found: dict[str, object] = {"megabytes": chosen.megabytes, "rounds": chosen.rounds}
    for name, work in works.items():
        if chosen.only and name not in chosen.only:
            continue
        times: dict[str, list[float]] = {"jump": [], "gate": []}
        for number in range(chosen.rounds if name != "set_up" else chosen.rounds * 3):
            for way in ("jump", "gate") if number % 2 else ("gate", "jump"):
                times[way].append(seconds(functools.partial(work, way)))
        found[name] = compared(times["jump"], times["gate"])
    others = {"set_up_whole": set_up_whole, "keystroke": keystroke, "idle": idle}
    for name, other in others.items():
        if not chosen.only or name in chosen.only:
            found[name] = other(lab, yardstick, through, chosen.rounds)
    return found


def compared(jump: list[float], gate: list[float]) -> dict[str, object]:
    """Return the gate's speed, ProxyJump's being 1, of rounds that took turns."""
    ratios = [j / g for j, g in zip(jump, gate, strict=True)]
    return {
        "gate_of_proxyjump": round(statistics.median(ratios), 2),
        "range": [round(min(ratios), 2), round(max(ratios), 2)],
        "jump_ms": round(1000 * statistics.median(jump), 3),
        "gate_ms": round(1000 * statistics.median(gate), 3),
    }


Through = Callable[..., list[str]]


def set_up_whole(lab: GateLab, yardstick: Yardstick, through: Through, rounds: int) -> dict[str, object]:
    """A session's set-up where the gate asks the real database and the real signer."""
    jump, gate = [], []
    with shop() as folder, whole_gate(folder) as whole:
        run(whole.ssh("true"))
        for _ in range(rounds * 3):
            jump.append(seconds(lambda: run(yardstick.argv("true"))))
            gate.append(seconds(lambda: run(whole.ssh("true"))))
    return compared(jump, gate)


@contextlib.contextmanager
def shop() -> Iterator[Path]:
    """Return a folder for a whole shop, named to its processes."""
    with tempfile.TemporaryDirectory(prefix="qd-bench-") as name:
        data = Path(name) / "data"
        data.mkdir(mode=0o700)
        os.environ["QD_DATA_DIR"] = str(data)
        yield Path(name)


def keystroke(lab: GateLab, yardstick: Yardstick, through: Through, rounds: int) -> dict[str, object]:
    """The time from a key to its echo, in two terminals that take turns."""
    times: dict[str, list[float]] = {"jump": [], "gate": []}
    with Terminal(through("jump", "-tt", ECHO)) as jump, Terminal(through("gate", "-tt", ECHO)) as gate:
        for terminal in (jump, gate):
            terminal.expect(b"ready", 60)
        for number in range(KEYS):
            for way, terminal in (("jump", jump), ("gate", gate)) if number % 2 else (("gate", gate), ("jump", jump)):
                times[way].append(seconds(lambda terminal=terminal: echoed(terminal, b"x")))
    found = compared(times["jump"], times["gate"])
    for way, measured in times.items():
        found[f"{way}_p99_ms"] = round(1000 * sorted(measured)[int(len(measured) * 0.99)], 1)
    return found


def echoed(terminal: Terminal, key: bytes) -> bool:
    """Type one key and wait until it comes back."""
    os.write(terminal.master, key)
    return key in os.read(terminal.master, 4096)


def idle(lab: GateLab, yardstick: Yardstick, through: Through, rounds: int) -> dict[str, object]:
    """Memory (PSS) of a hundred idle terminals, on the gate and on the jump host, all processes there together."""
    found: dict[str, object] = {"sessions": IDLE}
    for way, server in (("jump", yardstick.pid), ("gate", lab.gate.pid)):
        before = proportional_size(server)
        with contextlib.ExitStack() as stack:
            terminals: list[Terminal] = []
            for _ in range(IDLE // IDLE_AT_ONCE):
                fresh = [stack.enter_context(Terminal(through(way, "-tt", ECHO))) for _ in range(IDLE_AT_ONCE)]
                for terminal in fresh:
                    terminal.expect(b"ready", 60)
                terminals += fresh
            found[f"{way}_mib"] = round((proportional_size(server) - before) / 1024)
            found[f"{way}_mib_in_all"] = round(proportional_size(server) / 1024)
    return found


def proportional_size(pid: int) -> int:
    """Return the KiB of a process and all below it, shared pages divided among those who share them."""
    total = 0
    for one in (pid, *descendants_of(pid)):
        with contextlib.suppress(OSError):
            lines = Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()
            total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total


if __name__ == "__main__":
    sys.exit(main())
