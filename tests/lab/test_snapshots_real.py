"""Snapshots on real storage: btrfs on a loop device and a qcow2 image, taken, read back, gone back to."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.lab.btrfs_volume import run, volume

from quarterdeck.adapters.btrfs_snapshot import Btrfs
from quarterdeck.adapters.qcow2_snapshot import Qcow2
from quarterdeck.backups.api import Depth, Product, ProductFailed, Source

__all__ = ["volume"]
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def source(product: Product, repository: Path, path: Path | str = "") -> Source:
    return Source("bs_x", "as_x", product, str(repository), "", timedelta(hours=24), path=str(path), depth=Depth.ALL)


def test_a_btrfs_snapshot_is_taken_read_back_and_gone_back_to(volume: Path) -> None:
    data, product = volume / "data", Btrfs()
    (data / "app.conf").write_text("before\n")
    place = source(Product.BTRFS, data, volume / "snapshots")
    taken = product.take(place, "MT-2026-00001", NOW)
    assert product.look(place, taken.id).verified
    (data / "app.conf").write_text("after\n")
    (data / "new").write_text("made by the work\n")
    back = product.revert(place, taken.id, NOW)
    assert back.verified, back.sentence
    assert (data / "app.conf").read_text() == "before\n"
    assert not (data / "new").exists()
    aside = volume / "snapshots" / "reverted-20261123T090000Z"
    assert (aside / "app.conf").read_text() == "after\n", "what was there is kept"
    assert product.look(place, taken.id).verified, "the snapshot can be gone back to again"
    again = product.revert(place, taken.id, NOW + timedelta(seconds=1))
    assert again.verified, again.sentence


def test_a_btrfs_snapshot_that_is_gone_or_can_be_written_is_not_whole(volume: Path) -> None:
    place, product = source(Product.BTRFS, volume / "data", volume / "snapshots"), Btrfs()
    taken = product.take(place, "one", NOW)
    run("btrfs", "property", "set", "-f", taken.id, "ro", "false")
    assert "written to" in product.look(place, taken.id).sentence
    run("btrfs", "subvolume", "delete", taken.id)
    assert not product.look(place, taken.id).verified
    with pytest.raises(ProductFailed):
        product.revert(place, taken.id, NOW)
    assert (volume / "data").is_dir()


def test_a_btrfs_snapshot_that_was_written_to_or_replaced_shows_it(volume: Path) -> None:
    data, product = volume / "data", Btrfs()
    (data / "app.conf").write_text("before\n")
    place = source(Product.BTRFS, data, volume / "snapshots")
    taken = product.take(place, "one", NOW)
    first = product.look(place, taken.id)
    assert first.identity
    run("btrfs", "filesystem", "balance", "start", "--full-balance", volume)
    assert product.look(place, taken.id).identity == first.identity, "what the file system moves about changes nothing"
    run("btrfs", "property", "set", "-f", taken.id, "ro", "false")
    Path(taken.id, "app.conf").write_text("wrong\n")
    run("btrfs", "property", "set", "-f", taken.id, "ro", "true")
    assert "written after" in product.look(place, taken.id).sentence
    run("btrfs", "subvolume", "delete", taken.id)
    run("btrfs", "subvolume", "snapshot", "-r", data, taken.id)
    other = product.look(place, taken.id)
    assert other.verified, "it looks whole"
    assert other.identity != first.identity, "and is another one"


def test_a_revert_that_was_broken_off_is_done_again(volume: Path) -> None:
    data, product = volume / "data", Btrfs()
    (data / "app.conf").write_text("before\n")
    place = source(Product.BTRFS, data, volume / "snapshots")
    taken = product.take(place, "one", NOW)
    (data / "app.conf").write_text("after\n")
    data.rename(volume / "snapshots" / "reverted-then")
    assert product.look(place, taken.id).verified
    back = product.revert(place, taken.id, NOW)
    assert back.verified, back.sentence
    assert (data / "app.conf").read_text() == "before\n"
    assert "earlier try" in back.sentence


def test_a_folder_that_is_no_subvolume_is_a_sentence(volume: Path) -> None:
    (volume / "plain").mkdir()
    with pytest.raises(ProductFailed, match="could not make the snapshot"):
        Btrfs().take(source(Product.BTRFS, volume / "plain", volume / "snapshots"), "one", NOW)


def test_a_qcow2_snapshot_is_taken_checked_and_gone_back_to(tmp_path: Path) -> None:
    if not shutil.which("qemu-img"):
        pytest.skip("NOT PROVEN HERE: qemu-img is not installed")
    image, raw = tmp_path / "disk.qcow2", tmp_path / "raw"
    raw.write_bytes(b"before" + bytes(1 << 20))
    run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, image)
    place, product = source(Product.QCOW2, image), Qcow2()
    taken = product.take(place, "MT-2026-00001", NOW)
    assert product.look(place, taken.id).verified
    assert not product.look(place, "another").verified
    run("qemu-io", "-c", "write -P 65 0 512", image)
    back = product.revert(place, taken.id, NOW)
    assert back.verified, back.sentence
    run("qemu-img", "convert", "-f", "qcow2", "-O", "raw", image, raw)
    assert raw.read_bytes()[:6] == b"before"
    with pytest.raises(ProductFailed, match="could not make"):
        product.take(source(Product.QCOW2, raw), "x", NOW)
    with pytest.raises(ProductFailed, match="no qcow2"):
        product.look(source(Product.QCOW2, raw), "x")
