"""Attacks on a package's bytes: each changed byte of each member and of the container ends in ALTERED, by name."""

import random
import subprocess
import zipfile
from io import BytesIO

import pytest
from tests.attack.package_fixture import (
    BASE,
    PRINCIPAL,
    Ledger,
    codes,
    judge,
    judge_world,
    make_world,
    pack,
    unpack,
    work,
)

from quarterdeck_verify import checkpoint, package, report, signers, trust, zipformat
from quarterdeck_verify.findings import Findings
from quarterdeck_verify.verification import Check, Report, State, Verdict, verify

MASKS = (0x01, 0x20, 0x80)
SAMPLE = 150


@pytest.fixture(scope="module")
def world():
    return make_world()


@pytest.fixture(scope="module")
def tiny():
    """The smallest package with everything in it: one ticket, one session."""
    ledger = Ledger()
    work(ledger, "MT-2026-00001")
    ledger.close("MT-2026-00001")
    return make_world(ledger, tickets=["MT-2026-00001"])


def test_the_good_package_is_intact(world, tmp_path):
    found = judge_world(world, tmp_path)
    assert not list(found.findings)
    assert (found.verdict, found.exit_code) == (Verdict.INTACT, 0)


def test_the_unpacked_folder_is_intact_too(world, tmp_path):
    with zipfile.ZipFile(BytesIO(world.data)) as archive:
        archive.extractall(tmp_path)
    (tmp_path / BASE).rename(tmp_path / "renamed")
    anchors = [trust.Anchor("kept", tuple(checkpoint.find(world.kept)))]
    assert verify(tmp_path / "renamed", signers.parse(world.allowed), anchors).exit_code == 0


def test_sha256sum_and_ssh_keygen_accept_it(world, tmp_path):
    with zipfile.ZipFile(BytesIO(world.data)) as archive:
        archive.extractall(tmp_path)
    folder = tmp_path / BASE
    for manifest in (package.MANIFEST, package.TAG_MANIFEST, package.VIEWS):
        subprocess.run(["sha256sum", "--strict", "-c", manifest], cwd=folder, check=True, capture_output=True)
    (tmp_path / "pinned").write_bytes(world.allowed)
    signed = (
        (package.TAG_MANIFEST, package.SIGNATURE, package.PACKAGE_NAMESPACE),
        (package.CHECKPOINT, package.CHECKPOINT_SIGNATURE, package.CHECKPOINT_NAMESPACE),
    )
    for message, signature, namespace in signed:
        command = ["ssh-keygen", "-Y", "verify", "-f", tmp_path / "pinned", "-I", PRINCIPAL, "-n", namespace]
        data = (folder / message).read_bytes()
        subprocess.run([*command, "-s", folder / signature], input=data, check=True, capture_output=True)


@pytest.mark.filterwarnings("ignore")
def test_bagit_accepts_it(world, tmp_path):
    bagit = pytest.importorskip("bagit")
    with zipfile.ZipFile(BytesIO(world.data)) as archive:
        archive.extractall(tmp_path)
    assert bagit.Bag(str(tmp_path / BASE)).validate()


def test_each_changed_byte_of_each_member_is_found_and_named(tiny, tmp_path):
    """Members as an unpacked folder would hold them; long ones are sampled, short ones are taken whole."""
    members = unpack(tiny.data)
    choice = random.Random(1)
    for name, data in members.items():
        places = range(len(data)) if len(data) <= SAMPLE else sorted(choice.sample(range(len(data)), SAMPLE))
        for place in places:
            altered = bytearray(data)
            altered[place] ^= choice.choice(MASKS)
            found = judge_world(tiny, tmp_path, pack(members | {name: bytes(altered)}))
            assert found.exit_code == 1, (name, place)
            assert name in report.as_text(found, "package.zip"), (name, place)


def test_a_changed_byte_is_found_without_pin_and_anchor_too(tiny, tmp_path):
    members = unpack(tiny.data)
    choice = random.Random(2)
    for name, data in members.items():
        for place in choice.sample(range(len(data)), min(12, len(data))):
            altered = bytearray(data)
            altered[place] ^= choice.choice(MASKS)
            assert judge(pack(members | {name: bytes(altered)}), tmp_path).exit_code == 1, (name, place)


