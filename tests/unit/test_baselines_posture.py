"""Posture and checks on this machine: facts or the reason why not, secrets only as digests, no process overlooked."""

import hashlib
import io
import os
import pwd
import subprocess
from pathlib import Path

import pytest
from tests.measuring import collect

from quarterdeck.baselines.bootstrap import collector_sha256
from quarterdeck.baselines.receiver import receive
from quarterdeck.baselines.target import checks, posture


def ask(*arguments: str) -> dict[str, dict[str, object]]:
    output = io.BytesIO(collect(arguments))
    return receive(output, io.BytesIO(), arguments=arguments, sha256=collector_sha256()).document  # type: ignore[return-value]


def test_every_fact_of_the_posture_has_a_value_or_an_error():
    found = ask("posture")
    assert {"kernel", "listening", "etc.passwd", "sshd", "fips", "packages", "mounts", "encryption", "services"} <= set(
        found
    )
    assert all(set(fact) in ({"value"}, {"error"}) for fact in found.values())
    assert found["kernel"]["value"] == " ".join(os.uname()[2:])
    assert found["etc.passwd"]["value"] == hashlib.sha256(Path("/etc/passwd").read_bytes()).hexdigest()


@pytest.mark.skipif(os.geteuid() != 0, reason="not run here: only root reads the shadow file")
def test_no_line_of_a_secret_file_leaves_the_target():
    output = str(ask("posture"))
    for path in ("/etc/shadow", "/etc/passwd", "/etc/group"):
        assert not [line for line in Path(path).read_text().splitlines() if len(line) > 12 and line in output]


@pytest.mark.skipif(not Path("/var/lib/dpkg/info").is_dir(), reason="not run here: no dpkg")
def test_files_of_packages_are_listed_since_a_moment():
    assert ask("posture", "since=99999999999")["package_files"] == {"value": {}}
    everything = ask("posture", "since=0")["package_files"]["value"]
    assert isinstance(everything, dict)
    assert any("/usr/bin/dpkg" in paths for paths in everything.values())


@pytest.mark.parametrize(
    "arguments", [["posture", "since"], ["checks", "odd=1"], ["manifest", "relative"], ["what"], []]
)
def test_unknown_questions_end_with_a_sentence(arguments):
    with pytest.raises(AssertionError, match=r"takes|modes are"):
        collect(arguments)


def test_checks_answer_what_was_asked_and_always_clock_and_boot():
    found = ask("checks", "/", "service=surely-not-running")
    assert set(found) == {"boot_id", "uptime", "clock", "listening", "disk:/", "service:surely-not-running"}
    disk = found["disk:/"]["value"]
    assert isinstance(disk, dict)
    assert 0 < disk["free"] <= disk["size"]
    assert found["service:surely-not-running"].get("value") != "active"


def test_a_process_of_an_account_is_found_by_name_without_its_arguments():
    account = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    user = pwd.getpwnam(account).pw_uid
    left = subprocess.Popen(["sleep", "611"], user=user if os.geteuid() == 0 else None)
    try:
        found = ask("checks", f"account={account}")[f"account:{account}"]
    finally:
        left.kill()
        left.wait()
    assert f"{left.pid} sleep" in str(found["value"])
    assert "611" not in str(found["value"]).replace(str(left.pid), "")


def test_an_unknown_account_is_an_error_not_an_empty_list():
    assert "error" in ask("checks", "account=surely-nobody")["account:surely-nobody"]


@pytest.mark.parametrize(
    ("raw", "address"),
    [("0100007F", "127.0.0.1"), ("0A00000A", "10.0.0.10"), ("00000000000000000000000001000000", "::1")],
)  # fmt: skip
def test_addresses_of_the_kernels_table_are_spelled(raw, address):
    assert posture.spell_address(bytes.fromhex(raw)) == address


@pytest.mark.parametrize(
    ("line", "local"),
    [("tcp 127.0.0.1 25", True), ("tcp6 ::1 25", True), ("tcp 0.0.0.0 22", False), ("tcp6 :: 22", False)],
)
def test_what_waits_on_loopback_alone_is_told_apart(line, local):
    assert posture.is_local(line) is local


@pytest.mark.parametrize(
    ("title", "options"),
    [
        ("-D", ["-f", "/etc/ssh/sshd_config"]),
        ("-D -f /srv/sshd_config", ["-f", "/srv/sshd_config"]),
        ("-D -f /a -o PermitRootLogin=yes -p 2222", ["-f", "/a", "-o", "PermitRootLogin=yes", "-p", "2222"]),
        ("-oPasswordAuthentication=yes", ["-f", "/etc/ssh/sshd_config", "-oPasswordAuthentication=yes"]),
    ],
)
def test_what_changes_the_settings_of_a_running_sshd_is_kept(title, options):
    assert checks.sshd_options(title.split()) == options


def test_files_that_say_whose_certificates_open_an_account_are_hashed(tmp_path):
    (tmp_path / "principals-max").write_text("x")
    found = checks.trust_files([f"authorizedprincipalsfile {tmp_path}/principals-%u", "trustedusercakeys none"], "max")
    assert found == {f"{tmp_path}/principals-max": {"value": hashlib.sha256(b"x").hexdigest()}}


def test_a_fact_that_cannot_be_read_says_why(tmp_path):
    assert posture.fact(posture.text_of, str(tmp_path / "missing")) == {"error": "ENOENT"}
    assert posture.fact(posture.tool, "false") == {"error": "exit 1"}
    assert posture.fact(int, "x") == {"error": "ValueError"}
