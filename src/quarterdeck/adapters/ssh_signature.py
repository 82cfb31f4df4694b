"""SSHSIG signatures by the host's own `ssh-keygen -Y sign`, whose OpenSSL a FIPS host has validated.

The key passes as a file of mode 0600, never as an argument; what is signed passes by standard input.
"""

import base64
import hashlib
import os
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from quarterdeck_verify import sshsig

CHECKPOINT_NAMESPACE = "quarterdeck-checkpoint"
PACKAGE_NAMESPACE = "quarterdeck-package"
TIMEOUT = 20
ENVIRONMENT = {"PATH": "/usr/bin:/bin:/usr/local/bin", "LC_ALL": "C"}


class SigningFailed(RuntimeError):
    """ssh-keygen did not sign; the text says why."""


def signer_identity(origin: str) -> str:
    """Return the principal under which the sealing key stands in `allowed_signers`: `ledger@quarterdeck.example`."""
    host, _, path = origin.partition("/")
    return f"{path.replace('/', '.') or 'ledger'}@{host}"


@dataclass(frozen=True, slots=True)
class SshKeygenSigner:
    """Signs with one private key file; ECDSA P-256 unless the installation chose another type."""

    key: Path

    @classmethod
    def create(cls, key: Path, comment: str) -> "SshKeygenSigner":
        """Make a fresh ECDSA P-256 key at `key` (mode 0600); SigningFailed when one is there or none can be made."""
        _run("-q", "-t", "ecdsa", "-b", "256", "-N", "", "-C", comment, "-f", str(key))
        key.chmod(0o600)
        return cls(key)

    def sign(self, message: bytes, namespace: str) -> bytes:
        """Return the armored SSHSIG of `message`, already verified against this key; SigningFailed otherwise."""
        mode = stat.S_IMODE(self.key.stat().st_mode)
        if mode & 0o077:
            raise SigningFailed(f"the key file has mode {mode:04o}; others may read it. Run chmod 600 on it")
        armored = _run("-Y", "sign", "-q", "-f", str(self.key), "-n", namespace, message=message)
        signature = sshsig.parse(armored)
        if not sshsig.verify(signature, message, namespace):
            raise SigningFailed("ssh-keygen made a signature that does not verify")
        return armored

    def public_line(self) -> str:
        """Return `type base64` of the public key, without comment."""
        return " ".join(self.key.with_name(self.key.name + ".pub").read_text().split()[:2])

    def fingerprint(self) -> str:
        """Return the SHA-256 fingerprint of the public key in hexadecimal: an entry can carry it."""
        return hashlib.sha256(base64.b64decode(self.public_line().split()[1])).hexdigest()

    def shown_fingerprint(self) -> str:
        """Return the fingerprint as a person compares it: `SHA256:...`, as ssh-keygen -l and the verifier print it."""
        digest = hashlib.sha256(base64.b64decode(self.public_line().split()[1])).digest()
        return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")

    def allowed_signers_line(self, origin: str) -> str:
        """Return the line that pins this key for checkpoints and packages of the log `origin`."""
        namespaces = f'namespaces="{CHECKPOINT_NAMESPACE},{PACKAGE_NAMESPACE}"'
        return f"{signer_identity(origin)} {namespaces} {self.public_line()}\n"


def _run(*arguments: str, message: bytes = b"") -> bytes:
    # An agent or a terminal must not take part: the key file alone decides.
    environment = {**ENVIRONMENT, "HOME": os.environ.get("HOME", "/")}
    try:
        done = subprocess.run(
            ["ssh-keygen", *arguments], input=message, capture_output=True, timeout=TIMEOUT, env=environment, check=True
        )
    except FileNotFoundError as error:
        raise SigningFailed("ssh-keygen is missing; install the package openssh-client") from error
    except subprocess.TimeoutExpired as error:
        raise SigningFailed(f"ssh-keygen did not answer within {TIMEOUT} seconds") from error
    except subprocess.CalledProcessError as error:
        raise SigningFailed(f"ssh-keygen: {error.stderr.decode(errors='replace').strip()[:300]}") from error
    return done.stdout
