"""A real S3 server of the lab (SeaweedFS) that enforces Object Lock, on loopback, gone with the run.

Ready is a put that was answered: the S3 port listens before the filer behind it works. Its gRPC ports are the others
plus 10,000, so a block of free ports is sought for each run of the tests.
"""

import json
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from quarterdeck.adapters.encrypted_store import EncryptedStore
from quarterdeck.adapters.s3_client import S3, connect
from quarterdeck.adapters.s3_store import S3Store
from quarterdeck.adapters.store_key import StoreKey
from quarterdeck.config.api import S3Place
from quarterdeck.kernel.clock import SystemClock

WEED = Path(sys.executable).with_name("weed")
READY_SECONDS = 60
NAMES = ("master.port", "volume.port", "filer.port", "s3.port")


def free_ports(count):
    """Ports that are free together with those 10,000 above, which SeaweedFS takes too."""
    found, probes = [], []
    while len(found) < count:
        probe = socket.socket()
        above = socket.socket()
        try:
            port = 10_000 + secrets.randbelow(9_000)
            probe.bind(("127.0.0.1", port))
            above.bind(("127.0.0.1", port + 10_000))
        except OSError:
            probe.close()
            above.close()
            continue
        found.append(port)
        probes += [probe, above]
    for probe in probes:
        probe.close()
    return found


@dataclass
class Seaweed:
    """The server: its folder, its ports, its keys."""

    folder: Path
    ports: dict[str, int] = field(default_factory=lambda: dict(zip(NAMES, free_ports(4), strict=True)))
    key: str = "labkey"
    secret: str = "lab-secret-" + secrets.token_hex(8)
    process: subprocess.Popen | None = None

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.ports['s3.port']}"

    def start(self):
        (self.folder / "data").mkdir(exist_ok=True)
        identity = {
            "name": "admin",
            "credentials": [{"accessKey": self.key, "secretKey": self.secret}],
            "actions": ["Admin", "Read", "List", "Tagging", "Write"],
        }
        (self.folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
        with (self.folder / "log").open("ab") as log:
            self.process = self._run(log)
        self._await()

    def _run(self, log):
        return subprocess.Popen(
            [
                WEED, "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={self.folder / 'data'}", "-filer", "-s3",
                "-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false", "-volume.max=200",
                "-master.volumeSizeLimitMB=64", f"-s3.config={self.folder / 's3.json'}",
                *(f"-{name}={port}" for name, port in self.ports.items()),
            ],
            stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def _await(self):
        client = connect(self.place("readiness")).client
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                with suppress(client.exceptions.BucketAlreadyOwnedByYou, client.exceptions.BucketAlreadyExists):
                    client.create_bucket(Bucket="readiness")
                client.put_object(Bucket="readiness", Key="ready", Body=b"1")
                return
            except (BotoCoreError, ClientError):
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise
                time.sleep(0.1)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for path in Path("/tmp").glob("seaweedfs-*.sock"):
            if any(str(port + more) in path.name for port in self.ports.values() for more in (0, 10_000)):
                path.unlink(missing_ok=True)

    def credentials(self, secret=""):
        path = self.folder / f"credentials-{'right' if not secret else 'wrong'}"
        path.touch(0o600)
        path.write_text(f"[default]\naws_access_key_id = {self.key}\naws_secret_access_key = {secret or self.secret}\n")
        return path

    def place(self, bucket, prefix="", secret=""):
        return S3Place(bucket, prefix, self.endpoint, "us-east-1", self.credentials(secret))

    def bucket(self, *, lock=True):
        """A fresh bucket's name."""
        name = f"lab-{secrets.token_hex(6)}"
        connect(self.place(name)).client.create_bucket(Bucket=name, ObjectLockEnabledForBucket=lock)
        return name


@pytest.fixture(scope="session")
def seaweed(tmp_path_factory) -> Iterator[Seaweed]:
    """The server, one for all tests of a run."""
    assert WEED.is_file(), "NOT PROVEN HERE: the test set's SeaweedFS is not installed"
    server = Seaweed(tmp_path_factory.mktemp("seaweedfs"))
    try:
        server.start()
        yield server
    finally:
        if server.process is not None:
            server.stop()


@pytest.fixture(scope="session")
def bucket(seaweed) -> str:
    """One bucket with Object Lock for all: the server gives each bucket volumes of its own and has not endless many."""
    return seaweed.bucket()


@pytest.fixture
def s3(seaweed, bucket) -> S3:
    """A place of this test alone."""
    return connect(seaweed.place(bucket, f"shop-{secrets.token_hex(6)}"))


class Keys:
    """A book of keys in memory, for tests that have no database."""

    def __init__(self):
        self.rows = {}

    def find(self, sha256):
        return self.rows.get(sha256)

    def keep(self, key):
        return self.rows.setdefault(key.sha256, key)

    def forget(self, sha256):
        self.rows.pop(sha256, None)

    def named(self, objects):
        return {key.object: sha256 for sha256, key in self.rows.items() if key.object in objects}

    def last_store_key(self):
        return next((key.store_key for key in reversed(self.rows.values())), "")


def encrypted_on(s3, folder, book=None, **changes):
    """An S3 store with a key for every file, as `wiring` makes it."""
    return EncryptedStore(store_on(s3, folder, **changes), book or Keys(), StoreKey(folder / "store_key"))


def store_on(s3, folder, **changes):
    """An S3 store; on the machine's clock, because the server compares retention with its own."""
    given = {"first_lock": timedelta(days=1), "demand_lock": True, "clock": SystemClock(), **changes}
    return S3Store(s3, spool=folder / "spool", **given)
