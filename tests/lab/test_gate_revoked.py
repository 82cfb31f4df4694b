"""The gate's own revocation list on a real `sshd`: what was taken back is refused at authentication, others are not."""

import pytest
from tests.lab.gate_lab import gate_lab, wait_for


@pytest.fixture(scope="module")
def lab():
    with gate_lab() as made:
        yield made


def refused_by_sshd(lab, ticketed):
    result = lab.run(ticketed, "true")
    return result.returncode == 255 and b"Permission denied (publickey)" in result.stderr


def test_a_revoked_certificate_is_refused_before_any_channel_within_two_seconds(lab):
    taken, other = lab.grant(), lab.grant()
    assert lab.run(taken, "true").returncode == 0
    before = lab.gate_folder.revoked.stat().st_ino
    lab.revoke(taken)
    wait_for(lambda: lab.gate_folder.revoked.stat().st_ino != before, 2.0, "the new list")
    began = len(lab.books.journal("began"))
    assert refused_by_sshd(lab, taken)
    assert "revoked by file" in lab.gate_log()
    assert len(lab.books.journal("began")) == began
    assert lab.run(other, "true").returncode == 0
    assert lab.gate_folder.revoked.stat().st_mode & 0o777 == 0o600


def test_what_is_given_back_opens_again(lab):
    ticketed = lab.grant()
    lab.revoke(ticketed)
    wait_for(lambda: refused_by_sshd(lab, ticketed), 5.0, "the refusal")
    with lab.books.changing() as books:
        books["grants"][str(ticketed.serial)]["revoked"] = False
    wait_for(lambda: lab.run(ticketed, "true").returncode == 0, 5.0, "the opening")


def test_without_a_readable_list_nobody_gets_in(lab):
    ticketed = lab.grant()
    lab.gate_folder.revoked.rename(lab.folder / "aside")
    try:
        assert refused_by_sshd(lab, ticketed)
    finally:
        (lab.folder / "aside").rename(lab.gate_folder.revoked)
    assert lab.run(ticketed, "true").returncode == 0
