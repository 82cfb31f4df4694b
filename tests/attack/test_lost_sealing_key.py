"""A sealing key that was lost: `qd ledger verify` follows the one after it, and who found the old one signs nothing."""

import pytest
from tests.append_only import database_in_hand
from tests.attack.package_fixture import Key
from tests.sealer_process import running_sealer
from tests.shop import FAST_HASHER

from quarterdeck.adapters.ssh_signature import SshKeygenSigner
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import ObjectRef, Outside
from quarterdeck.kernel.actors import OPERATOR
from quarterdeck.workflows import restore_ledger
from quarterdeck.workflows.seal_checkpoint import seal
from quarterdeck_verify import signers, trust

pytestmark = pytest.mark.django_db
BY_HAND = ObjectRef("database", "as-found")


def test_the_whole_ledger_is_verified_across_a_lost_key(clock, tmp_path, settings):
    """`qd ledger verify` with the old pin: named, until a checkpoint from outside covers it, then told."""
    settings.PASSWORD_HASHERS = FAST_HASHER
    with running_sealer(tmp_path / "first", clock, restoring=True) as sealer:
        old_pins = signers.parse(sealer.status().allowed_signers.encode())
        with evidence.act(OPERATOR, clock) as act:
            act.record("sealer.key_installed", ObjectRef("sealing_key", "x"), data={"sha256": sealer.status().key_id})
        seal(sealer, reason="close")
        early = kept_mail()
    with running_sealer(tmp_path / "second", clock, restoring=True) as sealer:
        restore_ledger.restore(sealer, BY_HAND, actor=OPERATOR, clock=clock)
        pins = signers.parse(sealer.status().allowed_signers.encode())
    late, (seq,) = kept_mail(), [one.seq for one in evidence.entries(events=["sealer.key_replaced"])]
    fingerprint = pins[-1].key.fingerprint
    told = f"checkpoints are signed by {fingerprint}, which by its own word (entry {seq}) follows a key that was lost"
    alone = f"{told}, and no checkpoint from outside covers that entry"
    assert evidence.verify_ledger(outside=Outside(old_pins)).problems == [alone]
    assert evidence.verify_ledger(outside=Outside(old_pins, [early])).problems == [alone]
    report = evidence.verify_ledger(outside=Outside(old_pins, [early, late]))
    assert (report.problems, report.notes) == (
        [], [f"{told}: have its fingerprint confirmed by another way, then pin it"],
    )  # fmt: skip
    report = evidence.verify_ledger(outside=Outside([*old_pins, *pins], [early, late]))
    assert (report.problems, report.notes, report.covered) == ([], [], evidence.head().size)
    stranger = Key.p256().allowed()
    assert "not among the pinned" in evidence.verify_ledger(outside=Outside(signers.parse(stranger))).problems[0]


def kept_mail():
    """The newest checkpoint with its signature, as a mail brings them."""
    newest = evidence.latest_checkpoint()
    return trust.read_anchor("mail", newest.body + b"\n" + newest.sshsig)


def test_a_lost_key_that_was_found_signs_no_checkpoint_more(clock, tmp_path, settings):
    """Who found the old key and has the database signs the newest size once more, and mails that."""
    settings.PASSWORD_HASHERS = FAST_HASHER
    with running_sealer(tmp_path / "first", clock, restoring=True) as sealer:
        with evidence.act(OPERATOR, clock) as act:
            act.record("sealer.key_installed", ObjectRef("sealing_key", "x"), data={"sha256": sealer.status().key_id})
        seal(sealer, reason="close")
    with running_sealer(tmp_path / "second", clock, restoring=True) as sealer:
        restore_ledger.restore(sealer, BY_HAND, actor=OPERATOR, clock=clock)
        pins = signers.parse(sealer.status().allowed_signers.encode())
    newest, found = evidence.latest_checkpoint(), SshKeygenSigner(tmp_path / "first" / "sealing_key")
    again = found.sign(newest.body, "quarterdeck-checkpoint")
    (seq,) = [one.seq for one in evidence.entries(events=["sealer.key_replaced"])]
    mail = trust.read_anchor("mail", newest.body + b"\n" + again)
    report = evidence.verify_ledger(outside=Outside(pins, [mail]))
    assert (report.problems, report.covered) == ([], 0)
    assert f"declared lost by entry {seq}, before it" in report.notes[0]
    with database_in_hand() as cursor:
        cursor.execute("UPDATE evidence_checkpoint SET sshsig = %s WHERE size = %s", [again, newest.size])
    problems = evidence.verify_ledger(outside=Outside(pins)).problems
    assert f"checkpoint {newest.size}: it is signed by a key that was declared lost by entry {seq}" in problems
