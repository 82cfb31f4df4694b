"""Bad input for the collectors, at the interface that promises: a clear result, and no half baseline."""

import hashlib
import io
import os
import resource
import shlex
import shutil
import socket
import stat
import subprocess
from pathlib import Path

import pytest
from tests.measuring import collect, entries, measure

from quarterdeck.baselines import manifest
from quarterdeck.baselines.bootstrap import bootstrap_command, collector_bytes, collector_sha256
from quarterdeck.baselines.fallback import fallback_bytes, fallback_command, fallback_sha256, receive_fallback
from quarterdeck.baselines.receiver import BadOutput, receive
from quarterdeck.baselines.target.files import record

HOSTILE = (b"new\nline", b"tab\t", b"\x1b[31mred\x1b]0;title\x07", b"\xff\xfe\xc3", b"back\\slash\\n", b"a  b ",
           b"'\"`$(id)&;|", "\u202egnp.exe".encode(), b"x" * 255, b"\xff" * 255, b"-rf", b"<img src=x onerror=a(1)>",
           b"=1+1", b"#", b"\r", b"%00", b"{{7*7}}")  # fmt: skip


def sh(command: str, sent: bytes, before: str = "", **more) -> subprocess.CompletedProcess[bytes]:
    argv = ["unshare", "-m", "sh", "-c", before + command] if before else ["sh", "-c", command]
    return subprocess.run(argv, input=sent, capture_output=True, check=False, timeout=120, cwd="/", **more)


def command_of(kind: str, arguments: list[str]) -> tuple[str, bytes]:
    if kind == "python":
        return bootstrap_command(collector_sha256(), len(collector_bytes()), arguments), collector_bytes()
    return fallback_command(fallback_sha256(), len(fallback_bytes()), arguments), fallback_bytes()


def received(kind: str, output: bytes, arguments: list[str]) -> dict[bytes, dict[str, bytes]]:
    target = io.BytesIO()
    if kind == "python":
        receive(io.BytesIO(output), target, arguments=arguments, sha256=collector_sha256())
    else:
        receive_fallback(io.BytesIO(output), target, arguments=arguments)
    return entries(target.getvalue())


BOTH = pytest.mark.parametrize("kind", ["python", "sh"])
needs_namespace = pytest.mark.skipif(
    subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True, timeout=10).returncode != 0,
    reason="not run here: no mount namespace of our own",
)


