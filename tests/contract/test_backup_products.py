"""Every backup product keeps the port's promise: the newest of that host, really checked, trouble as a sentence."""

import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.backup_products import BorgSetup, FolderSetup, ResticSetup, Setup

from quarterdeck.adapters.restic import Restic
from quarterdeck.backups.api import Depth, ProductFailed

NOW = datetime.now(UTC).replace(microsecond=0)  # noqa: TID251  restic stamps with the machine's clock
needs_restic = pytest.mark.skipif(not shutil.which("restic"), reason="not run here: restic is not installed")


needs_borg = pytest.mark.skipif(
    not shutil.which("borg") or os.geteuid() != 0, reason="not run here: no borg, or no root to name the machine"
)


@pytest.fixture(
    params=[
        FolderSetup, pytest.param(ResticSetup, marks=needs_restic), pytest.param(BorgSetup, marks=needs_borg),
    ]
)  # fmt: skip
def setup(request: pytest.FixtureRequest, tmp_path: Path) -> Setup:
    return request.param(tmp_path)


@pytest.fixture
def restic(tmp_path: Path) -> ResticSetup:
    if not shutil.which("restic"):
        pytest.skip("not run here: restic is not installed")
    return ResticSetup(tmp_path)


def test_an_empty_repository_has_no_backup(setup: Setup):
    assert setup.product.latest_snapshot(setup.source()) is None


def test_the_newest_backup_of_the_host_is_named_with_time_and_size(setup: Setup):
    for hours in (30, 2, 9):
        setup.backup("fs01.example.test", NOW - timedelta(hours=hours))
    found = setup.product.latest_snapshot(setup.source())
    assert found is not None
    assert found.taken_at == NOW - timedelta(hours=2)
    assert found.taken_at.tzinfo is UTC
    assert found.size == 100_000
    assert found.encrypted in (True, False)


def test_backups_of_another_host_do_not_count(setup: Setup):
    setup.backup("fs02.example.test", NOW)
    assert setup.product.latest_snapshot(setup.source()) is None


def test_a_whole_backup_is_verified_and_the_products_words_are_kept(setup: Setup):
    setup.backup("fs01.example.test", NOW)
    snapshot = setup.product.latest_snapshot(setup.source())
    verified = setup.product.verify(setup.source(), snapshot)
    assert verified.verified, verified
    assert verified.log


def test_one_changed_byte_is_found_and_is_not_an_exception(setup: Setup):
    setup.backup("fs01.example.test", NOW)
    snapshot = setup.product.latest_snapshot(setup.source())
    setup.damage()
    verified = setup.product.verify(setup.source(), snapshot)
    assert not verified.verified
    assert verified.sentence


def test_a_repository_that_is_gone_is_a_sentence(setup: Setup):
    with pytest.raises(ProductFailed, match=r"\w+ \w+"):
        setup.product.latest_snapshot(setup.source(repository=str(setup.folder / "nowhere")))


def test_a_wrong_password_is_a_sentence_that_does_not_tell_it(setup: Setup):
    setup.credential.write_text("wrong horse\n")
    with pytest.raises(ProductFailed) as failed:
        setup.product.latest_snapshot(setup.source())
    assert "horse" not in str(failed.value)


def test_restic_that_only_looked_at_the_structure_proves_nothing(restic: ResticSetup):
    restic.backup("fs01.example.test", NOW)
    source = restic.source(depth=Depth.STRUCTURE)
    verified = restic.product.verify(source, restic.product.latest_snapshot(source))
    assert not verified.verified
    assert "no data was read back" in verified.sentence


def test_restic_that_read_a_sample_says_so(restic: ResticSetup):
    restic.backup("fs01.example.test", NOW)
    source = restic.source(depth=Depth.SAMPLE)
    verified = restic.product.verify(source, restic.product.latest_snapshot(source))
    assert verified.verified
    assert "5 %" in verified.sentence


def test_restic_only_counts_backups_of_the_path(restic: ResticSetup):
    restic.backup("fs01.example.test", NOW)
    assert restic.product.latest_snapshot(restic.source(path=str(restic.content))) is not None
    assert restic.product.latest_snapshot(restic.source(path="/elsewhere")) is None
    assert restic.product.latest_snapshot(restic.source(tag="nightly")) is None


def test_a_verification_that_takes_too_long_is_a_sentence(restic: ResticSetup):
    with pytest.raises(ProductFailed, match="did not finish"):
        Restic(timeout=0.001).latest_snapshot(restic.source())
