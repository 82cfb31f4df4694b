"""Copies of checkpoints on a real S3 server: each arrives with its signature and nobody removes it any more."""

from datetime import timedelta

import pytest
from tests.lab.seaweed import Seaweed, free_ports

from quarterdeck import wiring
from quarterdeck.adapters.s3_anchor import S3Anchor
from quarterdeck.adapters.s3_client import Denied, connect
from quarterdeck.config.api import S3Place, load
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import AnchorGrade, CheckpointView
from quarterdeck.kernel.clock import SystemClock
from quarterdeck.workflows.anchor_checkpoints import Anchor, AnchorFailed, AnchorQueue, Route
from quarterdeck.workflows.cadence import Reach
from quarterdeck_verify import checkpoint as checkpoint_format

ORIGIN = "quarterdeck.example/ledger"
SIGNATURE = b"-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n"
CLOCK = SystemClock()


def anchor_of(size, root=bytes(range(32))):
    body = checkpoint_format.body(ORIGIN, size, root)
    view = CheckpointView(size, root.hex(), body, SIGNATURE, b"", "ab" * 32, "close", CLOCK.now())
    return Anchor("Example Organisation", view, "ledger@quarterdeck.example ecdsa-sha2-nistp256 AAAA\n")


def channel_at(place):
    return S3Anchor(place, AnchorGrade.INDEPENDENT, timedelta(days=2), CLOCK)


def objects(s3):
    listed = s3.client.list_object_versions(Bucket=s3.place.bucket, Prefix=s3.place.prefix)
    return {one["Key"].removeprefix(s3.place.prefix + "/"): one["VersionId"] for one in listed.get("Versions", ())}


def test_a_checkpoint_arrives_with_its_signature_and_stays(s3):
    anchor = anchor_of(42)
    receipt = channel_at(s3.place).send(anchor)
    name = "checkpoints/000000000042-0001020304050607.checkpoint"
    found = objects(s3)
    assert set(found) == {name, name + ".sig"}
    assert f"{s3.place.prefix}/{name} version {found[name]} compliance until " in receipt
    body = s3.client.get_object(Bucket=s3.place.bucket, Key=s3.place.key(name))["Body"].read()
    assert checkpoint_format.find(body) == [checkpoint_format.parse(anchor.checkpoint.body)]
    for key, version in found.items():
        with pytest.raises(Denied), s3.told("remove"):
            s3.client.delete_object(
                Bucket=s3.place.bucket, Key=s3.place.key(key), VersionId=version, BypassGovernanceRetention=True
            )


def test_sending_it_again_makes_no_second_copy(s3):
    channel = channel_at(s3.place)
    assert channel.send(anchor_of(42)) == channel.send(anchor_of(42))
    assert len(objects(s3)) == 2


def test_a_fork_at_the_same_size_stands_beside_the_first(s3):
    channel_at(s3.place).send(anchor_of(42))
    channel_at(s3.place).send(anchor_of(42, bytes(range(1, 33))))
    assert len(objects(s3)) == 4


def test_what_was_planted_under_the_name_does_not_count(s3):
    key = s3.place.key("checkpoints/000000000042-0001020304050607.checkpoint")
    planted = s3.client.put_object(Bucket=s3.place.bucket, Key=key, Body=b"something else")["VersionId"]
    receipt = channel_at(s3.place).send(anchor_of(42))
    assert planted not in receipt
    version = receipt.split(" version ")[1].split(" ")[0]
    body = s3.client.get_object(Bucket=s3.place.bucket, Key=key, VersionId=version)["Body"].read()
    assert body == anchor_of(42).checkpoint.body


def test_a_bucket_without_object_lock_anchors_nothing(seaweed):
    with pytest.raises(AnchorFailed, match="no Object Lock"):
        channel_at(seaweed.place(seaweed.bucket(lock=False))).send(anchor_of(42))


@pytest.mark.django_db
def test_an_outage_costs_nothing_and_every_checkpoint_is_covered(s3, clock, tmp_path):
    for size in (3, 7):
        view = anchor_of(size).checkpoint
        evidence.save_checkpoint(
            size=size, root=bytes(range(32)), body=view.body, sshsig=view.sshsig, note=b"", key_id=view.key_id,
            reason="close", at=clock.now(),
        )  # fmt: skip
    lab = Seaweed(tmp_path)
    away = S3Place("somewhere", "", f"http://127.0.0.1:{free_ports(1)[0]}", "us-east-1", lab.credentials())
    queue = AnchorQueue("Example Organisation", "")
    assert queue.send_due([Route(channel_at(away), Reach.EVERY)], clock=clock) == 0
    assert "cannot be reached" in evidence.known_anchor_route("s3", "s3://somewhere").sentence
    assert queue.send_due([Route(channel_at(s3.place), Reach.EVERY)], clock=clock) == 1
    (receipt,) = evidence.receipts()
    assert (receipt.size, receipt.channel, receipt.grade) == (7, "s3", AnchorGrade.INDEPENDENT)
    assert evidence.anchored_size() == 7
    assert queue.send_due([Route(channel_at(s3.place), Reach.EVERY)], clock=clock) == 0


@pytest.mark.django_db
def test_the_settings_make_the_route(seaweed, bucket, clock, monkeypatch):
    for name, value in {
        "URL": f"s3://{bucket}/held",
        "ENDPOINT": seaweed.endpoint,
        "CREDENTIALS_FILE": str(seaweed.credentials()),
        "GRADE": "independent",
        "KEEP_DAYS": "3",
    }.items():
        monkeypatch.setenv(f"QD_CHECKPOINTS_{name}", value)
    load.cache_clear()
    (route,) = wiring.anchor_routes(clock.now())
    assert (route.reach, route.channel.grade, route.channel.target) == (
        Reach.EVERY, AnchorGrade.INDEPENDENT, f"s3://{bucket}/held",
    )  # fmt: skip
    assert "compliance until" in route.channel.send(anchor_of(5))
    assert connect(load().checkpoints_place).place.prefix == "held"
