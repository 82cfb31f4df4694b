"""EBS snapshots and machine images against a simulator of EC2: states, the newest complete one, refusals."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest
from moto import mock_aws
from moto.ec2.models import ec2_backends

from quarterdeck.adapters.bucket_lock import BucketLockReader
from quarterdeck.adapters.ec2_backups import Ec2
from quarterdeck.backups import rules
from quarterdeck.backups.api import Product, ProductFailed, Source

REGION, ACCOUNT = "us-gov-west-1", "123456789012"


def now() -> datetime:
    """Return the machine's time, with which the simulator stamps."""
    return datetime.now(UTC)  # noqa: TID251  see above


@pytest.fixture
def credential(tmp_path: Path) -> str:
    file = tmp_path / "aws"
    file.write_text("AWS_ACCESS_KEY_ID=AKIAEXAMPLE\nAWS_SECRET_ACCESS_KEY=secret-of-nobody\n")
    file.chmod(0o600)
    return str(file)


@pytest.fixture
def ec2(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with mock_aws():
        yield boto3.client("ec2", region_name=REGION, aws_access_key_id="a", aws_secret_access_key="b")


@pytest.fixture
def volume(ec2, credential: str) -> Source:
    made = ec2.create_volume(AvailabilityZone=f"{REGION}a", Size=8, Encrypted=True)["VolumeId"]
    return _source(Product.EBS, f"ebs:{REGION}/{made}", credential)


def _source(product: Product, repository: str, credential: str) -> Source:
    return Source("bs_x", "as_x", product, repository, credential, timedelta(hours=24))


def _state(snapshot: str, state: str) -> None:
    """What the simulator can't do by itself: a snapshot in a state other than completed."""
    ec2_backends[ACCOUNT][REGION].snapshots[snapshot].status = state


def test_a_snapshot_of_a_volume_is_taken_and_complete(volume: Source) -> None:
    assert Ec2().latest_snapshot(volume) is None
    taken = Ec2().take(volume, "MT-2026-00001", now())
    found = Ec2().latest_snapshot(volume)
    assert found is not None
    assert (found.id, found.size, found.encrypted) == (taken.id, 8 << 30, True)
    verified = Ec2().verify(volume, found)
    assert verified.verified
    assert "not read back" in verified.sentence
    assert rules.may_rely_on(found, verified, now() + timedelta(minutes=1), volume.max_age).allowed


def test_a_snapshot_that_stays_pending_is_neither_good_nor_bad(volume: Source) -> None:
    taken = Ec2().take(volume, "MT-2026-00001", now())
    _state(taken.id, "pending")
    verified = Ec2().look(volume, taken.id)
    assert (verified.pending, verified.verified) == (True, False)
    found = Ec2().latest_snapshot(volume)
    assert rules.may_rely_on(found, verified, now(), volume.max_age).codes == ("backup.pending",)


def test_a_complete_one_counts_while_a_newer_is_pending(volume: Source) -> None:
    first = Ec2().take(volume, "one", now())
    second = Ec2().take(volume, "two", now())
    _state(second.id, "pending")
    found = Ec2().latest_snapshot(volume)
    assert found is not None
    assert found.id == first.id


def test_a_failed_or_vanished_snapshot_does_not_count(volume: Source, ec2) -> None:
    taken = Ec2().take(volume, "one", now())
    _state(taken.id, "error")
    assert "error" in Ec2().look(volume, taken.id).sentence
    ec2.delete_snapshot(SnapshotId=taken.id)
    assert not Ec2().look(volume, taken.id).verified


def test_snapshots_of_another_volume_do_not_count(volume: Source, ec2) -> None:
    other = ec2.create_volume(AvailabilityZone=f"{REGION}a", Size=1)["VolumeId"]
    ec2.create_snapshot(VolumeId=other)
    assert Ec2().latest_snapshot(volume) is None


def test_a_volume_that_is_not_there_is_a_sentence(ec2, credential: str) -> None:
    with pytest.raises(ProductFailed, match="InvalidVolume"):
        Ec2().take(_source(Product.EBS, f"ebs:{REGION}/vol-00000000000000000", credential), "x", now())


def test_an_image_of_an_instance_is_taken_and_found_by_its_tag(ec2, credential: str) -> None:
    image = ec2.describe_images()["Images"][0]["ImageId"]
    made = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    source = _source(Product.AMI, f"ami:{REGION}/{made}", credential)
    assert Ec2().latest_snapshot(source) is None
    taken = Ec2().take(source, "MT-2026-00001", now())
    found = Ec2().latest_snapshot(source)
    assert found is not None
    assert found.id == taken.id
    assert Ec2().look(source, taken.id).verified
    ec2_backends[ACCOUNT][REGION].amis[taken.id].state = "pending"
    assert Ec2().look(source, taken.id).pending


def test_credentials_that_others_may_read_are_not_used(volume: Source) -> None:
    Path(volume.credential_file).chmod(0o644)
    with pytest.raises(ProductFailed, match="chmod 600"):
        Ec2().latest_snapshot(volume)


@pytest.mark.parametrize(("locked", "days"), [(True, 30), (False, 0)])
def test_the_lock_of_a_backup_bucket_is_read_back(ec2, credential: str, locked: bool, days: int) -> None:
    s3 = boto3.client("s3", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    s3.create_bucket(Bucket="backups-of-fs01", ObjectLockEnabledForBucket=locked)
    if locked:
        rule = {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": days}}
        s3.put_object_lock_configuration(
            Bucket="backups-of-fs01", ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule}
        )
    source = _source(Product.RESTIC, "s3:https://s3.amazonaws.com/backups-of-fs01/fs01", credential)
    found = BucketLockReader().read_lock(source)
    assert found is not None
    assert (found.locked, found.days, found.versions) == (locked, days, locked)


def test_a_folder_has_no_lock(credential: str) -> None:
    source = Source("bs_x", "as_x", Product.RESTIC, "/srv/backup", credential, timedelta(hours=24), host="fs01")
    assert BucketLockReader().read_lock(source) is None
