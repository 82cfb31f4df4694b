"""The recording gate against OpenSSH ProxyJump, which records nothing: set-up, and throughput of streams and files.

Both reach the same target `sshd` on loopback, interleaved, in one run; ratios count, not megabytes. Prints one JSON
line. The gate decides from the lab's books here; with the database each admission adds what `admission_ms` says in the
figures of bench/README.md.
"""

import argparse
import functools
import json
import os
import secrets
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from tests.lab.gate_lab import (  # noqa: E402
    GateLab,
    TargetSshd,
    gate_lab,
    new_key,
    sign,
    wait_for,
)

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
    parser.add_argument("--only", nargs="*", default=[], help="set_up, cat, put, sftp_put, sftp_get")
    chosen = parser.parse_args()
    with gate_lab() as lab:
        yardstick = Yardstick(lab)
        try:
            ready = lambda: subprocess.run(yardstick.argv("true"), capture_output=True)  # noqa: E731
            wait_for(lambda: ready().returncode == 0, what=lambda: f"ProxyJump: {ready().stderr!r}")
            print(json.dumps(measure(lab, yardstick, chosen)))
        finally:
            yardstick.jump.stop()
    return 0


def measure(lab: GateLab, yardstick: Yardstick, chosen: argparse.Namespace) -> dict[str, object]:
    data, received, kept = (lab.folder / name for name in ("data", "received", "kept"))
    data.write_bytes(secrets.token_bytes(chosen.megabytes << 20))
    configs = {"jump": yardstick.config, "gate": lab.config(lab.grant(), *CIPHER)}

    def through(way: str, *command: str) -> list[str]:
        return ["ssh", "-F", str(configs[way]), "target", *command]

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
        ratios = [j / g for j, g in zip(times["jump"], times["gate"], strict=True)]
        found[name] = {
            "gate_of_proxyjump": round(statistics.median(ratios), 2),
            "range": [round(min(ratios), 2), round(max(ratios), 2)],
            "jump_ms": round(1000 * statistics.median(times["jump"])),
            "gate_ms": round(1000 * statistics.median(times["gate"])),
        }
    return found


if __name__ == "__main__":
    sys.exit(main())