def structure(data):
    """The offsets of every byte of the zip that belongs to no member's content."""
    with zipfile.ZipFile(BytesIO(data)) as archive:
        infos = archive.infolist()
    inside = set()
    for info in infos:
        start = info.header_offset + zipformat.LOCAL_BYTES + len(info.filename)
        inside.update(range(start, start + info.file_size))
    return [place for place in range(len(data)) if place not in inside]


def test_each_bit_of_the_container_counts(tiny, tmp_path):
    places = structure(tiny.data)
    assert len(places) > 2_000
    choice = random.Random(3)
    for place in places:
        altered = bytearray(tiny.data)
        altered[place] ^= 1 << choice.randrange(8)
        found = judge_world(tiny, tmp_path, bytes(altered))
        assert found.exit_code == 1, place
        assert list(found.findings), place


def test_each_bit_of_one_directory_record_counts(tiny, tmp_path):
    start = tiny.data.index(b"PK\x01\x02")
    length = zipformat.CENTRAL_BYTES + len(f"{BASE}/{package.BAG_INFO}")
    end = len(tiny.data) - zipformat.END_BYTES
    for place in (*range(start, start + length), *range(end, len(tiny.data)), *range(zipformat.LOCAL_BYTES)):
        for bit in range(8):
            altered = bytearray(tiny.data)
            altered[place] ^= 1 << bit
            assert judge_world(tiny, tmp_path, bytes(altered)).exit_code == 1, (place, bit)


def test_random_bytes_of_the_zip(world, tmp_path):
    choice = random.Random(4)
    for _ in range(400):
        altered = bytearray(world.data)
        altered[choice.randrange(len(altered))] ^= choice.randrange(1, 256)
        assert judge_world(world, tmp_path, bytes(altered)).exit_code == 1


def test_truncation_at_any_place(tiny, tmp_path):
    choice = random.Random(5)
    for length in [0, 1, 21, 22, *choice.sample(range(len(tiny.data)), 150), len(tiny.data) - 1]:
        found = judge_world(tiny, tmp_path, tiny.data[:length])
        assert found.exit_code == 1, length


def test_added_bytes_at_either_end(tiny, tmp_path):
    for altered in (tiny.data + b"\x00", b"\x00" + tiny.data, b"#!/bin/sh\n" + tiny.data, tiny.data * 2):
        assert "container" in codes(judge_world(tiny, tmp_path, altered))


def test_a_gap_between_members(tiny, tmp_path):
    second = tiny.data.index(b"PK\x03\x04", 4)
    for extra in (b"\x00", b"PK\x03\x04" + b"\x00" * 26):
        assert judge_world(tiny, tmp_path, tiny.data[:second] + extra + tiny.data[second:]).exit_code == 1


def test_rubbish_instead_of_each_member(tiny, tmp_path):
    members = unpack(tiny.data)
    choice = random.Random(6)
    rubbish = [b"", b"\n", b"\x00" * 50, b"{}\n", b"[" * 100_000, b'{"v":1}\n' * 9, choice.randbytes(3_000), b"\xff\n"]
    for name in members:
        for data in rubbish:
            if data != members[name]:
                found = judge_world(tiny, tmp_path, pack(members | {name: data}))
                assert found.exit_code == 1, (name, data[:20])
                assert report.as_text(found, "x").isascii()
                assert report.as_json(found, "x")


def test_one_damaged_byte_is_told_as_one_cause_without_false_reasons():
    names = ("intact", "signed", "anchored", "witnessed", "time")
    judged = Report(Findings(), dict.fromkeys(names, Check(State.FAILED, "x")))
    judged.findings.add("member.unreadable", "data/artifacts/a.json", "Its bytes do not fit the checksum.")
    for number in range(22):
        judged.findings.add("entry.artifact", f"entry {number}", "Its artifact is not here.")
    judged.findings.add("member.unexpected", "data/other", "A package has no place for this file.")
    told = report.as_text(judged, "package.zip").splitlines()
    assert told[told.index("What is wrong:") + 1 :][:3] == [
        "  - data/artifacts/a.json: Its bytes do not fit the checksum.",
        "  - data/other: A package has no place for this file.",
        "  - 22 further checks fail, which may follow from this; --json lists them.",
    ]