@BOTH
def test_names_and_paths_at_their_limits(tmp_path: Path, kind: str):
    """255 bytes in a name, 4,095 in a path; what lies deeper than the kernel lets us name is marked, not left out."""
    tree = os.fsencode(tmp_path / "tree")
    os.mkdir(tree)
    for name in HOSTILE:
        Path(os.fsdecode(tree + b"/" + name)).write_bytes(name)
    deep, here = tree, os.open(tree, os.O_RDONLY)
    for _ in range(20):
        os.mkdir(b"d" * 250, dir_fd=here)
        below = os.open(b"d" * 250, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here, deep = below, deep + b"/" + b"d" * 250
    os.close(here)
    longest = max((deep[: at + 1] for at in range(4092) if deep[at : at + 2] == b"d/"), key=len)
    exact = longest + b"/" + b"f" * (4095 - len(longest) - 1)
    Path(os.fsdecode(exact)).write_bytes(b"at the limit")
    arguments = ["manifest", os.fsdecode(tree)]
    command, sent = command_of(kind, arguments)
    done = sh(command, sent)
    assert done.returncode == 0, done.stderr
    found = received(kind, done.stdout, arguments)
    for name in HOSTILE:
        assert found[tree + b"/" + name]["sha256digest"] == hashlib.sha256(name).hexdigest().encode()
    assert found[exact]["sha256digest"] == hashlib.sha256(b"at the limit").hexdigest().encode()
    beyond = [facts for path, facts in found.items() if len(path) > 4095]
    assert {facts.get("error") for facts in beyond} == {b"ENAMETOOLONG"}
    shutil.rmtree(tmp_path / "tree")


@pytest.mark.skipif(not shutil.which("mtree") or not shutil.which("bsdtar"), reason="not run here: no mtree, no bsdtar")
def test_other_programs_read_the_exports_of_hostile_names(tmp_path: Path):
    tree = tmp_path / "tree"
    tree.mkdir()
    for name in HOSTILE:
        Path(os.fsdecode(os.fsencode(tree) + b"/" + name)).write_bytes(name)
    text = measure(tree)[1]
    spec, sums = tmp_path / "spec", io.BytesIO()
    with spec.open("wb") as target:
        manifest.export_mtree(io.BytesIO(text), target)
    manifest.export_sha256sums(io.BytesIO(text), sums)
    check = ["mtree", "-p", "/", "-f", str(spec), "-k", "type,mode,size,link,sha256", "-e"]
    assert subprocess.run(check, capture_output=True, check=False, timeout=60).returncode == 0
    listed = subprocess.run(["bsdtar", "-tf", spec], capture_output=True, check=True, timeout=60).stdout
    above = len(tree.parts) - 1
    assert len(listed.splitlines()) == len(HOSTILE) + 1 + above
    verify = ["sha256sum", "--check", "--strict", "--quiet", "-"]
    assert subprocess.run(verify, input=sums.getvalue(), cwd="/", check=False, timeout=60).returncode == 0
    Path(os.fsdecode(os.fsencode(tree) + b"/" + HOSTILE[0])).write_bytes(b"other bytes")
    assert subprocess.run(check, capture_output=True, check=False, timeout=60).returncode == 2


def test_what_is_no_longer_what_its_folder_said(tmp_path: Path):
    """The folder says *file*; by the time somebody looks it is gone, a link, a pipe, a folder or not readable."""
    assert record(os.fsencode(tmp_path / "gone"), b"file").endswith(b"/gone error=ENOENT\n")
    (tmp_path / "link").symlink_to("/etc/shadow")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name, kind in (("link", b"link"), ("pipe", b"fifo"), ("folder", b"dir")):
        line = record(os.fsencode(tmp_path / name), b"file")
        assert b" type=" + kind in line
        assert b"sha256digest" not in line
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        assert b" type=socket" in record(os.fsencode(tmp_path / "socket"), b"file")


def test_a_file_that_shrinks_grows_or_is_replaced_while_it_is_read_is_unstable(tmp_path: Path, monkeypatch):
    file, real = tmp_path / "file", os.read
    for size, change in ((10, b"longer than it was"), (10, b"less"), (10, b"otherbytes"), (400_000, b"cut")):
        file.write_bytes(b"x" * size)

        def meanwhile(descriptor: int, count: int, change: bytes = change) -> bytes:
            file.write_bytes(change)
            return real(descriptor, count)

        def meanwhile_v(descriptor: int, buffers, change: bytes = change) -> int:
            file.write_bytes(change)
            return os.preadv(descriptor, buffers, 1 << 30)

        with monkeypatch.context() as patch:
            patch.setattr(os, "read", meanwhile)
            patch.setattr(os, "readv", meanwhile_v)
            line = record(os.fsencode(file), b"file")
        assert line.endswith(b" error=unstable\n"), line
        assert b"sha256digest" not in line


@BOTH
def test_holes_pipes_sockets_and_circles(tmp_path: Path, kind: str):
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(200 << 20)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "self").symlink_to("self")
    (tmp_path / "up").symlink_to("..")
    (tmp_path / "round").symlink_to(tmp_path)
    if os.geteuid() == 0:
        os.mknod(tmp_path / "zero", 0o600 | stat.S_IFCHR, os.makedev(1, 5))
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        arguments = ["manifest", str(tmp_path)]
        command, sent = command_of(kind, arguments)
        found = received(kind, sh(command, sent).stdout, arguments)
    kinds = {path.rpartition(b"/")[2]: facts["type"] for path, facts in found.items()}
    assert {b"self": b"link", b"up": b"link", b"round": b"link", b"pipe": b"fifo", b"socket": b"socket"}.items() <= (
        kinds.items()
    )
    zeros = hashlib.sha256(bytes(200 << 20)).hexdigest().encode()
    assert found[os.fsencode(tmp_path / "sparse")]["sha256digest"] == zeros


