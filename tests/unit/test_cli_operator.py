"""The operator's parts without a database: roster file, folders, encrypted keys, copies, children, findings."""

import os
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

from quarterdeck.adapters.ssh_signature import SshKeygenSigner
from quarterdeck.config.api import load
from quarterdeck.entrypoints.supervisor import machine_checks, sealed_keys
from quarterdeck.entrypoints.supervisor.children import Child, Recipe
from quarterdeck.entrypoints.supervisor.copies import copy_database, copy_objects, is_whole
from quarterdeck.entrypoints.supervisor.findings import Grade
from quarterdeck.entrypoints.supervisor.folders import Unusable, prepare, private_files, private_folders
from quarterdeck.entrypoints.supervisor.init import EXAMPLE
from quarterdeck.entrypoints.supervisor.restore import RestoreFailed, read_description, set_aside
from quarterdeck.entrypoints.supervisor.roster_file import MalformedRoster, parse_roster, read_file
from quarterdeck.entrypoints.supervisor.up import Supervisor

PASSPHRASE = "six random words for this backup"


def test_the_example_roster_can_be_read():
    people = parse_roster(EXAMPLE.encode(), "example")
    assert [(person.name, person.roles) for person in people] == [
        ("Iris Lead", ("it_lead", "requester")),
        ("Avery Approver", ("approver",)),
    ]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "at least one"),
        ("x = 1", "at least one"),
        ("person = 1", "at least one"),
        ("[[person]]\nname='A'\nemail='a@b.c'\nroles=['admin']", "known are requester"),
        ("[[person]]\nname='A'\nemail='a@b.c'\nroles='it_lead'", "known are requester"),
        ("[[person]]\nname='A'\nroles=[]", "needs email"),
        ("[[person]]\nname=1\nemail='a@b.c'", "needs name"),
        ("[[person]]\nname='A'\nemail='a@b.c'\nkind='god'", "known are staff"),
        ("[[person]]\nname='A'\nemail='a@b.c'\nadmin=true", "unknown keys"),
        ("[[", "no TOML file"),
        ("\xff", "at least one|no TOML"),
    ],
)
def test_a_malformed_roster_names_the_mistake(text, part):
    with pytest.raises(MalformedRoster, match=part):
        parse_roster(text.encode("latin-1"), "roster.toml")


def test_a_roster_that_is_not_there_is_a_sentence(tmp_path):
    with pytest.raises(MalformedRoster, match="cannot be read"):
        read_file(tmp_path / "none.toml")


def test_the_fingerprint_is_the_one_that_ssh_keygen_and_the_verifier_print(tmp_path):
    signer = SshKeygenSigner.create(tmp_path / "key", "example")
    told = subprocess.run(["ssh-keygen", "-l", "-f", tmp_path / "key.pub"], capture_output=True, text=True, check=True)
    assert signer.shown_fingerprint() == told.stdout.split()[1]


def test_preparing_makes_everything_private_and_only_once():
    config = load()
    assert prepare(config)
    kept = {path: path.read_bytes() for path in private_files(config)}
    assert prepare(config) == []
    assert {path: path.read_bytes() for path in private_files(config)} == kept
    assert {folder.stat().st_mode & 0o777 for folder in private_folders(config)} == {0o700}
    assert {path.stat().st_mode & 0o777 for path in kept} == {0o600}


def test_a_file_in_the_way_is_a_sentence():
    config = load()
    config.run_dir.write_text("a file")
    with pytest.raises(Unusable, match=str(config.run_dir)):
        prepare(config)


def test_an_unknown_owner_is_a_sentence():
    match = "no user 'nobody-here'" if os.geteuid() == 0 else "Only root"
    with pytest.raises(Unusable, match=match):
        prepare(load(), "nobody-here")


def test_doctor_before_init_says_it_once_and_calls_nothing_ok_that_it_cannot_see(monkeypatch, tmp_path):
    monkeypatch.setenv("QD_DATA_DIR", str(tmp_path / "none"))
    load.cache_clear()
    found = [*machine_checks.permissions(load()), *machine_checks.separation(load())]
    load.cache_clear()
    assert [(one.topic, one.grade) for one in found] == [("permissions", Grade.WRONG), ("separation", Grade.NOTE)]
    assert found[0].next_step == "Run `qd init`."


def test_doctor_says_whose_installation_it_looked_at_without_the_values(monkeypatch):
    monkeypatch.setenv("QD_SMTP_PASSWORD", "a word of the mail server")
    found = machine_checks.settings_used(load())
    assert f"Data folder {load().data_dir} (QD_DATA_DIR)" in found.sentence
    assert "QD_SMTP_PASSWORD" in found.sentence
    assert "mail server" not in found.sentence
    monkeypatch.delenv("QD_DATA_DIR")
    assert "(default, QD_DATA_DIR is not set)" in machine_checks.settings_used(load()).sentence


def test_doctor_sees_a_key_that_others_may_read():
    config = load()
    prepare(config)
    assert {finding.grade for finding in machine_checks.permissions(config)} == {Grade.OK}
    config.factor_key_file.chmod(0o644)
    assert [finding.grade for finding in machine_checks.permissions(config)] == [Grade.WRONG]


