"""RFC 3161 tokens in a package, made and checked by the real openssl: which count, which are named as wrong."""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.attack.package_fixture import World, codes, make_world, remanifest, small_ledger, unpack, with_members
from tests.lab.stamping_authority import Authority

from quarterdeck.kernel.clock import SystemClock, rfc3339
from quarterdeck_verify import checkpoint, package, report, signers, timestamps, trust, verification
from quarterdeck_verify.ledgerslice import Slice
from quarterdeck_verify.timestamps import Stamped
from quarterdeck_verify.verification import Report, State, Verdict


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tsa") / "first")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tsa") / "second", "Other")


def world_of(monkeypatch: pytest.MonkeyPatch, before: timedelta) -> World:
    """A ledger that began so long ago: how soon its entries are stamped after the time that they claim."""
    now = SystemClock().now()
    monkeypatch.setattr("tests.attack.package_fixture.START", now - before)
    return make_world(exported_ts=rfc3339(now))


def judge(world: World, folder: Path, extra: dict[str, bytes], *roots: Path) -> Report:
    path = folder / "package.zip"
    path.write_bytes(with_members(world, extra))
    return verification.verify(path, signers.parse(world.allowed), tsa_roots=roots)


def member(world: World, suffix: str = "") -> str:
    return f"{package.ANCHORS}{checkpoint.parse(world.kept).size}{suffix}.tsr"


@pytest.mark.parametrize("suffix", ["", ".2"])
def test_a_stamp_by_a_root_from_outside(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    world = world_of(monkeypatch, timedelta(hours=1))
    found = judge(world, tmp_path, {member(world, suffix): authority.token(world.kept)}, authority.root)
    assert (found.verdict, found.checks["time"].state) == (Verdict.UNANCHORED, State.PASSED), report.as_text(found, "x")
    assert "1 time stamps hold; 20 of 21 entries existed by then, at most 1.0 hours" in found.checks["time"].sentence
    assert "20 within 72 hours of it" in found.checks["time"].sentence
    assert "an authority stamps any version" in found.checks["anchored"].sentence
    anchors = [trust.read_anchor("kept", world.kept)]
    path = tmp_path / "package.zip"
    both = verification.verify(path, signers.parse(world.allowed), anchors, tsa_roots=[authority.root])
    assert (both.verdict, both.checks["time"].state) == (Verdict.INTACT, State.PASSED), report.as_text(both, "x")


def test_stamps_of_a_fork_make_no_anchor(authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who holds key and server keeps two ledgers and has both stamped, at once; only a holder sees the other one."""
    told = world_of(monkeypatch, timedelta(hours=1))
    hidden = make_world(small_ledger("other"), told.key, exported_ts=rfc3339(SystemClock().now()))
    for world in (told, hidden):
        found = judge(world, tmp_path, {member(world): authority.token(world.kept)}, authority.root)
        assert (found.verdict, found.checks["time"].state) == (Verdict.UNANCHORED, State.PASSED)
    contradicted = verification.verify(
        tmp_path / "package.zip", signers.parse(told.allowed), [trust.read_anchor("mail", told.kept)],
        tsa_roots=[authority.root],
    )  # fmt: skip
    assert codes(contradicted) == {"anchor.contradicts"}


def test_a_stamp_long_after_the_claimed_time_proves_nothing_of_it(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who holds the sealing key can write the past today and have it stamped today."""
    world = world_of(monkeypatch, timedelta(days=10))
    found = judge(world, tmp_path, {member(world): authority.token(world.kept)}, authority.root)
    assert (found.verdict, found.checks["time"].state) == (Verdict.UNANCHORED, State.NOT_CHECKED)
    assert "at most 240.0 hours after the time that they claim" in found.checks["time"].sentence


def test_a_stamp_by_a_root_inside_the_package_does_not_count(authority: Authority, tmp_path: Path) -> None:
    world = make_world()
    extra = {member(world): authority.token(world.kept), package.TSA_ROOT: authority.root.read_bytes()}
    found = judge(world, tmp_path, extra)
    assert (found.verdict, found.checks["time"].state) == (Verdict.UNANCHORED, State.NOT_CHECKED)
    assert "pin it with --tsa-root" in found.checks["time"].sentence


def test_a_stamp_by_another_authority(authority: Authority, stranger: Authority, tmp_path: Path) -> None:
    world = make_world()
    extra = {member(world): stranger.token(world.kept)}
    found = judge(world, tmp_path, extra, authority.root)
    assert found.checks["time"].state is State.NOT_CHECKED
    assert "1 were not checked: another authority made them" in found.checks["time"].sentence
    inside = extra | {package.TSA_ROOT: authority.root.read_bytes()}
    assert codes(judge(world, tmp_path, inside, authority.root)) == {"stamp.wrong"}
    both = judge(world, tmp_path, inside, authority.root, stranger.root)
    assert "1 time stamps hold" in both.checks["time"].sentence


def test_a_stamp_of_other_bytes_or_a_broken_one_is_named(authority: Authority, tmp_path: Path) -> None:
    world = make_world()
    token = authority.token(world.kept)
    found = judge(world, tmp_path, {member(world): authority.token(b"other")}, authority.root)
    assert [(f.code, f.where) for f in found.findings] == [("stamp.other", member(world))]
    broken = token[:-1] + bytes([token[-1] ^ 1])
    extra = {member(world): broken, package.TSA_ROOT: authority.root.read_bytes()}
    assert [(f.code, f.where) for f in judge(world, tmp_path, extra).findings] == [("stamp.wrong", member(world))]
    assert codes(judge(world, tmp_path, {member(world): b""})) == {"stamp.other"}


def test_stamps_of_the_newest_checkpoint_and_of_the_package(authority: Authority, tmp_path: Path) -> None:
    world = make_world()
    body = unpack(world.data)[package.CHECKPOINT]
    members = remanifest(unpack(world.data) | {package.CHECKPOINT_STAMP: authority.token(body)}, world.key)
    extra = {
        package.CHECKPOINT_STAMP: members[package.CHECKPOINT_STAMP],
        package.STAMP: authority.token(members[package.TAG_MANIFEST]),
    }
    found = judge(world, tmp_path, extra, authority.root)
    assert found.findings.total == 0, list(found.findings)
    assert "2 time stamps hold; 21 of 21 entries existed by then" in found.checks["time"].sentence


def test_without_openssl_it_is_said(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    world = make_world()
    monkeypatch.setenv("PATH", str(tmp_path))
    found = judge(world, tmp_path, {member(world): b"\x04\x20" + _digest(world.kept)}, authority.root)
    assert "1 were not checked: there is no openssl on this machine" in found.checks["time"].sentence


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def test_the_first_stamp_that_covers_an_entry_counts() -> None:
    at = datetime(2026, 11, 2, 12, tzinfo=UTC)
    found = Slice(seqs=[1, 5, 9], times=["2026-11-02T10:00:00.000000Z"] * 3)
    stamps = [Stamped(6, at + timedelta(hours=5)), Stamped(2, at), Stamped(3, at + timedelta(hours=1)), Stamped(0, at)]
    assert timestamps.delays(stamps, found) == {1: timedelta(hours=2), 5: timedelta(hours=7)}
