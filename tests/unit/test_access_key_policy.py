"""Which keys technicians may use, and that the gate's profiles name the same ones."""

import subprocess
from pathlib import Path

import pytest

from quarterdeck.access.api import KeyPolicy, accepted_certificates
from quarterdeck.entrypoints.gate.profiles import PROFILES, of_environment

FILE, TOKEN = "ecdsa-sha2-nistp256", "sk-ecdsa-sha2-nistp256@openssh.com"


@pytest.mark.parametrize(
    ("verified", "cui", "plain_key_enters"),
    [("none", True, True), ("cui", True, False), ("cui", False, True), ("all", False, False), ("all", True, False)],
)
def test_the_policy_asks_for_security_keys_by_asset_class(verified, cui, plain_key_enters) -> None:
    policy = KeyPolicy(verified=verified)
    said = policy.may_take_with(FILE, handles_cui=cui)
    assert said.allowed is plain_key_enters
    assert policy.wants_verification(handles_cui=cui) is not plain_key_enters
    assert policy.may_take_with(TOKEN, handles_cui=cui).allowed
    if not plain_key_enters:
        assert said.codes == ("access.key_not_verified",)
        assert "ssh-keygen -t ecdsa-sk -O verify-required" in said.reasons[0].next_step


def test_ed25519_is_for_the_modern_profile() -> None:
    for kind in ("ssh-ed25519", "sk-ssh-ed25519@openssh.com"):
        assert KeyPolicy("fips").may_take_with(kind, handles_cui=False).codes == ("access.key_outside_profile",)
        assert KeyPolicy("modern").may_take_with(kind, handles_cui=False).allowed
    assert not KeyPolicy("modern").may_take_with("ssh-rsa", handles_cui=False).allowed


@pytest.mark.parametrize("profile", ["fips", "modern"])
def test_the_gate_accepts_what_the_policy_takes_and_ssh_knows_every_word(profile) -> None:
    algorithms = PROFILES[profile]
    assert algorithms.users == accepted_certificates(profile)
    argv = ["ssh", "-G", "-F", "none", "-o", f"KexAlgorithms={algorithms.kex}", "-o", f"Ciphers={algorithms.ciphers}"]
    argv += ["-o", f"PubkeyAcceptedAlgorithms={','.join(algorithms.users)}", "host"]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=20)
    assert f"kexalgorithms {algorithms.kex}" in done.stdout


def test_the_fips_profile_names_nothing_that_a_fips_provider_lacks() -> None:
    words = f"{PROFILES['fips'].kex},{PROFILES['fips'].ciphers},{','.join(PROFILES['fips'].users)}"
    for unapproved in ("25519", "chacha20", "sntrup", "ssh-rsa", "md5", "sha1"):
        assert unapproved not in words


def test_children_learn_the_profile_from_the_gate(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("QD_GATE_PROFILE", raising=False)
    assert of_environment() == "fips"
    monkeypatch.setenv("QD_GATE_PROFILE", "modern")
    assert of_environment() == "modern"


def test_the_stricter_of_setting_and_policy_counts() -> None:
    assert KeyPolicy().raised(cui=False, everywhere=False).verified == "none"
    assert KeyPolicy().raised(cui=True, everywhere=False).verified == "cui"
    assert KeyPolicy().raised(cui=False, everywhere=True).verified == "all"
    assert KeyPolicy(verified="all").raised(cui=True, everywhere=False).verified == "all"
    assert KeyPolicy(verified="cui").raised(cui=False, everywhere=False).verified == "cui"