def test_doctor_says_single_uid_and_keys_in_the_data_folder(monkeypatch):
    prepare(load())
    assert any("single-uid" in finding.sentence for finding in machine_checks.separation(load()))
    monkeypatch.setenv("QD_SEALER_DIR", str(load().data_dir / "sealer"))
    load.cache_clear()
    assert any(finding.grade is Grade.WRONG for finding in machine_checks.separation(load()))


def test_every_look_at_the_machine_ends_in_a_sentence():
    prepare(load())
    findings = machine_checks.machine_findings(load())
    assert {finding.topic for finding in findings} >= {"permissions", "terminals", "openssh", "clock", "disk"}
    assert all(finding.sentence.endswith(".") or finding.topic == "openssh" for finding in findings)


def test_keys_come_back_with_the_passphrase(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a").write_text("A")
    (tmp_path / "single").write_text("S")
    data = sealed_keys.seal({"f": tmp_path / "folder", "s": tmp_path / "single", "none": tmp_path / "x"}, PASSPHRASE)
    assert b"A" not in data.partition(b"\n")[2][:1]
    places = {"f": tmp_path / "new" / "folder", "s": tmp_path / "new" / "single"}
    written = sealed_keys.unseal(data, PASSPHRASE, places)
    assert sorted(path.read_text() for path in written) == ["A", "S"]
    assert {path.stat().st_mode & 0o777 for path in written} == {0o600}
    assert sealed_keys.unseal(data, PASSPHRASE, places) == []


def test_keys_stay_shut_without_the_passphrase(tmp_path):
    (tmp_path / "k").write_text("K")
    data = sealed_keys.seal({"k": tmp_path / "k"}, PASSPHRASE)
    for wrong in (data[:-10], data, b"", b"x\n" + data):
        with pytest.raises(sealed_keys.WrongPassphrase):
            sealed_keys.unseal(wrong, "another passphrase altogether", {"k": tmp_path / "new"})
    with pytest.raises(sealed_keys.WrongPassphrase, match="20 or more"):
        sealed_keys.seal({"k": tmp_path / "k"}, "short")


def test_a_database_in_use_is_copied_whole(tmp_path):
    source = sqlite3.connect(tmp_path / "a.sqlite3")
    source.execute("PRAGMA journal_mode=WAL")
    source.execute("CREATE TABLE t (x)")
    source.executemany("INSERT INTO t VALUES (?)", [(number,) for number in range(1000)])
    source.commit()
    copy_database(tmp_path / "a.sqlite3", tmp_path / "copy.sqlite3")
    source.close()
    assert is_whole(tmp_path / "copy.sqlite3")
    (tmp_path / "copy.sqlite3").write_bytes(b"SQLite format 3\0" + b"x" * 5000)
    assert not is_whole(tmp_path / "copy.sqlite3")


def test_objects_are_copied_once_and_damaged_ones_named(tmp_path):
    good = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
    for name, content in ((good, "foo"), ("ab" * 32, "not that hash")):
        (tmp_path / "from" / name[:2]).mkdir(parents=True)
        (tmp_path / "from" / name[:2] / name).write_text(content)
    assert copy_objects(tmp_path / "from", tmp_path / "to") == (1, ["ab" * 32])
    assert copy_objects(tmp_path / "from", tmp_path / "to") == (0, ["ab" * 32])


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"database_sha256": "x"}'])
def test_a_folder_that_is_no_backup_is_a_sentence(tmp_path, content):
    (tmp_path / "backup.json").write_text(content)
    with pytest.raises((RestoreFailed, KeyError, TypeError)) as caught:
        read_description(tmp_path, "quarterdeck.example/ledger")
    assert caught.type is RestoreFailed


def test_a_database_set_aside_is_never_lost(tmp_path):
    for turn in (1, 2):
        (tmp_path / "db").write_text(str(turn))
        (tmp_path / "db-wal").write_text(str(turn))
        set_aside(tmp_path / "db")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["db.before-1", "db.before-1-wal", "db.before-2",
                                                               "db.before-2-wal"]  # fmt: skip


def recipe(tmp_path, code):
    return Recipe("child", (sys.executable, "-c", code), tmp_path, lambda: True)


def until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_child_that_ends_is_started_again_after_growing_waits(tmp_path):
    child = Child(recipe(tmp_path, "raise SystemExit(3)"), os.environ)
    said = []
    for now in (0.0, 1.0, 3.0):
        child.tend(now)
        until(lambda: child.process.poll() is not None)
        said.append(child.tend(now))
    assert said == ["child ended with exit code 3; again in 1 s", "child ended with exit code 3; again in 2 s",
                    "child ended with exit code 3; again in 4 s"]  # fmt: skip
    assert child.process is None
    assert child.restarts == 3


def test_a_child_that_will_not_end_is_killed(tmp_path):
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    child = Child(recipe(tmp_path, code), os.environ, tmp_path / "log")
    child.tend(0.0)
    until(lambda: (tmp_path / "log").read_text())
    child.stop()
    assert not child.wait(0.2)
    assert child.process.returncode == -signal.SIGKILL


def test_the_supervisor_ends_all_and_writes_down_how_they_are(tmp_path):
    child = Child(recipe(tmp_path, "import time; time.sleep(60)"), os.environ)
    supervisor = Supervisor([child], tmp_path / "state.json")
    supervisor.look()
    supervisor.look()
    assert '"ready": true' in (tmp_path / "state.json").read_text()
    supervisor.stop()
    supervisor.run()
    assert child.process.returncode == -signal.SIGTERM
    assert not (tmp_path / "state.json").exists()
