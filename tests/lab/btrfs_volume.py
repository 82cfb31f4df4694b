"""A real btrfs file system on a loop device, with one subvolume and a folder for snapshots."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


def run(*words: object) -> None:
    environment = {"PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}
    subprocess.run([str(word) for word in words], check=True, capture_output=True, timeout=60, env=environment)


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0 or not shutil.which("mkfs.btrfs", path="/usr/sbin:/sbin:/usr/bin"):
        pytest.skip("NOT PROVEN HERE: a btrfs volume needs root and btrfs-progs")
    image, place = tmp_path / "disk", tmp_path / "volume"
    with image.open("wb") as file:
        file.truncate(128 << 20)
    place.mkdir()
    try:
        run("mkfs.btrfs", "-q", image)
        run("mount", "-o", "loop", image, place)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"NOT PROVEN HERE: no btrfs on a loop device: {error.stderr[-200:]!r}")
    try:
        run("btrfs", "subvolume", "create", place / "data")
        (place / "snapshots").mkdir()
        yield place
    finally:
        if subprocess.run(["/usr/bin/umount", place], check=False, capture_output=True).returncode != 0:
            run("umount", "--lazy", place)
