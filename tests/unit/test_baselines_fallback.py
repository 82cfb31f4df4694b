"""Systems without Python: the shell collector agrees with the other, in dash and busybox, read as strictly."""

import io
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.measuring import entries, measure

from quarterdeck.baselines.fallback import fallback_bytes, fallback_command, fallback_sha256, receive_fallback
from quarterdeck.baselines.manifest import ManifestError
from quarterdeck.baselines.receiver import BadOutput

SHELLS = [
    pytest.param("system", id="system"),
    pytest.param("busybox", id="busybox", marks=pytest.mark.skipif(not shutil.which("busybox"), reason="not run here")),
]
APPLETS = ("sh", "find", "stat", "sha256sum", "cut", "head", "wc", "cat", "sort", "uname", "id", "date", "readlink",
           "printf", "echo", "[")  # fmt: skip
SHARED = ("type", "uid", "gid", "mode", "nlink", "size", "link", "device", "sha256digest", "inode")


def environment(shell: str, folder: Path) -> dict[str, str]:
    """A PATH of this shell's programs alone: of busybox its applets and nothing else."""
    if shell == "system":
        return {"PATH": "/usr/bin:/bin"}
    place = folder / "busybox"
    place.mkdir(exist_ok=True)
    for name in APPLETS:
        if not (place / name).exists():
            (place / name).symlink_to(shutil.which("busybox") or "")
    return {"PATH": str(place)}


def run(
    arguments: list[str], shell: str, folder: Path, sent: bytes | None = None
) -> subprocess.CompletedProcess[bytes]:
    where = environment(shell, folder)
    command = fallback_command(fallback_sha256(), len(fallback_bytes()), arguments)
    sh = shutil.which("sh", path=where["PATH"]) or ""
    return subprocess.run([sh, "-c", command], input=sent or fallback_bytes(), capture_output=True, env=where,
                          timeout=120, check=False, cwd="/")  # fmt: skip


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    (tree / "sub folder").mkdir(parents=True)
    for name in (
        "plain",
        "new\nline",
        " lead",
        "-dash",
        "back\\slash",
        "tab\t",
        "\u202e",
        "x" * 200,
        "a'b\"c$(id)`id`",
    ):
        (tree / "sub folder" / name).write_text(name)
    (tree / os.fsdecode(b"bad\xff\xfeutf8")).write_text("x")
    (tree / "link").symlink_to("sub folder/plain")
    (tree / "dangling").symlink_to("no where\n else")
    os.mkfifo(tree / "pipe")
    (tree / "setuid").write_text("x")
    (tree / "setuid").chmod(0o4755)
    (tree / "empty").write_bytes(b"")
    return tree


@pytest.mark.parametrize("shell", SHELLS)
def test_it_tells_what_the_other_collector_tells(tree: Path, tmp_path: Path, shell: str):
    done = run(["manifest", str(tree)], shell, tmp_path)
    assert done.returncode == 0, done.stderr
    target = io.BytesIO()
    received = receive_fallback(io.BytesIO(done.stdout), target, arguments=["manifest", str(tree)])
    theirs, ours = entries(measure(tree)[1]), entries(target.getvalue())
    assert theirs.keys() == ours.keys()
    for path, facts in theirs.items():
        assert {name: ours[path].get(name) for name in SHARED} == {name: facts.get(name) for name in SHARED}, path
        assert ours[path]["time"].partition(b".")[0] == facts["time"].partition(b".")[0]
    assert received.totals.unreadable == 0
    assert received.header.collector_sha256 == fallback_sha256()


@pytest.mark.parametrize("shell", SHELLS)
def test_a_folder_that_is_not_there_and_one_named_twice(tree: Path, tmp_path: Path, shell: str):
    asked = ["manifest", str(tree), f"{tree}/empty", f"{tree}/missing"]
    target = io.BytesIO()
    receive_fallback(io.BytesIO(run(asked, shell, tmp_path).stdout), target, arguments=asked)
    assert entries(target.getvalue())[f"{tree}/missing".encode()] == {"error": b"ENOENT"}


@pytest.mark.parametrize("shell", SHELLS)
def test_the_posture_has_digests_and_the_kernel(tmp_path: Path, shell: str):
    done = run(["posture"], shell, tmp_path)
    found = receive_fallback(io.BytesIO(done.stdout), io.BytesIO(), arguments=["posture"]).document
    assert len(str(found["etc.passwd"]["value"])) == 64  # type: ignore[index]
    assert "kernel" in found


@pytest.mark.parametrize("shell", SHELLS)
def test_other_bytes_than_the_approved_ones_do_not_run(tmp_path: Path, shell: str):
    sent = fallback_bytes().replace(b"LC_ALL=C", b"LC_ALL=D", 1)
    done = run(["posture"], shell, tmp_path, sent)
    assert done.returncode == 1
    assert b"collector refused" in done.stderr


def test_whatever_is_cut_off_or_changed_is_refused_whole(tree: Path, tmp_path: Path):
    asked = ["manifest", str(tree)]
    whole = run(asked, "system", tmp_path).stdout
    for cut in range(0, len(whole), 37):
        with pytest.raises((BadOutput, ManifestError)):
            receive_fallback(io.BytesIO(whole[:cut]), io.BytesIO(), arguments=asked)
    for bad in (whole + b"x", whole.replace(b"A /", b"A /other/", 1), whole.replace(b"B ", b"B 9", 1)):
        with pytest.raises((BadOutput, ManifestError)):
            receive_fallback(io.BytesIO(bad), io.BytesIO(), arguments=asked)


def test_what_moved_between_the_two_looks_is_unstable():
    before, after = (b"81a4 0 0 1 5 1.000000000 %d.000000000 7 0 0" % moment for moment in (1, 2))
    head = [b"quarterdeck-fallback-1 manifest", b"A /f", b"system x", b"uid 0", b"started 1"]
    lines = [*head, b"B 1", before, b"a" * 64, after]
    output = b"\n".join(lines) + b"\n\0/f\0finished 2\n"
    target = io.BytesIO()
    assert receive_fallback(io.BytesIO(output), target, arguments=["manifest", "/f"]).totals.unreadable == 1
    assert entries(target.getvalue())[b"/f"]["error"] == b"unstable"
