"""A large file through the real server: memory stays as it is, whatever the file's length.

`QD_TEST_ATTACH_MB` makes it longer for a measurement by hand.
"""

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.e2e.conftest import _wait
from tests.ports import free_port
from tests.shop import password_of

from quarterdeck.personnel.totp import code_of

ROOT = Path(__file__).resolve().parents[2]
MEGA = 1 << 20
LENGTH = int(os.environ.get("QD_TEST_ATTACH_MB", "200")) * MEGA
MOST_GROWTH = 64 * MEGA


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], str, dict]]:
    data, seed = tmp_path / "data", tmp_path / "seed.json"
    data.mkdir(mode=0o700)
    (data / "secret_key").write_text("only for this test " * 4)
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("QD_")} | {
        "QD_DATA_DIR": str(data), "QD_WEB_PORT": str(port), "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
        "DJANGO_SETTINGS_MODULE": "quarterdeck.settings", "QD_ATTACH_FLOOR_GB": "0",
    }  # fmt: skip
    log = tmp_path / "server.log"
    with log.open("wb") as out:
        server = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.web_shop", str(port), str(seed)], cwd=ROOT, env=environment, stdout=out,
            stderr=out,
        )  # fmt: skip
        try:
            _wait(f"http://127.0.0.1:{port}", server, log)
            yield server, f"http://127.0.0.1:{port}/api/v1", json.loads(seed.read_text())
        finally:
            server.terminate()
            server.wait(timeout=20)


def _peak(pid: int) -> int:
    """Return the most memory that the process ever had, in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def _parts(length: int) -> Iterator[bytes]:
    """Yield an MP4 of this length whose film is a hole, as a sparse file reads, without holding it."""
    head = (16 + 8).to_bytes(4, "big") + b"ftypisom\0\0\2\0isomiso2" + (16).to_bytes(4, "big") + b"moov" + bytes(8)
    film = length - len(head)
    head += (1).to_bytes(4, "big") + b"mdat" + film.to_bytes(8, "big")
    yield head
    left = length - len(head)
    hole = bytes(MEGA)
    while left:
        yield hole[: min(left, MEGA)]
        left -= min(left, MEGA)


def _chunks(length: int, most: int) -> Iterator[bytes]:
    kept = bytearray()
    for part in _parts(length):
        kept += part
        while len(kept) >= most:
            yield bytes(kept[:most])
            del kept[:most]
    if kept:
        yield bytes(kept)


def test_memory_does_not_grow_with_the_file(served: tuple[subprocess.Popen[bytes], str, dict]) -> None:
    server, address, seed = served
    number = seed["scheduled"]
    code = code_of(seed["secrets"]["max"], int(time.time()) // 30 + 1)
    login = {"email": "max@example.test", "password": password_of("max"), "totp": code}
    with httpx.Client(base_url=address, timeout=600) as client:
        client.headers["Authorization"] = f"Bearer {client.post('/login', json=login).json()['token']}"
        told = {"kind": "remote_recording", "reason": "Hours of film.", "name": "long.mp4"}
        start = f"/tickets/{number}/attachments/uploads"
        warm = client.post(start, json=told | {"size": 32 * MEGA}).json()
        _sent(client, warm, 32 * MEGA)
        before = _peak(server.pid)
        upload = client.post(start, json=told | {"size": LENGTH}).json()
        began = time.monotonic()
        sha256 = _sent(client, upload, LENGTH)
        seconds = time.monotonic() - began
        growth = _peak(server.pid) - before
        print(f"{LENGTH / MEGA:.0f} MiB in {seconds:.1f} s, memory grew by {growth / MEGA:.1f} MiB")
        assert growth < MOST_GROWTH
        rows = client.get(f"/tickets/{number}/attachments").json()
        assert (rows[-1]["sha256"], rows[-1]["size"]) == (sha256, LENGTH)
        with client.stream("GET", f"/tickets/{number}/attachments/{sha256}") as answer:
            back = hashlib.sha256()
            for part in answer.iter_bytes(MEGA):
                back.update(part)
        assert back.hexdigest() == sha256
        assert _peak(server.pid) - before < MOST_GROWTH


def _sent(client: httpx.Client, upload: dict, length: int) -> str:
    digest, at = hashlib.sha256(), 0
    for chunk in _chunks(length, upload["chunk"]):
        digest.update(chunk)
        headers = {"X-Chunk-SHA256": hashlib.sha256(chunk).hexdigest(), "Content-Type": "application/octet-stream"}
        answer = client.put(f"/uploads/{upload['id']}?offset={at}", content=chunk, headers=headers)
        assert answer.status_code == 200, answer.text
        at = answer.json()["offset"]
    done = client.post(f"/uploads/{upload['id']}/finish", json={"sha256": digest.hexdigest()})
    assert done.json()["sha256"] == digest.hexdigest(), done.text
    return digest.hexdigest()