@needs_namespace
@BOTH
def test_a_circle_of_bind_mounts_ends(tmp_path: Path, kind: str):
    (tmp_path / "a" / "b" / "loop").mkdir(parents=True)
    (tmp_path / "a" / "file").write_text("x")
    arguments = ["manifest", str(tmp_path)]
    command, sent = command_of(kind, arguments)
    top, loop = shlex.quote(str(tmp_path)), shlex.quote(str(tmp_path / "a" / "b" / "loop"))
    done = sh(command, sent, f"mount --rbind {top} {loop} && mount --rbind {top} {loop} && ")
    assert done.returncode == 0, done.stderr
    found = received(kind, done.stdout, arguments)
    assert os.fsencode(tmp_path / "a" / "file") in found
    assert len(found) < 50


@needs_namespace
@BOTH
def test_a_target_whose_disk_is_full_is_measured(tmp_path: Path, kind: str):
    """Home, temporary folder, working folder and what is watched stand on a file system without a free byte."""
    place = shlex.quote(str(tmp_path))
    before = (
        f"mount -t tmpfs -o size=64k none {place} && cd {place} && mkdir tree && echo x > tree/file && "
        "{ dd if=/dev/zero of=fill bs=1k 2>/dev/null || :; } && ! echo more 2>/dev/null > another && "
        f"export HOME={place} TMPDIR={place} && "
    )
    arguments = ["manifest", str(tmp_path / "tree")]
    command, sent = command_of(kind, arguments)
    done = sh(command, sent, before)
    assert done.returncode == 0, done.stderr
    found = received(kind, done.stdout, arguments)
    assert found[os.fsencode(tmp_path / "tree" / "file")]["sha256digest"] == hashlib.sha256(b"x\n").hexdigest().encode()


@BOTH
def test_no_byte_is_written_into_any_file(tmp_path: Path, kind: str):
    """With a limit of zero bytes for files, whoever writes one is killed."""
    (tmp_path / "file").write_text("x")
    for arguments in (["manifest", str(tmp_path)], ["posture"]):
        command, sent = command_of(kind, arguments)
        done = sh(command, sent, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)))
        assert done.returncode == 0, done.stderr


def test_outputs_of_two_measurements_are_never_taken_for_each_other(tmp_path: Path):
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        folder.mkdir()
        (folder / "file").write_text(folder.name)
    asked, swapped = ["manifest", str(one)], ["manifest", str(other)]
    output = collect(swapped)
    with pytest.raises(BadOutput, match="other arguments"):
        receive(io.BytesIO(output), io.BytesIO(), arguments=asked, sha256=collector_sha256())
    with pytest.raises(BadOutput, match="another collector"):
        receive(io.BytesIO(output), io.BytesIO(), arguments=swapped, sha256=fallback_sha256())
    with pytest.raises(BadOutput, match="other arguments"):
        receive(io.BytesIO(collect(["posture"])), io.BytesIO(), arguments=asked, sha256=collector_sha256())
    command, sent = command_of("sh", swapped)
    shell = sh(command, sent).stdout
    with pytest.raises(BadOutput):
        receive(io.BytesIO(shell), io.BytesIO(), arguments=swapped, sha256=collector_sha256())
    with pytest.raises(BadOutput):
        receive_fallback(io.BytesIO(output), io.BytesIO(), arguments=swapped)
    with pytest.raises(BadOutput, match="other arguments"):
        receive_fallback(io.BytesIO(shell), io.BytesIO(), arguments=asked)
