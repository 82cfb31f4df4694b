"""The real collector on real files: hostile names, links, pipes, devices, edits that hide, files that move."""

import hashlib
import os
import shutil
import stat
import subprocess
import threading
from pathlib import Path

import pytest
from tests.measuring import entries, measure

from quarterdeck.baselines.manifest import spell_path

NOBODY = 65534
HOSTILE = [
    b"new\nline",
    b"tab\tname",
    b"-rf",
    b"#hash",
    b"a b",
    b"back\\slash",
    b"\xff\xfe",
    b"\x1b[31mred",
    b"=cmd|'C'!A0",
    "bidi\u202egnp".encode(),
    b"*",
    b"$(id)",
    b"'quote'",
    b"x" * 255,
    b"\r",
    b"caf\xc3\xa9",
]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "app.ini").write_text("listen = 80\n")
    (tmp_path / "conf" / "link").symlink_to("/etc/shadow")
    (tmp_path / "empty").touch()
    tmp_path.chmod(0o755)
    return tmp_path


def facts_of(root: Path, path: Path | bytes, **more: int) -> dict[str, bytes]:
    name = os.fsencode(path)
    return entries(measure(root, **more)[1])[name]


def test_facts_of_a_file_are_those_of_the_kernel(tree):
    facts = facts_of(tree, tree / "conf" / "app.ini")
    seen = (tree / "conf" / "app.ini").stat()
    assert facts["type"] == b"file"
    assert facts["mode"] == b"%04o" % stat.S_IMODE(seen.st_mode)
    assert facts["size"] == b"12"
    assert facts["sha256digest"] == hashlib.sha256(b"listen = 80\n").hexdigest().encode()
    assert facts["time"] == b"%d.%09d" % divmod(seen.st_mtime_ns, 10**9)
    assert facts["inode"] == b"%d" % seen.st_ino


def test_two_runs_and_any_number_of_workers_give_identical_bytes(tree):
    for number in range(300):
        (tree / f"file{number}").write_bytes(os.urandom(number))
    first = measure(tree)[1]
    assert first == measure(tree)[1] == measure(tree, "workers=1")[1] == measure(tree, "workers=4")[1]
    assert len(entries(first)) == 305


def test_hostile_names_survive_and_spell_safely(tree):
    for name in HOSTILE:
        (tree / os.fsdecode(name)).write_bytes(name)
    manifest = measure(tree)[1]
    found = entries(manifest)
    for name in HOSTILE:
        assert found[os.fsencode(tree) + b"/" + name]["sha256digest"] == hashlib.sha256(name).hexdigest().encode()
    assert all(32 <= byte < 127 for byte in manifest.replace(b"\n", b""))


def test_links_are_recorded_not_followed(tree):
    facts = facts_of(tree, tree / "conf" / "link")
    assert (facts["type"], facts["link"]) == (b"link", b"/etc/shadow")
    assert "sha256digest" not in facts


def test_a_root_that_is_a_link_is_the_link(tree):
    (tree / "alias").symlink_to(tree / "conf")
    found = entries(measure(tree / "alias")[1])
    assert list(found) == [os.fsencode(tree / "alias")]


def test_a_pipe_and_a_socket_do_not_block(tree):
    os.mkfifo(tree / "pipe")
    assert facts_of(tree, tree / "pipe")["type"] == b"fifo"


