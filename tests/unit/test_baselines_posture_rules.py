"""Posture key by key: what takes protection away or gives power is told, and words do not put it back on."""

import json
import subprocess
from pathlib import Path

import pytest

from quarterdeck.baselines import posture_rules, rules
from quarterdeck.baselines.comparing import posture_lines, posture_outcome
from quarterdeck.baselines.rules import Disposition, Scope, Severity
from quarterdeck.baselines.target import protection


def fact(value):
    return {"value": value}


@pytest.mark.parametrize(
    ("name", "before", "after", "codes"),
    [
        ("luks:/dev/sda2", {"/dev/sda2": "LUKS2, cipher aes"}, {}, ("encryption_off",)),
        ("luks:/dev/sda2", {"/dev/sda2": "header 1"}, {"/dev/sda2": "header 2"}, ("key_changed",)),
        ("crypt:home", {"home": "cipher aes-xts"}, {}, ("encryption_off",)),
        ("bitlocker:C", {"C": "on, XtsAes256"}, {"C": "off, suspended"}, ("encryption_off",)),
        ("mounts:/tmp", {"/tmp": "tmpfs tmpfs nodev,nosuid,rw"}, {"/tmp": "tmpfs tmpfs nosuid,rw"},
         ("protection_off",)),
        ("mounts:/srv", {"/srv": "ext4 /dev/mapper/srv rw"}, {"/srv": "ext4 /dev/sdb1 rw"}, ("encryption_off",)),
        ("mounts:/mnt", {"/mnt": "ext4 /dev/sdb1 nosuid,rw"}, {}, ()),
        ("protections:SELinux", {"SELinux": "on"}, {"SELinux": "off"}, ("protection_off",)),
        ("protections:service auditd", {"service auditd": "on"}, {}, ("protection_off",)),
        ("protections:secure boot", {"secure boot": "off"}, {"secure boot": "on"}, ()),
        ("protections:sysctl net.ipv4.ip_forward", {"sysctl net.ipv4.ip_forward": "0"},
         {"sysctl net.ipv4.ip_forward": "1"}, ("protection_off",)),
        ("protections:sysctl kernel.randomize_va_space", {"sysctl kernel.randomize_va_space": "2"},
         {"sysctl kernel.randomize_va_space": "0"}, ("protection_off",)),
        ("sshd:permitrootlogin", {"permitrootlogin": "no"}, {"permitrootlogin": "yes"}, ("protection_off",)),
        ("sshd:port", {"port": "22"}, {"port": "2222"}, ()),
        ("accounts:eve", {}, {"eve": "uid 0, gid 0, groups none, shell /bin/sh, password set"}, ("power_gained",)),
        ("groups:sudo", {"sudo": "max"}, {"sudo": "eve max"}, ("power_gained",)),
        ("groups:sudo", {"sudo": "eve max"}, {"sudo": "max"}, ()),
        ("sudo", ["/etc/sudoers: root ALL"], ["/etc/sudoers: root ALL", "/etc/sudoers.d/x: eve ALL"],
         ("power_gained",)),
        ("sudo", [], ["/etc/sudoers: Defaults use_pty"], ()),
        ("fips", "1", "0", ("encryption_off",)),
        ("firewall", "30 lines, abc", "off", ("protection_off",)),
    ],
)  # fmt: skip
def test_what_a_changed_setting_takes_or_gives(name, before, after, codes):
    kind = posture_rules.fact_name(name)
    assert posture_rules.codes({kind: fact(before)}, {kind: fact(after)}, name) == codes


def test_a_fact_that_can_no_longer_be_read_has_lost_its_encryption_until_it_is_read_again():
    gone = {"luks": {"error": "ENOENT"}}
    assert posture_rules.codes({"luks": fact({"/dev/sda2": "LUKS2"})}, gone, "luks") == ("encryption_off",)
    assert posture_rules.codes({"fips": fact("1")}, {"fips": {"error": "ENOENT"}}, "fips") == ("encryption_off",)


def test_each_changed_key_is_one_difference_with_its_own_severity():
    before = {"sshd": fact({"permitrootlogin": "no", "port": "22", "usepam": "yes"})}
    after = {"sshd": fact({"permitrootlogin": "yes", "port": "2222", "usepam": "yes"})}
    found = {line.path: line for line in posture_lines(before, after, Scope())}
    assert set(found) == {b"sshd:permitrootlogin", b"sshd:port"}
    assert found[b"sshd:permitrootlogin"].severity is Severity.FORBIDDEN
    assert found[b"sshd:port"].severity is Severity.SENSITIVE


def test_a_hundred_changed_keys_stay_one_difference_and_hide_nothing():
    before = {"mounts": fact({f"/m{n}": "tmpfs tmpfs nosuid" for n in range(200)})}
    after = {"mounts": fact({f"/m{n}": "tmpfs tmpfs rw" for n in range(200)})}
    (line,) = posture_lines(before, after, Scope())
    assert (line.path, line.severity, line.codes) == (b"mounts", Severity.FORBIDDEN, ("protection_off",))


@pytest.mark.parametrize("how", [Disposition.EXPLAINED, Disposition.REVERTED])
def test_words_do_not_settle_what_is_left_off(how):
    refused = posture_rules.may_be_settled({"protection_off"}, how)
    assert [reason.code for reason in refused.reasons] == ["drift.left_off"]
    assert posture_rules.may_be_settled({"power_gained"}, how).allowed
    assert posture_rules.may_be_settled({"encryption_off"}, Disposition.FINDING).allowed


def test_a_fact_of_which_one_collector_knew_nothing_is_not_known():
    one, other = {"fips": fact("1")}, {"fips": fact("1"), "luks": fact({})}
    assert posture_outcome(one, other, rules.ENCRYPTION_POSTURE) == "unknown"
    assert posture_outcome(other, other, rules.ENCRYPTION_POSTURE) == "passed"


@pytest.mark.parametrize("version", ["luks1", "luks2"])
def test_a_luks_header_is_told_without_salts_and_moves_with_a_key(tmp_path: Path, version: str):
    disk, key = tmp_path / "disk", tmp_path / "key"
    disk.write_bytes(bytes(20 << 20))
    key.write_bytes(b"first key of the test")
    fast = ["--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000", "--batch-mode"]
    subprocess.run(["cryptsetup", "luksFormat", "--type", version, *fast, disk, key], check=True, timeout=60)
    before = protection.luks_header(str(disk))
    other = tmp_path / "other"
    other.write_bytes(b"a second key of the test")
    subprocess.run(["cryptsetup", "luksAddKey", *fast, "--key-file", key, disk, other], check=True, timeout=60)
    after = protection.luks_header(str(disk))
    assert before != after
    assert "aes-xts-plain64" in before
    if version == "luks2":
        dump = subprocess.run(["cryptsetup", "luksDump", "--dump-json-metadata", disk], capture_output=True, check=True)
        told = json.loads(dump.stdout)
        assert all(digest["digest"] not in after and digest["salt"] not in after for digest in told["digests"].values())
        assert "keyslots 0 luks2 pbkdf2; 1 luks2 pbkdf2" in after
    else:
        assert "keyslots 0; 1" in after
