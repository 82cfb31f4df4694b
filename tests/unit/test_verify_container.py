"""The zip that the writer makes, that other tools read it, and that the reader takes nothing else."""

import os
import subprocess
import sys
import zipfile
from contextlib import closing
from io import BytesIO

import pytest

from quarterdeck_verify import container, zipformat

MEMBERS = {"a.txt": b"first\n", "data/b.bin": bytes(range(256)), "data/empty": b"", "data/sub/c": b"c" * 70_000}


def packed(members=MEMBERS, base="PKG"):
    out = BytesIO()
    container.write(out, base, [(name, data, container.measure(data)) for name, data in members.items()])
    return out.getvalue()


def opened(tmp_path, data):
    path = tmp_path / "x.zip"
    path.write_bytes(data)
    return container.open_container(path)


def content(found):
    result = {}
    for name in found.names():
        with closing(found.open(name)) as stream:
            result[name] = stream.read()
        assert found.measure(name) == container.measure(result[name])
        assert found.size(name) == len(result[name])
    found.close()
    return result


def test_the_same_members_give_the_same_bytes_in_any_order():
    assert packed() == packed(dict(reversed(MEMBERS.items())))


def test_it_reads_what_it_wrote(tmp_path):
    found = opened(tmp_path, packed())
    assert found.base == "PKG"
    assert content(found) == MEMBERS


def test_python_reads_it():
    with zipfile.ZipFile(BytesIO(packed())) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == {f"PKG/{n}": d for n, d in MEMBERS.items()}
        assert all(info.date_time == (1980, 1, 1, 0, 0, 0) for info in archive.infolist())


def test_a_folder_reads_the_same(tmp_path):
    with zipfile.ZipFile(BytesIO(packed())) as archive:
        archive.extractall(tmp_path)
    assert content(container.open_container(tmp_path / "PKG")) == MEMBERS


@pytest.mark.parametrize(
    "name",
    [
        "../x", "/x", "x/", "x//y", "a b", "a[b]", "-rf", ".hidden", "x.", "nul", "data/CON.txt", "é", "a\\b", "a\nb",
        "x" * 201, "a:b", "a*b", "",
    ],
)  # fmt: skip
def test_unsafe_names_are_never_written(name):
    with pytest.raises(container.ContainerError):
        packed({name: b""})


@pytest.mark.parametrize("names", [("a", "A"), ("a", "a/b"), ("A/b", "a"), ("A/b", "a/c")])
def test_names_that_some_system_takes_for_one_are_refused(names):
    with pytest.raises(container.ContainerError, match="collides"):
        packed(dict.fromkeys(names, b""))


def test_a_source_that_changes_while_it_is_packed_is_refused(tmp_path):
    file = tmp_path / "grows"
    file.write_bytes(b"one")
    measured = container.measure(file)
    file.write_bytes(b"two")
    with pytest.raises(ValueError, match="changed"):
        container.write(BytesIO(), "PKG", [("grows", file, measured)])


def made_by_zipfile(compression=zipfile.ZIP_STORED, comment=b""):
    out = BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        archive.comment = comment
        for name in sorted(MEMBERS):
            archive.writestr(f"PKG/{name}", MEMBERS[name])
    return out.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK",
        b"PK\x05\x06" + b"\x00" * 17,
        os.urandom(5000),
        made_by_zipfile(),
        made_by_zipfile(zipfile.ZIP_DEFLATED),
        made_by_zipfile(comment=b"hello"),
        packed() + b"\n",
        b"\n" + packed(),
        packed() + packed(),
        packed()[:-1],
        packed()[1:],
        packed()[: len(packed()) // 2],
    ],
)
def test_other_containers_are_refused(tmp_path, data):
    with pytest.raises(container.ContainerError) as problem:
        opened(tmp_path, data)
    assert str(problem.value)


def test_an_empty_zip_has_no_members(tmp_path):
    assert content(opened(tmp_path, packed({}))) == {}


def test_links_and_special_files_are_refused(tmp_path):
    folder = tmp_path / "PKG"
    folder.mkdir()
    (folder / "a").write_bytes(b"a")
    (folder / "link").symlink_to(folder / "a")
    with pytest.raises(container.ContainerError, match="link"):
        container.open_container(folder)
    (folder / "link").unlink()
    os.mkfifo(folder / "pipe")
    with pytest.raises(container.ContainerError, match="special"):
        container.open_container(folder)
    with pytest.raises(container.ContainerError, match="neither"):
        container.open_container(folder / "pipe")
    (folder / "pipe").unlink()
    (folder / "empty").mkdir()
    with pytest.raises(container.ContainerError, match="empty folder"):
        container.open_container(folder)


def test_a_file_that_becomes_a_link_is_not_followed(tmp_path):
    folder = tmp_path / "PKG"
    folder.mkdir()
    (folder / "a").write_bytes(b"a")
    found = container.open_container(folder)
    (folder / "a").unlink()
    (folder / "a").symlink_to("/dev/null")
    with pytest.raises(container.ContainerError, match="cannot be read"):
        found.measure("a")


@pytest.mark.parametrize("size", [0, 1, 2**32 - 2, 2**32 - 1, 2**32, 2**40])
@pytest.mark.parametrize("offset", [0, 2**32 - 1, 2**40])
def test_zip64_numbers_come_back(size, offset):
    header = zipformat.central_header(b"PKG/x", size, 7, offset)
    head, rest = header[: zipformat.CENTRAL_BYTES], header[zipformat.CENTRAL_BYTES :]
    assert zipformat.central_rest(head) == len(rest)
    assert zipformat.parse_central(head, rest) == (b"PKG/x", size, 7, offset)
    assert zipformat.parse_end(zipformat.end_records(3, size, offset)) == (3, size, offset)


@pytest.mark.slow
def test_more_than_65535_members(tmp_path):
    measured = container.measure(b"")
    path = tmp_path / "many.zip"
    with path.open("wb") as out:
        container.write(out, "PKG", [(f"f{number:05}", b"", measured) for number in range(65_600)])
    found = container.open_container(path)
    assert len(found.names()) == 65_600
    found.close()
    with zipfile.ZipFile(path) as archive:
        assert len(archive.namelist()) == 65_600


@pytest.mark.slow
def test_large_members_stay_out_of_memory(tmp_path):
    file = tmp_path / "large"
    with file.open("wb") as out:
        out.truncate(200 << 20)
    script = f"""
import resource
from pathlib import Path
from quarterdeck_verify import container
resource.setrlimit(resource.RLIMIT_AS, (150 << 20, 150 << 20))
path, file = Path({str(tmp_path / "large.zip")!r}), Path({str(file)!r})
with path.open("wb") as out:
    container.write(out, "PKG", [("large", file, container.measure(file))])
found = container.open_container(path)
assert found.measure("large").size == 200 << 20
"""
    subprocess.run([sys.executable, "-c", script], check=True, env=_environment())


def _environment():
    return os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
