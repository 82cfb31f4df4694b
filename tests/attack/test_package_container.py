"""Attacks with the container (attacks.md rows 23 and 24): two tools must never see two packages in one file."""

import os
import zipfile
from io import BytesIO

import pytest
from tests.attack.package_fixture import BASE, codes, judge_world, make_world, pack, remanifest, unpack

from quarterdeck_verify import checkpoint, package, signers, trust, verification


@pytest.fixture(scope="module")
def world():
    return make_world()


@pytest.fixture
def folder(world, tmp_path):
    with zipfile.ZipFile(BytesIO(world.data)) as archive:
        archive.extractall(tmp_path)
    (tmp_path / BASE).rename(tmp_path / "package.zip")
    return tmp_path / "package.zip"


def judge_folder(world, folder):
    anchors = [trust.Anchor("kept", tuple(checkpoint.find(world.kept)))]
    return verification.verify(folder, signers.parse(world.allowed), anchors)


def rezip(members, **options):
    out = BytesIO()
    with zipfile.ZipFile(out, "w", **options) as archive:
        for name, data in members:
            archive.writestr(f"{BASE}/{name}", data)
    return out.getvalue()


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("first", [True, False])
def test_a_name_that_stands_twice(world, tmp_path, first):
    forged = (package.REPORT, b"<p>All is well.</p>")
    members = list(unpack(world.data).items())
    data = rezip([forged, *members] if first else [*members, forged])
    assert codes(judge_world(world, tmp_path, data)) == {"container"}


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_the_same_members_zipped_by_another_tool(world, tmp_path, compression):
    data = rezip(sorted(unpack(world.data).items()), compression=compression)
    assert codes(judge_world(world, tmp_path, data)) == {"container"}


def test_the_members_without_their_folder_or_in_another_one(world, tmp_path):
    members = unpack(world.data)
    found = judge_world(world, tmp_path, pack(members, base="MA-EVIDENCE-OTHER"))
    assert codes(found) == {"bag.name"}


def test_members_in_two_folders(world, tmp_path):
    other = BASE[:-1] + "7"
    data = world.data.replace(f"{BASE}/tagmanifest".encode(), f"{other}/tagmanifest".encode())
    assert codes(judge_world(world, tmp_path, data)) == {"container"}


@pytest.mark.parametrize("name", ["extra.txt", "keys/more", "data/extra.html", "data/artifacts/x", "data/ledger/x"])
def test_an_unlisted_member(world, tmp_path, name):
    found = judge_world(world, tmp_path, pack(unpack(world.data) | {name: b"x"}))
    assert found.exit_code == 1
    assert name in {finding.where for finding in found.findings}


@pytest.mark.parametrize("name", ["extra.txt", "data/extra.html", "data/artifacts/x", "data/ledger/x"])
def test_an_extra_member_that_is_listed_and_signed(world, tmp_path, name):
    members = remanifest(unpack(world.data) | {name: b"x"}, world.key)
    found = judge_world(world, tmp_path, pack(members))
    assert codes(found) <= {"member.unexpected", "view.unrecorded", "artifact.unknown"}
    assert found.exit_code == 1


@pytest.mark.parametrize("name", sorted(package.REQUIRED))
def test_each_required_member_missing(world, tmp_path, name):
    members = unpack(world.data)
    del members[name]
    found = judge_world(world, tmp_path, pack(members))
    assert found.exit_code == 1
    assert name in {finding.where for finding in found.findings if finding.code == "member.missing"}


@pytest.mark.parametrize("name", [package.SIGNATURE, package.CHECKPOINT_SIGNATURE])
@pytest.mark.parametrize("space", [b" ", b"\n", b"\t", b"\r"])
def test_whitespace_in_the_armor_even_when_listed_anew(world, tmp_path, name, space):
    members = unpack(world.data)
    for place in (0, 40, len(members[name]) - 40, len(members[name])):
        altered = members | {name: members[name][:place] + space + members[name][place:]}
        if name == package.CHECKPOINT_SIGNATURE:
            altered = remanifest(altered, world.key)
        found = judge_world(world, tmp_path, pack(altered))
        assert (name, "signature.malformed") in {(f.where, f.code) for f in found.findings}


def test_an_unlisted_file_in_the_folder(world, folder):
    assert judge_folder(world, folder).exit_code == 0
    (folder / "data" / "note.txt").write_text("x")
    assert codes(judge_folder(world, folder)) == {"member.unlisted", "view.unrecorded", "bag.info"}


def test_an_empty_folder_in_the_folder(world, folder):
    (folder / "data" / "empty").mkdir()
    assert codes(judge_folder(world, folder)) == {"container"}


@pytest.mark.parametrize("name", [package.REPORT, package.ENTRIES, package.TAG_MANIFEST])
def test_a_link_to_the_right_bytes(world, folder, tmp_path, name):
    outside = tmp_path / "outside"
    (folder / name).rename(outside)
    (folder / name).symlink_to(outside)
    found = judge_folder(world, folder)
    assert codes(found) == {"container"}
    assert name in {finding.where for finding in found.findings}


def test_a_linked_folder(world, folder, tmp_path):
    (folder / "data" / "tickets").rename(tmp_path / "outside")
    (folder / "data" / "tickets").symlink_to(tmp_path / "outside", target_is_directory=True)
    assert codes(judge_folder(world, folder)) == {"container"}


def test_a_pipe_in_the_folder_is_not_waited_for(world, folder):
    (folder / package.REPORT).unlink()
    os.mkfifo(folder / package.REPORT)
    assert codes(judge_folder(world, folder)) == {"container"}


@pytest.mark.parametrize("name", ["\udcff", "a b", "x\x1b[2J", "[1]", "é"])
def test_a_strange_name_in_the_folder_cannot_steer_the_terminal(world, folder, name):
    (folder / "data" / name).write_bytes(b"x")
    found = judge_folder(world, folder)
    assert codes(found) == {"container"}
    assert all(finding.where.isprintable() and finding.where.isascii() for finding in found.findings)
