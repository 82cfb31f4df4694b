"""Knocks at a target's ssh server as a stranger: what does it offer, and does anything but our certificate open it?

Tried: nothing at all, a throw-away plain key, a certificate of an authority made for this one knock. Each must be
refused, and `publickey` must be the only method on offer (attacks.md row 4).
"""

import dataclasses
import re
import socket
import tempfile
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from quarterdeck.access.api import Destination, Probe, read_public_key
from quarterdeck.adapters.bounded_process import pump
from quarterdeck.adapters.openssh_ca import CertificateAuthority, new_private_key, target_order
from quarterdeck.adapters.openssh_client import Credential, CredentialFiles, upstream_argv, write_credential

_OFFERED = re.compile(r"Permission denied \(([a-z0-9,-]*)\)")
_HOST_KEY = re.compile(r"Host key verification failed|IDENTIFICATION HAS CHANGED|No .* host key is known")
_SECONDS = 20.0
_ENTERED = "quarterdeck-probe-entered"
_BANNER_SECONDS = 2.0


def knock(destination: Destination, *, source: str, now: datetime) -> Probe:
    """Try the destination's port as a stranger from this machine; `source` is the address that the target sees."""
    with tempfile.TemporaryDirectory(prefix="qd-probe-") as folder:
        attempts = {
            "no proof at all": _attempt(destination, None, Path(folder)),
            "a key that nobody registered": _attempt(destination, _plain_key(Path(folder), destination), Path(folder)),
            "a certificate of a foreign authority": _attempt(
                destination, _foreign_certificate(Path(folder), destination, source, now), Path(folder)
            ),
        }
    offered = [method for text, _ in attempts.values() for method in _methods(text)]
    return Probe(
        port=destination.port,
        reached=all(entered or _OFFERED.search(text) for text, entered in attempts.values()),
        offered=tuple(dict.fromkeys(offered)),
        entered_with=tuple(how for how, (_, entered) in attempts.items() if entered),
        source=source,
        other_host=any(_HOST_KEY.search(text) for text, _ in attempts.values()),
    )


def speaks_ssh(address: str, port: int) -> bool:
    """Return whether something on this port greets like an ssh server within two seconds."""
    try:
        with socket.create_connection((address, port), timeout=_BANNER_SECONDS) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def on_port(destination: Destination, port: int) -> Destination:
    """Return the same destination on another port."""
    return dataclasses.replace(destination, port=port)


def _attempt(destination: Destination, files: CredentialFiles | None, folder: Path) -> tuple[str, bool]:
    """Return what ssh said and whether a command ran on the target."""
    methods = "none" if files is None else "publickey"
    used = files or CredentialFiles(folder / "no-key", folder / "no-certificate", _known_hosts(folder, destination))
    argv = upstream_argv(destination, used, command=f"echo {_ENTERED}", connect_timeout=8)
    # ssh keeps the first value that it reads, so this one goes before the fixed options.
    argv[1:1] = ["-o", f"PreferredAuthentications={methods}"]
    output: list[bytes] = []
    _, errors, _ = pump(argv, output.append, stdin=b"", timeout=_SECONDS, max_output=1 << 16)
    return errors.decode("utf-8", "replace"), _ENTERED.encode() in b"".join(output)


def _plain_key(folder: Path, destination: Destination) -> CredentialFiles:
    private, _ = new_private_key()
    files = _written(folder / "plain", destination, Credential(private, ""))
    files.certificate.unlink()
    return files


def _foreign_certificate(folder: Path, destination: Destination, source: str, now: datetime) -> CredentialFiles:
    private, public = new_private_key()
    order = target_order(
        read_public_key(public),
        serial=1,
        key_id="quarterdeck-probe",
        principal=destination.principal,
        source_address=source,
        now=now,
    )
    minted = CertificateAuthority(ec.generate_private_key(ec.SECP256R1())).mint(order)
    return _written(folder / "foreign", destination, Credential(private, minted.line))


def _written(folder: Path, destination: Destination, credential: Credential) -> CredentialFiles:
    folder.mkdir(mode=0o700)
    return write_credential(folder, destination, credential)


def _known_hosts(folder: Path, destination: Destination) -> Path:
    path = folder / "known_hosts"
    path.write_text(destination.known_hosts_line + "\n")
    return path


def _methods(text: str) -> list[str]:
    found = _OFFERED.search(text)
    return [method for method in found[1].split(",") if method] if found else []
