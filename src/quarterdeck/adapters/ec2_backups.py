"""EBS snapshots and machine images of EC2: taken, and believed only when AWS says that they are complete.

boto3 is an extra and is imported when AWS is asked. Credentials come from a file, or from AWS's own chain where the
file is empty (an instance's role). Nothing of a snapshot's content is read back here, and the sentence says so.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

from quarterdeck.adapters.credential_file import named_values, read_credential
from quarterdeck.backups.api import Product, ProductFailed, Snapshot, Source, Verification

_NAMES = {
    "AWS_ACCESS_KEY_ID": "aws_access_key_id",
    "AWS_SECRET_ACCESS_KEY": "aws_secret_access_key",
    "AWS_SESSION_TOKEN": "aws_session_token",
    "AWS_ENDPOINT_URL": "endpoint_url",
}
# A repository's file may hold these for restic; AWS is not told of them.
_BESIDE = frozenset({"RESTIC_PASSWORD", "AWS_DEFAULT_REGION"})
_OF_INSTANCE = "quarterdeck-instance"
_GOOD = frozenset({"completed", "available"})
_PENDING = frozenset({"pending", "recovering"})


def aws_client(service: str, region: str, credential_file: str, endpoint: str = "") -> Any:  # noqa: ANN401  the library has no types
    """Return a client of an AWS service, or of a server like it at `endpoint`.

    ProductFailed when boto3 is not installed or the file is not usable.
    """
    try:
        boto3, config = import_module("boto3"), import_module("botocore.config")
    except ImportError:
        raise ProductFailed("boto3 is not installed: install requirements/s3.txt.") from None
    given = {"endpoint_url": endpoint} if endpoint else {}
    if any(line.strip() for line in read_credential(credential_file)):
        found = named_values(credential_file, frozenset(_NAMES) | _BESIDE, "AWS")
        given |= {_NAMES[name]: value for name, value in found.items() if name in _NAMES}
    settings = config.Config(connect_timeout=10, read_timeout=60, retries={"max_attempts": 4, "mode": "standard"})
    return boto3.client(service, region_name=region, config=settings, **given)


def asked(doing: str, call: Callable[..., Any], **named: object) -> Any:  # noqa: ANN401  the library has no types
    """Return what AWS answers; ProductFailed with its code."""
    exceptions = import_module("botocore.exceptions")
    try:
        return call(**named)
    except exceptions.ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", "unknown"))
        raise ProductFailed(f"AWS refuses to {doing} ({code}).") from None
    except exceptions.BotoCoreError as error:
        raise ProductFailed(f"AWS can't be asked to {doing}: {type(error).__name__}.") from None


class Ec2:
    """Fulfils BackupProduct and SnapshotMaker for volumes (`ebs:`) and instances (`ami:`)."""

    def latest_snapshot(self, source: Source) -> Snapshot | None:
        """Return the newest complete one, else the newest that is still pending; None when AWS lists none."""
        rows = self._rows(source)
        if not rows:
            return None
        done = [row for row in rows if _state(row) in _GOOD]
        newest = max(done or rows, key=lambda row: (_moment(row), _id(row)))
        return Snapshot(_id(newest), _moment(newest), _size(newest), _encrypted(newest))

    def verify(self, source: Source, snapshot: Snapshot) -> Verification:
        """Return what AWS says of the snapshot's state."""
        return self.look(source, snapshot.id)

    def take(self, source: Source, name: str, now: datetime) -> Snapshot:
        """Ask for a snapshot of the volume or an image of the instance; it is pending at first."""
        del now
        client, target = self._client(source)
        tags = [{"Key": "Name", "Value": name}, {"Key": _OF_INSTANCE, "Value": target}]
        if source.product is Product.EBS:
            told = asked(
                "make a snapshot", client.create_snapshot, VolumeId=target, Description=name,
                TagSpecifications=[{"ResourceType": "snapshot", "Tags": tags}],
            )  # fmt: skip
            return Snapshot(str(told["SnapshotId"]), _moment(told), _size(told), _encrypted(told))
        told = asked(
            "make an image", client.create_image, InstanceId=target, Name=name, NoReboot=True,
            TagSpecifications=[{"ResourceType": "image", "Tags": tags}],
        )  # fmt: skip
        row = self._one(source, str(told["ImageId"]))
        if row is None:
            raise ProductFailed("AWS does not list the image that it just promised.")
        return Snapshot(_id(row), _moment(row), _size(row), _encrypted(row))

    def look(self, source: Source, snapshot: str) -> Verification:
        """Return what AWS says of the snapshot's state: complete, pending with its progress, or failed."""
        row = self._one(source, snapshot)
        if row is None:
            return Verification(False, "AWS does not list the snapshot any more.", b"gone\n")
        state, progress = _state(row), str(row.get("Progress", ""))
        log = f"{_id(row)} state={state} progress={progress} encrypted={_encrypted(row)}\n".encode()
        if state in _PENDING:
            at = f" ({progress})" if progress else ""
            return Verification(False, f"AWS still makes it{at}.", log, pending=True)
        if state not in _GOOD:
            return Verification(False, f"AWS says {state}.", log)
        return Verification(True, "AWS says that it is complete; its content was not read back here.", log)

    def revert(self, source: Source, snapshot: str, now: datetime) -> Verification:
        """Refuse: a volume is replaced in AWS by an act of its own under the ticket."""
        del source, snapshot, now
        raise ProductFailed("A volume of EC2 is put back by replacing it in AWS (replace root volume), not from here.")

    def _client(self, source: Source) -> tuple[Any, str]:
        region, _, target = source.repository.partition(":")[2].partition("/")
        return aws_client("ec2", region, source.credential_file), target

    def _rows(self, source: Source) -> list[dict[str, Any]]:
        client, target = self._client(source)
        if source.product is Product.EBS:
            filters = [{"Name": "volume-id", "Values": [target]}]
            return self._pages(client, "describe_snapshots", "Snapshots", OwnerIds=["self"], Filters=filters)
        filters = [{"Name": f"tag:{_OF_INSTANCE}", "Values": [target]}]
        return self._pages(client, "describe_images", "Images", Owners=["self"], Filters=filters)

    def _pages(self, client: Any, verb: str, key: str, **named: object) -> list[dict[str, Any]]:  # noqa: ANN401  the library has no types
        pages = client.get_paginator(verb).paginate(**named)
        return asked("list snapshots", lambda: [row for page in pages for row in page[key]])  # type: ignore[no-any-return]

    def _one(self, source: Source, snapshot: str) -> dict[str, Any] | None:
        return next((row for row in self._rows(source) if _id(row) == snapshot), None)


def _id(row: dict[str, Any]) -> str:
    return str(row.get("SnapshotId") or row.get("ImageId"))


def _state(row: dict[str, Any]) -> str:
    return str(row.get("State", "unknown"))


def _moment(row: dict[str, Any]) -> datetime:
    told = row.get("StartTime") or row.get("CreationDate")
    moment = told if isinstance(told, datetime) else datetime.fromisoformat(str(told))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _disks(row: dict[str, Any]) -> list[dict[str, Any]]:
    return [one["Ebs"] for one in row.get("BlockDeviceMappings", []) if "Ebs" in one]


def _size(row: dict[str, Any]) -> int:
    disks = _disks(row) or [row]
    return sum(int(one.get("VolumeSize", 0)) for one in disks) << 30


def _encrypted(row: dict[str, Any]) -> bool:
    disks = _disks(row) or [row]
    return all(bool(one.get("Encrypted")) for one in disks)
