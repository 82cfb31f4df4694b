"""The canonical manifest: one spelling only, strict reading, exports that standard tools accept."""

import io
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.measuring import measure

from quarterdeck.baselines import manifest
from quarterdeck.baselines.manifest import Entry, ManifestError, Reader, format_entry, parse_line

SHA = b"a" * 64
FILE = (
    b"./etc/x type=file uid=0 gid=0 mode=0644 nlink=1 size=3 time=1.000000000 sha256digest="
    + SHA
    + b" ctime=1.000000000 inode=5\n"
)
LINK = b"./etc/l type=link uid=0 gid=0 mode=0777 link=/a/b time=1.000000000 ctime=1.000000000 inode=5\n"
DEVICE = b"./dev/n type=char uid=0 gid=0 mode=0600 device=native,1,3 time=1.000000000 ctime=1.000000000 inode=5\n"
FOLDER = b"./etc type=dir uid=0 gid=0 mode=0755 time=-1.000000001 ctime=1.000000000 inode=5\n"
UNREAD = (
    b"./etc/y type=file uid=0 gid=0 mode=0644 nlink=1 size=3 time=1.000000000 ctime=1.000000000 inode=5 error=EACCES\n"
)
GONE = b"./etc/z error=ENOENT\n"
ATTRIBUTE = FILE.replace(b" ctime", b" xattr.security.capability=AQAAAg== xattr.user.a=sha256:" + SHA + b" ctime")


@pytest.mark.parametrize("line", [FILE, LINK, DEVICE, FOLDER, UNREAD, GONE, ATTRIBUTE])
def test_a_canonical_line_comes_back_byte_for_byte(line):
    assert format_entry(parse_line(line)) == line


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        FILE[:-1],
        b" " + FILE,
        FILE.replace(b" uid", b"  uid"),
        FILE.replace(b"./etc", b"/etc"),
        FILE.replace(b"/etc/x", b"/etc/../x"),
        FILE.replace(b"/etc/x", b"/etc//x"),
        FILE.replace(b"/etc/x", b"/etc/./x"),
        FILE.replace(b"/etc/x", b"/etc/x/"),
        FILE.replace(b"x type", b"\\141 type"),
        FILE.replace(b"x type", b"\\000 type"),
        FILE.replace(b"x type", b"\\057 type"),
        FILE.replace(b"x type", b"\\40 type"),
        FILE.replace(b"x type", b"\\400 type"),
        FILE.replace(b"x type", b"\x1b type"),
        FILE.replace(b"x type", b"\xff type"),
        FILE.replace(b"mode=0644", b"mode=644"),
        FILE.replace(b"mode=0644", b"mode=0844"),
        FILE.replace(b"uid=0", b"uid=00"),
        FILE.replace(b"uid=0 gid=0", b"gid=0 uid=0"),
        FILE.replace(b"type=file", b"type=door"),
        FILE.replace(SHA, b"A" * 64),
        FILE.replace(b" sha256digest=" + SHA, b""),
        UNREAD.replace(b" ctime", b" sha256digest=" + SHA + b" ctime"),
        FILE.replace(b"time=1.000000000 s", b"time=1.0 s"),
        LINK.replace(b" link=/a/b", b""),
        FOLDER.replace(b" time", b" nlink=2 size=1 time"),
        DEVICE.replace(b" device=native,1,3", b""),
        LINK.replace(b"type=link", b"type=file"),
        b"./etc/z\n",
        GONE.replace(b"ENOENT", b"hacked"),
        GONE + GONE,
        FILE.replace(b"\n", b"\r\n"),
        FILE.replace(b" inode=5", b" inode=5 inode=5"),
        ATTRIBUTE.replace(b"AQAAAg==", b"AQAAAg="),
        ATTRIBUTE.replace(b"xattr.security.capability", b"xattr.user.b"),
        ATTRIBUTE.replace(b"security.capability", b"user.a"),
        FILE.replace(b"x type", b"x" * (1 << 20) + b" type"),
    ],
)
def test_any_other_spelling_is_refused(line):
    with pytest.raises(ManifestError):
        parse_line(line)


def _text(*lines: bytes, roots: tuple[bytes, ...] = (b"/etc",)) -> bytes:
    target = io.BytesIO()
    manifest.write(roots, lines, target)
    return target.getvalue()


