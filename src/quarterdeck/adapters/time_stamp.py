"""Anchor by RFC 3161: an authority signs the hash of a checkpoint's three lines together with its own time.

Only the hash leaves the server. The machine's `openssl` makes the request and checks the answer before it is kept: the
verifier and every assessor check with it too, so a token that is kept here is one that they accept. The receipt is the
whole answer (TimeStampResp, DER) in base64.
"""

import asyncio
import base64
import hashlib
import os
import shutil
import ssl
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from quarterdeck.evidence.api import AnchorGrade
from quarterdeck.workflows.anchor_checkpoints import Anchor, AnchorFailed

SECONDS = 20.0
MOST = 100_000  # the most that the verifier takes; a token of an authority with a long chain has some 8,000 bytes
QUERY_TYPE = "application/timestamp-query"
# What openssl says of an answer that does not hold, and what it means; in the order in which they are looked for.
_MEANINGS = (
    ("nonce mismatch", "it answers another request (its nonce is not ours)"),
    ("nonce not returned", "it answers another request (it left our nonce out)"),
    ("message imprint mismatch", "it stamped other bytes than ours"),
    ("certificate has expired", "its certificate has expired"),
    ("certificate is not yet valid", "its certificate is not valid yet"),
    ("unable to get local issuer certificate", "its certificate is not by an authority of QD_TSA_CA_FILE"),
    ("self-signed certificate", "its certificate is not by an authority of QD_TSA_CA_FILE"),
    ("unable to get issuer certificate", "its certificate is not by an authority of QD_TSA_CA_FILE"),
    ("certificate verify error", "its certificate is not accepted"),
    ("signature failure", "its signature does not hold"),
    ("no content", "what it sent is no time stamp"),
    ("wrong tag", "what it sent is no time stamp"),
    ("asn1", "what it sent is no time stamp"),
)


@dataclass(frozen=True, slots=True)
class TimeStampAnchor:
    """Fulfils anchor_checkpoints.AnchorChannel; `target` is the authority's http(s) address.

    `ca_file` holds the roots that we and the assessor believe for its signatures, `tls_ca_file` those of its website.
    """

    target: str
    grade: AnchorGrade
    ca_file: Path | None
    tls_ca_file: Path | None = None
    seconds: float = SECONDS
    channel: str = "rfc3161"

    def send(self, anchor: Anchor) -> str:
        """Have the checkpoint stamped and return the checked answer in base64; AnchorFailed for any other."""
        if self.ca_file is None or not os.access(self.ca_file, os.R_OK):
            raise AnchorFailed("QD_TSA_CA_FILE names no readable file, so no time stamp could be checked")
        with tempfile.TemporaryDirectory(prefix="quarterdeck-stamp-") as folder:
            query = _query(anchor.checkpoint.body, folder)
            answer = self._ask(query)
            Path(folder, "answer").write_bytes(answer)
            self._check(folder, self.ca_file)
        return base64.b64encode(answer).decode()

    def _ask(self, query: bytes) -> bytes:
        parts = urlsplit(self.target)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username is not None:
            raise self._failed("its address is none; write https://host/path, without a password")
        try:
            return asyncio.run(asyncio.wait_for(self._fetch(query), self.seconds))
        except TimeoutError as error:
            raise self._failed(f"it did not answer within {self.seconds:.0f} s") from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
            raise self._failed(f"it is not reached: {str(error) or type(error).__name__}") from error

    async def _fetch(self, query: bytes) -> bytes:
        """Post the request; one deadline around all of it, because an answer may also come a byte at a time."""
        context = ssl.create_default_context(cafile=self.tls_ca_file)
        headers = {"Content-Type": QUERY_TYPE, "Accept": "application/timestamp-reply", "Accept-Encoding": "identity"}
        async with (
            httpx.AsyncClient(verify=context, timeout=self.seconds, follow_redirects=False) as client,
            client.stream("POST", self.target, content=query, headers=headers) as response,
        ):
            if response.status_code != httpx.codes.OK:
                raise self._failed(f"it answered {response.status_code} {response.reason_phrase}".rstrip())
            answer = b""
            # Raw, because a packed answer of a few bytes would unfold to gigabytes before it is counted.
            async for piece in response.aiter_raw():
                answer += piece
                if len(answer) > MOST:
                    raise self._failed(f"its answer has more than {MOST} bytes")
            return answer

    def _check(self, folder: str, roots: Path) -> None:
        code, told = _openssl(folder, "ts", "-reply", "-in", "answer", "-text")
        if code != 0:
            raise self._failed("what it sent is no time stamp")
        status = next((line for line in told.splitlines() if line.startswith("Status: ")), "")
        if not status.startswith("Status: Granted"):
            raise self._failed(f"it refused: {status.removeprefix('Status: ') or 'without a word'}{_why(told)}")
        code, told = _openssl(
            folder, "ts", "-verify", "-queryfile", "query", "-in", "answer", "-CAfile", str(roots.resolve())
        )
        if code != 0:
            lower = told.lower()
            known = (meaning for words, meaning in _MEANINGS if words in lower)
            raise self._failed(next(known, f"its answer does not hold: {_last_line(told)}"))

    def _failed(self, why: str) -> AnchorFailed:
        return AnchorFailed(f"the time-stamping authority {self.target}: {why}")


def _query(data: bytes, folder: str) -> bytes:
    """Return a request with the hash of `data`, a nonce and a wish for the certificate; kept in `folder`."""
    digest = hashlib.sha256(data).hexdigest()
    code, told = _openssl(folder, "ts", "-query", "-sha256", "-digest", digest, "-cert", "-out", "query")
    if code != 0:
        raise AnchorFailed(f"openssl made no request: {_last_line(told)}")
    return Path(folder, "query").read_bytes()


def _openssl(folder: str, *words: str) -> tuple[int, str]:
    """Run openssl in a folder of our own; returns its exit code and what it said."""
    program = shutil.which("openssl")
    if program is None:
        raise AnchorFailed("there is no openssl on this machine; install it, it makes and checks time stamps")
    try:
        done = subprocess.run(
            [program, *words], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False,
            env=os.environ | {"LC_ALL": "C"},
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise AnchorFailed("openssl did not answer in time") from error
    return done.returncode, (done.stdout + done.stderr).decode("ascii", "replace")


def _why(told: str) -> str:
    lines = [line.strip() for line in told.splitlines()]
    found = [line for line in lines if line.startswith(("Status description:", "Failure info:"))]
    return " " + "; ".join(found)[:200] if found else ""


def _last_line(told: str) -> str:
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    return lines[-1][:200] if lines else "it says nothing"
