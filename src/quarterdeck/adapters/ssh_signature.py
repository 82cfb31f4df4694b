"""SSHSIG signatures by the host's own `ssh-keygen -Y sign`, whose OpenSSL a FIPS host has validated.

The key passes as a file of mode 0600, or stays in an agent (and so on the token behind it) and only its public half is
a file here; never as an argument. What is signed passes by standard input.
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
SIGNERS_FILE = "allowed_signers"  # in the sealer's folder: every key of the log, each for its time
FRESH_MARK = "fresh"  # beside a key that `qd init` made: no memory is missing yet
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
    """Signs with one key: a private key file, or, where `agent` is a socket, the key there whose public half is `key`.

    ECDSA P-256 unless the installation chose Ed25519: FIPS providers of the 3.0 and 3.1 era refuse that.
    """

    key: Path
    agent: Path | None = None

    @classmethod
    def create(cls, key: Path, comment: str, kind: str = "ecdsa") -> "SshKeygenSigner":
        """Make a fresh key at `key` (mode 0600); SigningFailed when one is there or none can be made."""
        bits = ("-b", "256") if kind == "ecdsa" else ()
        _run("-q", "-t", kind, *bits, "-N", "", "-C", comment, "-f", str(key))
        key.chmod(0o600)
        return cls(key)

    def sign(self, message: bytes, namespace: str) -> bytes:
        """Return the armored SSHSIG of `message`, already verified against this key; SigningFailed otherwise."""
        self._look()
        armored = _run("-Y", "sign", "-q", "-f", str(self.key), "-n", namespace, message=message, agent=self.agent)
        signature = sshsig.parse(armored)
        if not sshsig.verify(signature, message, namespace):
            raise SigningFailed("the signature that was made does not verify (a security key that was not touched?)")
        return armored

    def _look(self) -> None:
        if self.agent is not None:
            if not self.agent.is_socket():
                raise SigningFailed(f"no agent listens at {self.agent}")
            return
        mode = stat.S_IMODE(self.key.stat().st_mode)
        if mode & 0o077:
            raise SigningFailed(f"the key file has mode {mode:04o}; others may read it. Run chmod 600 on it")

    def public_line(self) -> str:
        """Return `type base64` of the public key, without comment."""
        path = self.key if self.agent is not None else self.key.with_name(self.key.name + ".pub")
        return " ".join(path.read_text().split()[:2])

    def fingerprint(self) -> str:
        """Return the SHA-256 fingerprint of the public key in hexadecimal: an entry can carry it."""
        return hashlib.sha256(base64.b64decode(self.public_line().split()[1])).hexdigest()

    def shown_fingerprint(self) -> str:
        """Return the fingerprint as a person compares it: `SHA256:...`, as ssh-keygen -l and the verifier print it."""
        digest = hashlib.sha256(base64.b64decode(self.public_line().split()[1])).digest()
        return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")

    def allowed_signers_line(self, origin: str) -> str:
        """Return the line that pins this key for checkpoints and packages of the log `origin`."""
        return signers_line(origin, self.public_line())


def signers_line(origin: str, public: str, *, after: str = "", before: str = "") -> str:
    """Return the line that pins a public key for the log `origin`; times as in `20261123140000Z`, empty for none."""
    options = [f'namespaces="{CHECKPOINT_NAMESPACE},{PACKAGE_NAMESPACE}"']
    options += [f'valid-after="{after}"'] if after else []
    options += [f'valid-before="{before}"'] if before else []
    return f"{signer_identity(origin)} {','.join(options)} {public}\n"


def fingerprint_of(public: str) -> str:
    """Return the SHA-256 of a public key `type base64` in hexadecimal; ValueError for what is no key."""
    return hashlib.sha256(base64.b64decode(public.split()[1], validate=True)).hexdigest()


def _run(*arguments: str, message: bytes = b"", agent: Path | None = None) -> bytes:
    # A person's agent or a terminal must not take part: the key file decides, or the one agent that is configured.
    environment = {**ENVIRONMENT, "HOME": os.environ.get("HOME", "/")}
    if agent is not None:
        environment["SSH_AUTH_SOCK"] = str(agent)
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
