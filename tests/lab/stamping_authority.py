"""A time-stamping authority (RFC 3161) made with the machine's own openssl: root, certificate, tokens, in a folder."""

import subprocess
from pathlib import Path

_CONFIG = """
[tsa]
serial = serial

signer_cert = tsa.pem
signer_key = tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
accuracy = secs:1
ordering = no
tsa_name = no
ess_cert_id_chain = no
ess_cert_id_alg = sha256
[ext]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
"""


class Authority:
    """One authority; `root` is the certificate that a verifying person gets from elsewhere."""

    def __init__(self, folder: Path, name: str = "Test") -> None:
        folder.mkdir()
        self.folder, self.root = folder, folder / "root.pem"
        (folder / "conf").write_text(_CONFIG)
        (folder / "serial").write_text("01")
        new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        self._run("req", "-x509", *new_key, "-keyout", "root.key", "-out", "root.pem", "-days", "30",
                  "-subj", f"/CN={name} Root")  # fmt: skip
        self._run("req", *new_key, "-keyout", "tsa.key", "-out", "tsa.csr", "-subj", f"/CN={name} TSA")
        self._run("x509", "-req", "-in", "tsa.csr", "-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial",
                  "-out", "tsa.pem", "-days", "10", "-extfile", "conf", "-extensions", "ext")  # fmt: skip

    def token(self, data: bytes) -> bytes:
        """Return the time-stamp response over `data`, the authority's certificate in it."""
        (self.folder / "data").write_bytes(data)
        self._run("ts", "-query", "-data", "data", "-sha256", "-cert", "-out", "query")
        self._run("ts", "-reply", "-config", "conf", "-section", "tsa", "-queryfile", "query", "-out", "reply")
        return (self.folder / "reply").read_bytes()

    def _run(self, *words: str) -> None:
        subprocess.run(["openssl", *words], cwd=self.folder, check=True, capture_output=True)
