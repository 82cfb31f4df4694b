"""Defined checks: their grammar, the questions they become, what the probes find here, and how answers are judged."""

import base64
import hashlib
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from quarterdeck.access.measuring import may_measure_with
from quarterdeck.access.places import Destination
from quarterdeck.baselines.target import probes
from quarterdeck.evidence.api import Outcome
from quarterdeck.inventory.check_rules import check_definition, completed
from quarterdeck.inventory.check_terms import CheckFields, CheckKind, CheckPhase, CheckView
from quarterdeck.workflows.ask_target import Answers
from quarterdeck.workflows.judge_checks import judge

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def view(kind: str, **values: str) -> CheckView:
    fields = completed(CheckFields(kind, "It", values=values))
    assert check_definition(fields).allowed, check_definition(fields).reasons
    return CheckView("ck_1", CheckKind(kind), "It", CheckPhase.BOTH, fields.values, ("as_1",), True, 1, NOW)


@pytest.mark.parametrize(
    ("kind", "values", "code"),
    [
        ("service", {"service": "a;reboot"}, "service.grammar"),
        ("service", {}, "service.grammar"),
        ("disk", {"path": "/srv/../etc", "least_mb": "1"}, "path.grammar"),
        ("tcp", {"host": "-x", "port": "1"}, "host.grammar"),
        ("tcp", {"port": "65536"}, "port.grammar"),
        ("http", {"url": "file:///etc/passwd"}, "url.grammar"),
        ("http", {"url": "http://a/$(id)"}, "url.grammar"),
        ("certificate", {}, "certificate.place"),
        ("certificate", {"path": "/a", "host": "b"}, "certificate.place"),
        ("share", {"path": "/srv", "mode": "0999"}, "mode.grammar"),
        ("mechanism", {"path": "/bin/x", "item": "it_1", "sha256": "ab"}, "sha256.grammar"),
        ("reboot", {"command": "reboot"}, "values.unknown"),
        ("shell", {}, "kind.choice"),
    ],
)
def test_a_definition_that_says_something_else_is_refused(kind: str, values: dict[str, str], code: str) -> None:
    assert code in check_definition(completed(CheckFields(kind, "It", values=values))).codes


def test_every_question_passes_the_collectors_own_grammar_and_only_when_it_was_approved() -> None:
    place = Destination("web01", "192.0.2.1", 22, "maint", "ssh-ed25519 " + "A" * 68)
    for check in (
        view("disk", path="/srv", least_mb="100"),
        view("tcp", port="5432"),
        view("http", url="https://app.example:8443/health"),
        view("certificate", path="/etc/ssl/app.pem"),
        view("share", path="/srv/cui"),
        view("mechanism", path="/opt/check", item="it_1", sha256="a" * 64),
        view("reboot"),
        view("clock"),
    ):
        asked_ = ["checks", *check.questions()]
        assert may_measure_with(asked_, place, (), check.questions()).allowed, check.kind
        assert "measure.not_approved" in may_measure_with(asked_, place, ()).codes, check.kind
        assert not may_measure_with(["manifest", *check.questions()], place, (), check.questions()).allowed


def certificate(days: int) -> bytes:
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "app")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(NOW - timedelta(days=400)).not_valid_after(NOW + timedelta(days=days))
    return made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


@pytest.mark.parametrize(("days", "outcome"), [(90, Outcome.PASSED), (10, Outcome.FAILED), (-1, Outcome.FAILED)])
def test_a_certificate_counts_while_it_has_days_left(tmp_path: Path, days: int, outcome: Outcome) -> None:
    file = tmp_path / "app.pem"
    file.write_bytes(b"key first\n" + certificate(days))
    found = base64.b64decode(probes.probe_certificate(str(file)))
    check = view("certificate", path="/etc/app.pem")
    answers = Answers(NOW, NOW, {"certificate:/etc/app.pem": {"value": base64.b64encode(found).decode()}}, 0)
    assert judge(check, answers, NOW).outcome is outcome


def share(tmp_path: Path, **more: object) -> Answers:
    found = probes.probe_share(str(tmp_path)) | more
    return Answers(NOW, NOW, {"share:/srv/cui": {"value": found}}, 0)