@pytest.mark.skipif(os.geteuid() != 0, reason="not run here: only root makes devices")
def test_a_device_is_recorded_and_not_opened(tree):
    os.mknod(tree / "null", 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    facts = facts_of(tree, tree / "null")
    assert (facts["type"], facts["device"]) == (b"char", b"native,1,3")


def test_a_same_size_edit_with_the_old_time_restored_is_caught(tree):
    target = tree / "conf" / "app.ini"
    before = facts_of(tree, target)
    seen = target.stat()
    target.write_text("listen = 81\n")
    os.utime(target, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    after = facts_of(tree, target)
    assert (before["size"], before["time"]) == (after["size"], after["time"])
    assert before["sha256digest"] != after["sha256digest"]


def test_reading_does_not_move_the_access_time(tree):
    target = tree / "conf" / "app.ini"
    os.utime(target, (1_000_000, 2_000_000))
    measure(tree)
    assert target.stat().st_atime == 1_000_000


def test_a_gained_setuid_bit_shows_in_the_mode(tree):
    (tree / "empty").chmod(0o4755)
    assert facts_of(tree, tree / "empty")["mode"] == b"4755"


def test_what_cannot_be_read_is_marked_and_not_left_out(tree):
    secret, closed = tree / "conf" / "secret", tree / "closed"
    secret.write_text("x")
    secret.chmod(0)
    closed.mkdir(mode=0o700)
    (closed / "inside").touch()
    closed.chmod(0)
    user = NOBODY if os.geteuid() == 0 else None
    if user:
        for folder in (tree, *tree.parents):
            if folder != Path("/") and not folder.stat().st_mode & 0o001:
                folder.chmod(folder.stat().st_mode | 0o011)
        tree.chmod(0o755)
        (tree / "conf").chmod(0o755)
        (tree / "conf" / "app.ini").chmod(0o644)
        (tree / "empty").chmod(0o644)
    try:
        received, manifest = measure(tree, user=user)
        found = entries(manifest)
        assert found[os.fsencode(secret)]["error"] == b"EACCES"
        assert found[os.fsencode(closed)]["error"] == b"EACCES"
        assert found[os.fsencode(secret)]["mode"] == b"0000"
        assert received.totals.unreadable == 2
    finally:
        closed.chmod(0o700)


def test_a_missing_root_is_a_line_with_its_error(tree):
    received, manifest = measure(tree / "nothing")
    assert entries(manifest) == {os.fsencode(tree / "nothing"): {"error": b"ENOENT"}}
    assert received.totals.blind_roots == 0


def test_a_root_inside_a_root_is_measured_once(tree):
    received, manifest = measure(tree, str(tree / "conf"))
    assert received.totals.entries == len(entries(manifest)) == 5


def test_a_file_that_grows_while_it_is_read_is_marked_unstable(tree):
    growing, stop = tree / "growing.log", threading.Event()
    growing.write_bytes(b"x" * (64 << 20))

    def grow() -> None:
        with growing.open("ab") as file:
            while not stop.wait(0.001):
                file.write(b"more\n")
                file.flush()

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        facts = facts_of(tree, growing)
    finally:
        stop.set()
        writer.join()
    assert facts["error"] == b"unstable"
    assert "sha256digest" not in facts


def test_attributes_of_the_kernel_are_carried_and_others_only_as_digest(tree):
    target = tree / "conf" / "app.ini"
    try:
        os.setxattr(target, b"user.note", b"some words")
    except OSError:
        pytest.skip("not run here: the file system has no extended attributes")
    facts = facts_of(tree, target)
    assert facts["xattr.user.note"] == b"sha256:" + hashlib.sha256(b"some words").hexdigest().encode()


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setcap"), reason="not run here: needs root and setcap")
def test_a_capability_is_carried(tree):
    shutil.copy("/bin/true", tree / "tool")
    subprocess.run(["setcap", "cap_net_raw+ep", str(tree / "tool")], check=True, timeout=10)
    assert facts_of(tree, tree / "tool")["xattr.security.capability"]


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("chattr"), reason="not run here: needs root and chattr")
def test_an_immutable_file_is_marked(tree):
    if subprocess.run(["chattr", "+i", str(tree / "empty")], check=False, capture_output=True, timeout=10).returncode:
        pytest.skip("not run here: the file system knows no immutable files")
    try:
        assert facts_of(tree, tree / "empty")["lflags"] == b"immutable"
    finally:
        subprocess.run(["chattr", "-i", str(tree / "empty")], check=True, timeout=10)


def test_another_file_system_is_named_and_not_entered():
    mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    inner = [mount for mount in mounts if mount.startswith("/dev/") and mount.count("/") == 2 and Path(mount).is_dir()]
    if "/dev" not in mounts or not inner:
        pytest.skip("not run here: nothing is mounted below /dev")
    found = entries(measure("/dev")[1])
    assert found[inner[0].encode()]["error"] == b"EXDEV"
    assert not [path for path in found if path.startswith(inner[0].encode() + b"/")]


def test_paths_are_spelled_from_the_root_folder():
    assert spell_path(b"/") == b"."
    assert spell_path(b"/etc/a b") == b"./etc/a\\040b"
