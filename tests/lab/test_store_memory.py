"""Big files pass through every store with little memory: nothing of any size is held whole."""

import hashlib
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow
SIZE = 200 * 1024 * 1024
ALLOWED = 48 * 1024 * 1024
PROGRAM = """
import io, os, resource, sys
from datetime import timedelta
from pathlib import Path
from tests.lab.seaweed import Keys
from quarterdeck.adapters.encrypted_store import EncryptedStore
from quarterdeck.adapters.store_key import StoreKey
from quarterdeck.adapters.s3_client import connect
from quarterdeck.adapters.s3_store import S3Store
from quarterdeck.config.api import S3Place
from quarterdeck.evidence.directory import DirectoryStore
from quarterdeck.kernel.clock import SystemClock
kind, folder, big, bucket, prefix, endpoint, credentials = sys.argv[1:]
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
if kind == "directory":
    store = DirectoryStore(Path(folder))
else:
    s3 = connect(S3Place(bucket, prefix, endpoint, "us-east-1", Path(credentials)))
    store = S3Store(s3, SystemClock(), Path(folder), timedelta(days=1), True)
if kind.startswith("encrypted"):
    store = EncryptedStore(store, Keys(), StoreKey(Path(folder) / "store_key"))
store.put(b"warm")
before = peak()
with open(big, "rb") as stream:
    copy = store.put(stream if kind.endswith("stream") else Path(big))
assert store.digest(copy.sha256, copy.version) == copy.sha256
with store.open(copy.sha256, copy.version) as file:
    while file.read(1 << 20):
        pass
print(copy.sha256, peak() - before)
"""


@pytest.mark.parametrize("kind", ["directory", "s3", "stream", "encrypted", "encrypted stream"])
def test_storing_hashing_and_reading_take_constant_memory(kind, s3, seaweed, tmp_path):
    big, digest = tmp_path / "big", hashlib.sha256()
    with big.open("wb") as out:
        for number in range(SIZE // (1024 * 1024)):
            piece = number.to_bytes(4, "big") * (256 * 1024)
            digest.update(piece)
            out.write(piece)
    place = (s3.place.bucket, s3.place.prefix, seaweed.endpoint, seaweed.credentials())
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, kind, str(tmp_path / "folder"), str(big), *map(str, place)],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    sha256, grown = done.stdout.split()
    assert sha256 == digest.hexdigest()
    assert int(grown) < ALLOWED, f"{int(grown) / 1024 / 1024:.0f} MB more than for four bytes"
