"""The real signer in this process, asked through the real client without the socket between them."""

import json
from dataclasses import dataclass
from pathlib import Path

from quarterdeck.access.api import KeyPolicy
from quarterdeck.adapters.openssh_ca import CertificateAuthority, init_keys, new_private_key
from quarterdeck.adapters.signer_client import SignerClient
from quarterdeck.entrypoints.signer.serial_log import SerialLog
from quarterdeck.entrypoints.signer.signing import Signer, SignerSettings
from quarterdeck.kernel.clock import Clock

ANY_KEY = KeyPolicy("modern", "none")


@dataclass(frozen=True, slots=True)
class NearSigner(SignerClient):
    """A client whose signer is next to it; everything else is as over the socket."""

    signer: Signer | None = None

    def _exchange(self, line: bytes) -> bytes:
        assert self.signer is not None
        return json.dumps(self.signer.handle(json.loads(line))).encode() + b"\n"


def near_signer(
    folder: Path, clock: Clock, *, gate_address: str = "127.0.0.1", keys: KeyPolicy = ANY_KEY
) -> NearSigner:
    """A signer with keys and log in `folder`."""
    init_keys(folder)
    signer = Signer(
        entry_ca=CertificateAuthority.from_file(folder / "entry_ca"),
        target_ca=CertificateAuthority.from_file(folder / "target_ca"),
        host_ca=CertificateAuthority.from_file(folder / "host_ca"),
        log=SerialLog(folder),
        settings=SignerSettings("Example Organisation", gate_address, keys=keys),
        clock=clock,
    )
    return NearSigner(folder / "no.sock", signer=signer)


def fresh_key() -> str:
    """The public line of a new connection key."""
    return new_private_key()[1]
