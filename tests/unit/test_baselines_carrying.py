"""Carried digests: marked, only of what did not move, a share hashed anyway, and never believed from a target."""

import io
import os
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from tests.measuring import LocalMonitorChannel, entries

from quarterdeck.access.measuring import may_measure_with
from quarterdeck.access.places import Destination
from quarterdeck.baselines.bootstrap import collector_bytes, collector_sha256
from quarterdeck.baselines.carrying import CannotCarry, Known, carried
from quarterdeck.baselines.diff import compare
from quarterdeck.baselines.manifest import (
    CARRIED,
    ManifestError,
    Reader,
    check_line,
    export_mtree,
    export_sha256sums,
    head,
    write,
)
from quarterdeck.baselines.receiver import receive
from quarterdeck.baselines.target import files
from quarterdeck.workflows.scan_files import scan

NOW = datetime(2026, 11, 28, tzinfo=UTC)


def collecting(arguments: list[str], stdin: bytes):
    return LocalMonitorChannel().run(plan="mp_1", arguments=arguments, stdin=stdin)


def whole(folder: Path) -> tuple[bytes, float]:
    target = io.BytesIO()
    received = scan(collecting, [str(folder)], target)
    return target.getvalue(), float(received.header.started)


def after(folder: Path, old: bytes, began: float, share: int = 1) -> tuple[bytes, int, int]:
    """Scan with carrying by the collector, and merge with the manifest of before."""
    target = io.BytesIO()
    arguments = ["manifest", str(folder), f"carry={int(began)}:{share}:{'ab' * 8}"]
    with collecting(arguments, collector_bytes()) as stream:
        through = partial(carried, Reader(io.BytesIO(old)))
        totals = receive(stream, target, arguments=arguments, sha256=collector_sha256(), through=through).totals
    return target.getvalue(), totals.carried, totals.hashed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(200):
        (tmp_path / f"f{number:03}").write_text(f"content {number}")
    return tmp_path


def test_what_did_not_move_is_carried_marked_and_no_difference(folder: Path) -> None:
    old, _ = whole(folder)
    began = (folder / "f000").stat().st_ctime + 100  # long after every file, as the second measurement of a day is
    new, kept, hashed = after(folder, old, began)
    assert kept + hashed == 200
    assert hashed < 20
    assert new.count(CARRIED) == kept
    assert entries(new)[str(folder / "f001").encode()].get("method", b"carried") == b"carried"
    changes = [one for one in compare(Reader(io.BytesIO(old)), Reader(io.BytesIO(new))) if one.kind != "touched"]
    assert changes == []
    sums, plain = io.BytesIO(), io.BytesIO()
    export_sha256sums(io.BytesIO(new), sums)
    export_mtree(io.BytesIO(new), plain)
    assert len(sums.getvalue().splitlines()) == hashed == plain.getvalue().count(b"sha256digest=")


def test_a_share_is_hashed_anyway_and_another_one_each_time(folder: Path) -> None:
    seen = os.stat(folder / "f000")
    paths = [b"/srv/%d" % number for number in range(4000)]
    drawn = []
    for seed in ("aa" * 8, "bb" * 8):
        files.set_carry(f"{int(seen.st_ctime) + 100}:5:{seed}")
        drawn.append({path for path in paths if not files.is_carried(path, seen)})
    files.set_carry("0:100:")
    assert all(120 < len(one) < 290 for one in drawn)
    assert len(drawn[0] & drawn[1]) < 40


def test_what_moved_is_hashed(folder: Path) -> None:
    old, began = whole(folder)
    (folder / "f007").write_text("other bytes")
    os.utime(folder / "f007", (0, 0))
    new, _, _ = after(folder, old, began)
    changes = [one for one in compare(Reader(io.BytesIO(old)), Reader(io.BytesIO(new))) if one.kind == "changed"]
    assert [one.path for one in changes] == [str(folder / "f007").encode()]


def test_nothing_is_carried_that_the_manifest_before_does_not_vouch_for(folder: Path) -> None:
    old, _ = whole(folder)
    began = (folder / "f000").stat().st_ctime + 100
    lines = old.splitlines(keepends=True)
    without = b"".join(line for line in lines if b"/f003 " not in line)
    with pytest.raises(CannotCarry):
        after(folder, without, began)
    other = b"".join(line.replace(b"size=9 ", b"size=8 ") if b"/f003 " in line else line for line in lines)
    with pytest.raises(CannotCarry):
        after(folder, other, began)


def test_a_target_may_not_mark_digests_itself() -> None:
    line = (
        b"./a type=file uid=0 gid=0 mode=0644 nlink=1 size=1 time=1.000000000 sha256digest=%s ctime=1.000000000 inode=2"
    )
    full = line % (b"a" * 64)
    assert check_line(full + CARRIED)["method"]
    with pytest.raises(ManifestError):
        check_line(b"./a type=dir uid=0 gid=0 mode=0755 time=1.000000000 ctime=1.000000000 inode=2" + CARRIED)
    totals = write([b"/a"], [full + CARRIED], io.BytesIO())
    assert (totals.carried, totals.hashed) == (1, 0)
    assert head([b"/a"])


def test_only_monitoring_may_carry_and_only_in_this_spelling() -> None:
    place = Destination("web01", "192.0.2.1", 22, "maint", "ssh-ed25519 " + "A" * 68)
    asked = ["manifest", "/etc", Known("a" * 64, 1764300000.5, NOW).argument("ab" * 8)]
    assert asked[2] == "carry=1764299998:5:" + "ab" * 8
    assert may_measure_with(asked, place, ("/etc",), carry=True).allowed
    assert not may_measure_with(asked, place, ("/etc",)).allowed
    for wrong in ("carry=1:0:" + "ab" * 8, "carry=1:100:" + "ab" * 8, "carry=1:5:x"):
        assert not may_measure_with(["manifest", "/etc", wrong], place, ("/etc",), carry=True).allowed
