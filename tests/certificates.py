"""A small certificate authority for tests, made with the machine's `openssl`: for servers, clients, time stamps."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
STAMPING = "extendedKeyUsage=critical,timeStamping\nkeyUsage=critical,digitalSignature\n"


def openssl(*arguments, cwd=None):
    return subprocess.run(
        ["openssl", *map(str, arguments)], cwd=cwd, capture_output=True, check=True, timeout=60
    ).stdout


@dataclass(frozen=True)
class Certificate:
    """A certificate and its key, as files."""

    pem: Path
    key: Path


class Authority:
    """A root and what it issued, in one folder."""

    def __init__(self, folder, name="root"):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.root = folder / f"{name}.pem"
        self._key = folder / f"{name}.key"
        openssl(
            "req", "-x509", *KEY, "-keyout", self._key, "-out", self.root, "-subj", f"/CN=Test {name}", "-days", "30"
        )

    def issue(self, name, *, extensions="", days=30):
        """Return a certificate for `name`, valid for 127.0.0.1 too; for time stamps take STAMPING as extensions."""
        made = Certificate(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        request, extra = self.folder / f"{name}.csr", self.folder / f"{name}.ext"
        openssl("req", *KEY, "-new", "-keyout", made.key, "-subj", f"/CN={name}", "-out", request)
        extra.write_text(extensions or f"subjectAltName=DNS:{name},IP:127.0.0.1\n")
        made.key.chmod(0o600)
        openssl("x509", "-req", "-in", request, "-CA", self.root, "-CAkey", self._key, "-CAcreateserial", "-days", days,
                "-extfile", extra, "-out", made.pem)  # fmt: skip
        return made
