"""A block rewritten below the file system: size and all times stay as they were, only reading every byte tells."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.measuring import entries, measure

GOOD, EVIL = b"permit = no one at all\n" * 200, b"permit = everyone now!\n" * 200


def run(*words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(words, capture_output=True, timeout=60, check=False)


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("mkfs.ext4"), reason="not run here: needs root and mkfs.ext4")
def test_a_block_rewritten_on_the_disk_is_found(tmp_path: Path):
    image, mounted = tmp_path / "disk.img", tmp_path / "mounted"
    mounted.mkdir()
    image.write_bytes(b"\0" * (8 << 20))
    assert run("mkfs.ext4", "-q", "-F", str(image)).returncode == 0
    if run("mount", "-o", "loop", str(image), str(mounted)).returncode != 0:
        pytest.skip("not run here: no loop devices")
    try:
        (mounted / "app.conf").write_bytes(GOOD)
        name = os.fsencode(mounted / "app.conf")
        before = entries(measure(mounted)[1])[name]
        assert run("umount", str(mounted)).returncode == 0
        content = image.read_bytes()
        assert content.count(GOOD[:4000]) == 1
        at = content.index(GOOD[:4000])
        with image.open("r+b") as disk:
            disk.seek(at)
            disk.write(EVIL[:4000])
        assert run("mount", "-o", "loop", str(image), str(mounted)).returncode == 0
        after = entries(measure(mounted)[1])[name]
    finally:
        run("umount", str(mounted))
    moved = {fact for fact in before if before[fact] != after[fact]}
    assert moved == {"sha256digest"}
