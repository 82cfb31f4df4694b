"""The pin: what an allowed_signers line says, and which lines are refused rather than guessed."""

from datetime import UTC, datetime

import pytest
from tests.attack.package_fixture import Key

from quarterdeck_verify import signers, sshsig

LINE = Key.ed25519().line


def test_principals_namespaces_and_times():
    options = 'namespaces="quarterdeck-*,git",valid-after="20260101Z",valid-before="202701011530"'
    [found] = signers.parse(f"# pin\n\na@x,b@x {options} {LINE} comment\n".encode())
    assert found.principals == ("a@x", "b@x")
    assert found.admits("quarterdeck-package")
    assert found.admits("git")
    assert not found.admits("file")
    assert not found.valid_at(datetime(2025, 12, 31, 23, 59, tzinfo=UTC))
    assert found.valid_at(datetime(2026, 1, 1, tzinfo=UTC))
    assert found.valid_at(datetime(2027, 1, 1, 15, 29, tzinfo=UTC))
    assert not found.valid_at(datetime(2027, 1, 1, 15, 30, tzinfo=UTC))
    assert not found.valid_at(None)


def test_a_line_without_options_admits_every_namespace_at_any_time():
    [found] = signers.parse(f"a@x {LINE}\r\n".encode())
    assert found.admits("anything")
    assert found.valid_at(None)
    assert signers.matching([found], found.key) == [found]
    assert signers.matching([found], sshsig.PublicKey(Key.ed25519().blob)) == []


@pytest.mark.parametrize(
    "line",
    [
        "",
        "# nothing",
        "a@x",
        "a@x ssh-ed25519",
        "a@x ssh-ed25519 !!!!",
        "a@x ssh-ed25519 AAAA",
        "a@x ssh-rsa AAAA",
        f"a@x cert-authority {LINE}",
        f"a@x no-such-option {LINE}",
        f'a@x namespaces="" {LINE}',
        f'a@x namespaces="[a]" {LINE}',
        f'a@x namespaces="!git" {LINE}',
        f'a@x valid-after="2026" {LINE}',
        f'a@x valid-after="20261399" {LINE}',
        f'a@x valid-after="20260101",valid-after="20270101" {LINE}',
        'a@x namespaces="git',
        LINE.replace("ssh-ed25519 ", "a@x ecdsa-sha2-nistp256 "),
        "a@x \udcff",
    ],
)
def test_unusable_lines_are_refused_by_number(line):
    with pytest.raises(ValueError, match="signers"):
        signers.parse(f"{line}\n".encode("utf-8", "surrogateescape"))


def test_a_good_line_does_not_hide_a_bad_one():
    with pytest.raises(ValueError, match="line 2"):
        signers.parse(f"a@x {LINE}\nrubbish\n".encode())
