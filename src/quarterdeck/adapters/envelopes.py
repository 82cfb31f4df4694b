"""Encrypting what leaves to its reader: CMS by the host's `openssl`, or `age` where that tool is installed.

The host's own tools do it, so that a host in FIPS mode uses its validated module; the wheel of `cryptography` only
reads certificates here. Data goes in through a pipe; no key and no plain text touches the disk.
"""

import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, BinaryIO, cast

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from quarterdeck.assessor.api import Envelope, Recipient
from quarterdeck.kernel.decision import Refused, refuse

CHUNK = 1 << 20
WORDS = 6
ROUNDS = "600000"
# No letter that is taken for another; 30 of 31 signs are 148 bits.
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_AGE = re.compile(r"age1[02-9ac-hj-np-z]{58}", re.ASCII)
_LONGEST = 20_000
_AGREEMENT = ("-keyopt", "ecdh_kdf_md:sha256")
_TRANSPORT = ("-keyopt", "rsa_padding_mode:oaep", "-keyopt", "rsa_oaep_md:sha256")


class Envelopes:
    """Fulfils assessor.ports.Locksmith."""

    def passphrase(self) -> tuple[Recipient, str]:
        """Return a new P-256 key pair locked by a new passphrase, and that passphrase."""
        said = "-".join("".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(WORDS))
        key = _openssl(["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], b"")
        # A hundred years: nobody checks this certificate; it only carries the public key.
        request = ["req", "-x509", "-new", "-key", "/dev/stdin", "-subj", "/CN=Quarterdeck package", "-days", "36500"]
        certificate = _openssl(request, key)
        return Recipient(Envelope.PASSPHRASE, certificate.decode("ascii"), _locked(key, said)), said

    def recipient(self, text: str) -> Recipient:
        """Return whom a certificate (PEM) or an age recipient names; Refused(recipient.unusable)."""
        said = text.strip()
        if _AGE.fullmatch(said):
            if shutil.which("age") is None:
                raise Refused(
                    refuse(
                        "recipient.unusable",
                        "The tool `age` is not installed on this server.",
                        "Install it (package age), or paste a certificate.",
                    )
                )
            return Recipient(Envelope.AGE, said + "\n")
        return Recipient(Envelope.CERTIFICATE, _certificate(said).public_bytes(Encoding.PEM).decode("ascii"))

    def seal(self, recipient: Recipient, source: BinaryIO, target: Path) -> None:
        """Write `source` to `target`, encrypted; constant memory. Refused(recipient.failed)."""
        named = target.with_name(target.name + ".to")
        named.write_text(recipient.public)
        try:
            if recipient.envelope is Envelope.AGE:
                command = ["age", "--encrypt", "--recipients-file", str(named), "--output", str(target)]
            else:
                command = ["openssl", "cms", "-encrypt", "-binary", "-stream", "-outform", "DER", "-aes256"]
                command += ["-in", "/dev/stdin", "-out", str(target), "-recip", str(named), *_options(recipient.public)]
            _feed(command, source)
        finally:
            named.unlink(missing_ok=True)
        target.chmod(0o600)


def _certificate(text: str) -> x509.Certificate:
    wrong = refuse(
        "recipient.unusable",
        "This is no certificate (PEM) with an RSA or NIST P key, and no age recipient.",
        "Paste the assessor's encryption certificate, an age recipient, or ask for a passphrase.",
    )
    if len(text) > _LONGEST:
        raise Refused(wrong)
    try:
        found = x509.load_pem_x509_certificate(text.encode())
        key = found.public_key()
    except ValueError as error:
        raise Refused(wrong) from error
    strong = (isinstance(key, rsa.RSAPublicKey) and key.key_size >= 2048) or isinstance(key, ec.EllipticCurvePublicKey)
    if not strong:
        raise Refused(wrong)
    return found


def _options(public: str) -> Sequence[str]:
    return _TRANSPORT if isinstance(_certificate(public).public_key(), rsa.RSAPublicKey) else _AGREEMENT


def _openssl(arguments: Sequence[str], given: bytes, pass_fds: Sequence[int] = ()) -> bytes:
    try:
        done = subprocess.run(
            ["openssl", *arguments], input=given, capture_output=True, timeout=60, check=True, pass_fds=pass_fds
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise Refused(
            refuse("recipient.failed", "OpenSSL did not make the key.", "See that `openssl` runs on this server.")
        ) from error
    return done.stdout


def _locked(key: bytes, passphrase: str) -> str:
    """Return the private key under the passphrase, which goes through a pipe: no argument list shows it."""
    read, write = os.pipe()
    try:
        os.write(write, passphrase.encode() + b"\n")
        os.close(write)
        options = ["-topk8", "-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA256", "-iter", ROUNDS]
        return _openssl(["pkcs8", *options, "-passout", f"fd:{read}"], key, (read,)).decode("ascii")
    finally:
        os.close(read)


def _feed(command: Sequence[str], source: BinaryIO) -> None:
    failed = refuse(
        "recipient.failed",
        f"A recording could not be encrypted by {command[0]}.",
        "See that the tool runs on this server and the disk has room, and order the package again.",
    )
    try:
        with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as running:
            pipe = cast(IO[bytes], running.stdin)
            with suppress(BrokenPipeError):
                while chunk := source.read(CHUNK):
                    pipe.write(chunk)
                pipe.close()
            code = running.wait()
    except OSError as error:
        raise Refused(failed) from error
    if code != 0:
        raise Refused(failed)
