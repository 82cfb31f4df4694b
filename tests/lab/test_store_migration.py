"""Moving the evidence between a directory and S3 with the operator's own verbs, killed in the middle, both ways."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.app.test_cli_installation import Installation
from tests.waiting import wait_for

pytestmark = pytest.mark.slow
FILES = 60
STORE_SOME = """
import os, sys, django
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "quarterdeck.settings")
django.setup()
from quarterdeck.evidence import api as evidence
from quarterdeck.kernel.actors import OPERATOR
from quarterdeck.kernel.clock import SystemClock
refs = [evidence.store_artifact(f"{sys.argv[1]} {n}".encode() * 2000, media_type="text/plain", role="note",
        name="note.txt", may_contain_cui=False) for n in range(int(sys.argv[2]))]
with evidence.act(OPERATOR, SystemClock()) as act:
    act.record("evidence.attached", evidence.ObjectRef("ticket", "none"), artifacts=refs)
"""
READ_ALL = """
import os, sys, django
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "quarterdeck.settings")
django.setup()
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.models import Artifact
for sha256 in Artifact.objects.values_list("sha256", flat=True):
    evidence.open_artifact(sha256).close()
print(Artifact.objects.count())
"""


def run(installation, text, *words):
    done = subprocess.run(
        [sys.executable, "-c", text, *map(str, words)], env=installation.environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def start_check(installation, expect):
    done = subprocess.run(
        [sys.executable, "-m", "quarterdeck.entrypoints.supervisor.store_start"],
        env=installation.environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == expect, done.stderr
    return done.stderr


def kill_in_the_middle(installation, s3, *words):
    """Kill the verb once the new store has some of the files."""
    process = subprocess.Popen(
        [sys.executable, "-m", "quarterdeck.entrypoints.cli", "evidence", "migrate", *words],
        env=installation.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 90
    while s3.client.list_objects_v2(Bucket=s3.place.bucket, Prefix=s3.place.prefix).get("KeyCount", 0) < 5:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_there_and_back_again(tmp_path, seaweed, s3):
    installation = Installation(tmp_path, QD_S3_ENDPOINT=seaweed.endpoint, QD_S3_CREDENTIALS_FILE=seaweed.credentials())
    installation.init()
    run(installation, STORE_SOME, "note", FILES)
    there = s3.place.name
    kill_in_the_middle(installation, s3, "--to", there)

    environment = installation.environment
    installation.environment = {**environment, "QD_EVIDENCE_URL": there}
    assert f"{there} lacks " in start_check(installation, 1), "half a store is not begun with"
    installation.environment = environment
    broken = json.loads(installation.qd("evidence", "status", "--json").stdout)["jobs"][0]
    assert (broken["kind"], broken["state"]) == ("migrate", "running")

    told = installation.qd("evidence", "migrate", "--to", there).stdout
    assert "files lie in" in told
    assert f"set QD_EVIDENCE_URL={there}" in told

    run(installation, STORE_SOME, "meanwhile", 2)
    installation.environment = {**environment, "QD_EVIDENCE_URL": there}
    assert "lacks 2 files" in start_check(installation, 1)
    old = f"file:{tmp_path / 'data' / 'objects'}"
    installation.qd("evidence", "migrate", "--from", old, "--to", there)
    start_check(installation, 0)
    (tmp_path / "data" / "objects").rename(tmp_path / "put-away")
    assert int(run(installation, READ_ALL)) >= FILES + 2
    installation.qd("evidence", "scrub", "--all")
    status = json.loads(installation.qd("evidence", "status", "--json", expect=1).stdout)
    assert status["wrong"] == []
    assert {fact["code"]: fact["answer"] for fact in status["facts"]}["lock"] == "good"

    findings = json.loads(installation.qd("doctor", "--json", expect=1).stdout)
    told = {one["sentence"]: one["grade"] for one in findings if one["topic"] == "evidence store"}
    assert told["Object Lock is enabled."] == "ok"
    assert told["MFA Delete is not reported, so it is not enabled."] == "note"
    assert told["The bucket reports no encryption of its own."] == "wrong"
    lean = installation.qd("backup", tmp_path / "backups").stdout.strip()
    assert json.loads((Path(lean) / "backup.json").read_text())["store"] == there
    assert not (tmp_path / "backups" / "objects").exists()
    installation.qd("backup", tmp_path / "full", "--objects")
    assert len(list((tmp_path / "full" / "objects").glob("??/*"))) >= FILES + 2

    back = f"file:{tmp_path / 'elsewhere'}"
    installation.qd("evidence", "migrate", "--to", back)
    installation.environment = {**environment, "QD_EVIDENCE_URL": back}
    start_check(installation, 0)
    assert int(run(installation, READ_ALL)) >= FILES + 2
    assert (tmp_path / "data" / "store").read_text().strip() == back
    installation.qd("ledger", "verify", expect=3)


def told_when_done(installation):
    """Return the store's state once every kind of nightly work is done, None before."""
    status = json.loads(installation.qd("evidence", "status", "--json", expect=1).stdout)
    done = {job["kind"] for job in status["jobs"] if job["state"] == "done"}
    return status if done >= {"scrub", "gc", "ledger"} else None


def test_the_running_product_reads_its_store_through_by_itself(tmp_path, seaweed, s3):
    installation = Installation(
        tmp_path, QD_S3_ENDPOINT=seaweed.endpoint, QD_S3_CREDENTIALS_FILE=seaweed.credentials(),
        QD_EVIDENCE_URL=s3.place.name,
    )  # fmt: skip
    installation.init()
    run(installation, STORE_SOME, "note", 3)
    running = installation.up()
    try:
        status = wait_for(lambda: told_when_done(installation), 180, "reading, sweep and ledger check")
        assert status["wrong"] == []
        assert status["locks"]["governance"] >= 3
    finally:
        running.terminate()
        running.wait(30)
    assert "WARNING" not in (tmp_path / "data" / "logs" / "ticker.log").read_text()


def test_qd_up_does_not_start_without_what_the_settings_demand(tmp_path, seaweed):
    plain = f"s3://{seaweed.bucket(lock=False)}/shop"
    installation = Installation(
        tmp_path, QD_S3_ENDPOINT=seaweed.endpoint, QD_S3_CREDENTIALS_FILE=seaweed.credentials(), QD_EVIDENCE_URL=plain
    )
    installation.init()
    told = installation.qd("up", expect=1).stderr
    assert "no Object Lock" in told
    assert "QD_S3_DEMAND_LOCK" in told
    installation.environment["QD_S3_CREDENTIALS_FILE"] = str(seaweed.credentials("a wrong secret"))
    refused = installation.qd("up", expect=1).stderr
    assert "credentials" in refused or "refuses" in refused
    assert "a wrong secret" not in refused