def test_a_share_gives_nobody_more_than_was_allowed(tmp_path: Path) -> None:
    tmp_path.chmod(0o2770)
    check = view("share", path="/srv/cui", allowed="alice")
    assert judge(check, share(tmp_path), NOW).outcome is Outcome.PASSED
    tmp_path.chmod(0o2775)
    assert "2775" in judge(check, share(tmp_path), NOW).sentence
    tmp_path.chmod(0o2770)
    well = ["owner::rwx", "user:alice:rwx", "owning group::rwx", "mask::rwx", "other::---"]
    assert judge(check, share(tmp_path, access=well), NOW).outcome is Outcome.PASSED
    for line in ("user:mallory:r--", "group:everybody:r-x", "other::r--"):
        assert judge(check, share(tmp_path, access=[*well, line]), NOW).outcome is Outcome.FAILED, line
        assert judge(check, share(tmp_path, default=[line]), NOW).outcome is Outcome.FAILED, line
    other = view("share", path="/srv/cui", owner="nobody")
    assert "owner" in judge(other, share(tmp_path), NOW).sentence


def test_the_bytes_of_an_access_list_are_read() -> None:
    raw = bytes.fromhex("0200000001000700ffffffff020004000000000020000000ffffffff")
    assert probes.probe_acl(raw) == ["owner::rwx", "user:root:r--", "other::---"]


def mechanism(tmp_path: Path, text: str, **values: str) -> tuple[Outcome, str]:
    file = tmp_path / "check"
    file.write_text("#!/bin/sh\n" + text)
    file.chmod(0o755)
    sha256 = values.pop("sha256", hashlib.sha256(file.read_bytes()).hexdigest())
    check = view("mechanism", path="/opt/check", item="it_1", sha256=sha256, **values)
    found = probes.probe_mechanism(f"{sha256}:{check.values['seconds']}:{file}")
    (question,) = check.questions()
    answers = Answers(NOW, NOW, {question.replace("=", ":", 1): {"value": found}}, 0)
    judged = judge(check, answers, NOW)
    return judged.outcome, judged.sentence


def test_a_mechanism_runs_when_its_bytes_are_the_registered_ones(tmp_path: Path) -> None:
    assert mechanism(tmp_path, "echo fine", contains="fine")[0] is Outcome.PASSED
    assert mechanism(tmp_path, "echo bad", contains="fine")[0] is Outcome.FAILED
    assert "status 3" in mechanism(tmp_path, "exit 3")[1]
    assert mechanism(tmp_path, "exit 3", status="3")[0] is Outcome.PASSED
    assert "other bytes" in mechanism(tmp_path, f"touch {tmp_path}/ran", sha256="0" * 64)[1]
    assert not (tmp_path / "ran").exists()


def test_a_mechanism_that_changes_itself_is_not_believed(tmp_path: Path) -> None:
    assert "other bytes" in mechanism(tmp_path, f"echo '# more' >> {tmp_path}/check")[1]


def test_a_mechanism_ends_with_its_time_and_its_output_is_bounded(tmp_path: Path) -> None:
    assert "did not end" in mechanism(tmp_path, "sleep 300", seconds="1")[1]
    file = tmp_path / "loud"
    file.write_text("#!/bin/sh\nhead -c 3000000 /dev/zero\n")
    file.chmod(0o755)
    found = probes.probe_mechanism(f"{hashlib.sha256(file.read_bytes()).hexdigest()}:60:{file}")
    assert (found["bytes"], len(str(found["output"]))) == (3_000_000, probes.PROBE_OUTPUT)


def test_a_file_that_others_may_write_to_is_never_run(tmp_path: Path) -> None:
    file = tmp_path / "check"
    file.write_text("#!/bin/sh\n")
    file.chmod(0o777)
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    with pytest.raises(ValueError, match="write"):
        probes.probe_mechanism(f"{sha256}:5:{file}")
    (tmp_path / "link").symlink_to(file)
    with pytest.raises(OSError, match="ymbolic"):
        probes.probe_mechanism(f"{sha256}:5:{tmp_path}/link")


def test_restart_and_clock_are_read_and_judged() -> None:
    for kind, well, bad in (
        ("reboot", {"flag": False, "newer": [], "running": "6.1"}, {"flag": True, "packages": ["linux"], "newer": []}),
        ("clock", {"synchronised": True}, {"synchronised": False}),
    ):
        check = view(kind)
        for said, outcome in ((well, Outcome.PASSED), (bad, Outcome.FAILED)):
            assert judge(check, Answers(NOW, NOW, {f"{kind}:now": {"value": said}}, 0), NOW).outcome is outcome
    assert probes.probe_reboot("now")["running"] == os.uname().release
    assert set(probes.probe_clock("now")) == {"synchronised", "state"}


def test_what_could_not_be_read_is_unknown() -> None:
    check = view("share", path="/srv/cui")
    assert judge(check, Answers(NOW, NOW, {"share:/srv/cui": {"error": "EACCES"}}, 0), NOW).outcome is Outcome.UNKNOWN
    assert judge(check, Answers(NOW, NOW, {}, -1, "Cut."), NOW).outcome is Outcome.UNKNOWN
