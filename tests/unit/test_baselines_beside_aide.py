"""Beside the distribution's AIDE: on a mutated tree the set of changes is the same, path by path."""

import io
import os
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from tests import aide
from tests.measuring import measure

from quarterdeck.baselines.diff import ChangeKind, compare
from quarterdeck.baselines.manifest import Reader

pytestmark = [
    pytest.mark.skipif(shutil.which("aide") is None, reason="not run here: no aide"),
    pytest.mark.skipif(os.geteuid() != 0, reason="not run here: capabilities need root"),
]
CAPABILITY = struct.pack("<5I", 0x02000001, 1 << 10, 0, 0, 0)  # cap_net_bind_service, effective
ACL = struct.pack("<I", 2) + b"".join(
    struct.pack("<HHI", *entry)
    for entry in ((1, 6, 0xFFFFFFFF), (2, 4, 1000), (4, 4, 0xFFFFFFFF), (16, 4, 0xFFFFFFFF), (32, 4, 0xFFFFFFFF))
)


def plant(tree: Path) -> None:
    for folder in range(8):
        (tree / f"d{folder}").mkdir(parents=True)
        for number in range(25):
            (tree / f"d{folder}" / f"f{number}").write_text(f"file {folder} {number}\n" * (number + 1))
    (tree / "d0" / "link").symlink_to("f1")
    # AIDE keeps whole seconds only: what the test changes shall not fall into the second in which it was made.
    for path in [*tree.rglob("*"), tree]:
        os.utime(path, (1_000_000_000, 1_000_000_000), follow_symlinks=False)


def mutate(tree: Path) -> None:
    """Append, chmod, remove, add, give an ACL, give a capability, edit in the same size with the old mtime."""
    for number in range(4):
        with (tree / "d1" / f"f{number}").open("a") as file:
            file.write("appended\n")
        (tree / "d2" / f"f{number}").chmod(0o755)
        (tree / "d3" / f"f{number}").unlink()
        (tree / "d4" / f"new{number}").write_text("new\n")
        os.setxattr(tree / "d5" / f"f{number}", "system.posix_acl_access", ACL)
        os.setxattr(tree / "d6" / f"f{number}", "security.capability", CAPABILITY)
        edited = tree / "d7" / f"f{number}"
        seen = edited.stat()
        edited.write_bytes(edited.read_bytes().replace(b"file", b"evil"))
        os.utime(edited, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    (tree / "d0" / "link").unlink()
    (tree / "d0" / "link").symlink_to("f2")


def test_the_set_of_changes_is_aides_exactly(tmp_path: Path):
    tree = tmp_path / "tree"
    plant(tree)
    try:
        os.setxattr(tree / "d0" / "f1", "system.posix_acl_access", ACL)
    except OSError:
        pytest.skip("not run here: this file system has no ACLs")
    configured = aide.configuration(tmp_path, tree)
    aide.init(configured)
    _, before = measure(tree)
    mutate(tree)
    theirs = aide.check(configured)
    _, after = measure(tree)
    ours: dict[str, set[str]] = {"added": set(), "removed": set(), "changed": set()}
    for change in compare(Reader(io.BytesIO(before)), Reader(io.BytesIO(after))):
        # A moved inode change time alone is a change for AIDE and touched for us: counted here with the rest.
        kind = "changed" if change.kind is ChangeKind.TOUCHED else change.kind.value
        ours[kind].add(change.path.decode())
    assert {name: ours[name] ^ theirs[name] for name in ours} == {name: set() for name in ours}
    assert (len(ours["added"]), len(ours["removed"])) == (4, 4)


def test_what_other_programs_read_of_the_same_tree_agrees(tmp_path: Path):
    tree = tmp_path / "tree"
    plant(tree)
    received, text = measure(tree)
    found = subprocess.run(["find", tree, "-print"], capture_output=True, check=True, timeout=60)
    assert received.totals.entries == len(found.stdout.splitlines())
    assert text.count(b" sha256digest=") == 200