def test_a_manifest_says_what_it_covers_and_counts():
    target = io.BytesIO()
    found = manifest.write([b"/etc"], [FOLDER, FILE, UNREAD, GONE], target)
    assert (found.entries, found.unreadable, found.hashed) == (4, 2, 1)
    assert found.size == len(target.getvalue())
    assert Reader(io.BytesIO(target.getvalue())).roots == (b"/etc",)


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([FOLDER, UNREAD, FILE], "sorted"),
        ([FOLDER, FILE, FILE], "twice"),
        ([FOLDER, FILE[:-1]], "cut off"),
        ([FOLDER, DEVICE], "sorted"),
        ([DEVICE, FOLDER], "outside"),
        ([FILE], "not measured"),
        ([], "not measured"),
    ],
)
def test_order_place_and_completeness_are_checked_when_writing(lines, why):
    with pytest.raises(ManifestError, match=why):
        _text(*lines)


def test_a_root_that_is_there_but_closed_is_blind():
    closed = FOLDER.replace(b"\n", b" error=EACCES\n")
    assert manifest.write([b"/etc"], [closed], io.BytesIO()).blind_roots == 1
    gone = manifest.write([b"/etc"], [b"./etc error=ENOENT\n"], io.BytesIO())
    assert (gone.blind_roots, gone.unreadable) == (0, 1)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"#mtree\n#roots ./etc\n",
        b"#mtree v2.0\n",
        b"#mtree v2.0\n#roots\n",
        b"#mtree v2.0\n#roots ./etc ./bin\n",
        b"#mtree v2.0\n#roots ./etc ./etc\n",
        b"#mtree v2.0\n#roots etc\n",
    ],
)
def test_a_foreign_head_is_refused(text):
    with pytest.raises(ManifestError):
        Reader(io.BytesIO(text))


def test_paths_are_shown_without_anything_that_moves_a_screen():
    assert manifest.display(b"/a\x1b[2J\n\xe2\x80\xae<b>") == "/a\\033\\1332J\\012\\342\\200\\256\\074b\\076"


def test_sha256sum_accepts_the_exported_digests_and_finds_a_change(tmp_path):
    (tmp_path / "plain.txt").write_text("one")
    (tmp_path / "new\nline \\ name").write_text("two")
    (tmp_path / "caf\u00e9").write_text("three")
    sums = io.BytesIO()
    manifest.export_sha256sums(io.BytesIO(measure(tmp_path)[1]), sums)
    command = ["sha256sum", "--check", "--strict", "-"]
    assert subprocess.run(command, input=sums.getvalue(), cwd="/", capture_output=True, timeout=30).returncode == 0
    (tmp_path / "plain.txt").write_text("One")
    assert subprocess.run(command, input=sums.getvalue(), cwd="/", capture_output=True, timeout=30).returncode == 1


def _strict(root: Path) -> bytes:
    target = io.BytesIO()
    manifest.export_mtree(io.BytesIO(measure(root)[1]), target)
    return target.getvalue()


def test_the_strict_export_holds_only_keywords_of_mtree(tmp_path):
    (tmp_path / "a").write_text("x")
    words = {word.split(b"=")[0] for line in _strict(tmp_path).splitlines()[1:] for word in line.split(b" ")[1:]}
    assert words <= {b"type", b"uid", b"gid", b"mode", b"nlink", b"size", b"link", b"time", b"sha256digest"}


@pytest.mark.skipif(not shutil.which("bsdtar"), reason="not run here: bsdtar is not installed")
def test_bsdtar_reads_the_strict_export(tmp_path):
    (tmp_path / "a b").write_text("x")
    done = subprocess.run(["bsdtar", "-tf", "-"], input=_strict(tmp_path), capture_output=True, timeout=30)
    assert done.returncode == 0, done.stderr
    assert b"a b" in done.stdout


@pytest.mark.skipif(not shutil.which("mtree"), reason="not run here: mtree is not installed")
def test_mtree_verifies_the_strict_export_and_finds_a_change(tmp_path):
    (tmp_path / "a").write_text("x")
    command = ["mtree", "-p", "/", "-e", "-f", "/dev/stdin"]
    text = _strict(tmp_path)
    assert subprocess.run(command, input=text, capture_output=True, timeout=60).returncode == 0
    (tmp_path / "a").write_text("y")
    assert subprocess.run(command, input=text, capture_output=True, timeout=60).returncode == 2


def test_an_entry_without_a_canonical_spelling_is_not_written():
    with pytest.raises(ManifestError):
        format_entry(Entry(b"/etc/x", {"type": b"file", "uid": b"0 mode=4755"}))
