"""The sealing key changes in a living ledger: recorded, sealed by both, acknowledged, carried by packages."""

import json
import zipfile

import pytest
from tests.package_shop import PackageShop
from tests.sealer_process import running_sealer
from tests.shop import FAST_HASHER
from tests.ticket_yard import build_yard

from quarterdeck import wiring
from quarterdeck.adapters.note_signature import Cosigner
from quarterdeck.entrypoints.ticker.duties import SendAnchors
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import AnchorGrade
from quarterdeck.kernel.actors import OPERATOR
from quarterdeck.kernel.decision import Refused, refuse
from quarterdeck.workflows import change_key
from quarterdeck.workflows.anchor_checkpoints import Route
from quarterdeck.workflows.cadence import Reach
from quarterdeck.workflows.seal_checkpoint import seal
from quarterdeck_verify import cosignature, signers, sshsig, witness
from quarterdeck_verify.verification import Verdict, verify

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "sealer"


@pytest.fixture
def shop(clock, folder, settings):
    settings.PASSWORD_HASHERS = FAST_HASHER
    with running_sealer(folder, clock) as sealer:
        yield PackageShop(build_yard(clock), sealer)


def code(call):
    with pytest.raises(Refused) as caught:
        call()
    return caught.value.decision.codes[0]


def key_of(checkpoint):
    return sshsig.parse(checkpoint.sshsig).key


def test_a_rotation_is_recorded_and_each_key_signs_its_own_side(shop, clock):
    shop.closed()
    change, sealed = change_key.change_key(shop.sealer, OPERATOR, clock)
    entry = evidence.last_entry(("key.rotated",))
    before = evidence.checkpoint(entry.seq)
    assert (entry.actor_kind, entry.data["sha256"]) == ("operator", change.sha256)
    assert key_of(before) != key_of(sealed) == signers.parse_public_key(change.public)
    assert (before.reason, sealed.reason, sealed.key_id) == ("key", "key", change.sha256)
    statement = json.loads(evidence.read_artifact(entry.artifacts[0]["sha256"]))
    assert {"signature_old", "signature_new"} < set(statement)


def test_a_package_after_the_change_is_intact_to_who_pinned_either(shop, clock):
    old = signers.parse(shop.sealer.status().allowed_signers.encode())
    number = shop.closed()
    shop.anchor()
    early = shop.package(numbers=[number])
    clock.advance(hours=1)
    change_key.change_key(shop.sealer, OPERATOR, clock)
    clock.advance(hours=1)
    shop.anchor()
    late = shop.package(numbers=[number])
    for path in (early, late):
        assert shop.verify(path).verdict is Verdict.INTACT, "with the history of signers"
    found = shop.verify(late, pinned=False)
    assert found.verdict is Verdict.UNANCHORED
    carried = verify(late, old, [])
    assert list(carried.findings) == []
    assert "1 recorded change of keys after the pinned one" in carried.checks["signed"].sentence


def test_a_lost_key_is_never_carried_over_from_the_old_pin(shop, folder, clock):
    old = signers.parse(shop.sealer.status().allowed_signers.encode())
    number = shop.closed()
    shop.anchor()
    (folder / "sealing_key").unlink()
    assert code(lambda: change_key.change_key(shop.sealer, OPERATOR, clock)) == "sealer.key_missing"
    change_key.change_key(shop.sealer, OPERATOR, clock, lost=True)
    clock.advance(minutes=1)
    path = shop.package(numbers=[number])
    report = shop.verify(path)
    assert list(report.findings) == []
    assert report.verdict is Verdict.INTACT, "the organisation's new pins name the new key"
    assert any("says that the key before it was lost" in note for note in report.not_checked)
    with_old = verify(path, old, [])
    assert {finding.code for finding in with_old.findings} == {"signer.replaced"}


def test_a_key_that_signs_cannot_be_declared_lost(shop, clock):
    shop.closed()
    shop.anchor()
    assert code(lambda: change_key.change_key(shop.sealer, OPERATOR, clock, lost=True)) == "sealer.key_there"
    assert evidence.last_entry(("sealer.key_replaced",)) is None


def test_a_change_waits_until_an_approver_has_compared_it(shop, clock):
    shop.closed()
    assert change_key.unacknowledged() is None
    change, _ = change_key.change_key(shop.sealer, OPERATOR, clock)
    waiting = change_key.unacknowledged()
    assert (waiting.sha256, waiting.unsigned) == (change.sha256, False)
    yard = shop.yard
    for who, wanted in (("max", "role.missing"), ("iris", "role.missing"), ("quinn", "role.missing")):
        actor = yard.actor(who)
        assert code(lambda actor=actor: change_key.acknowledge(actor, clock, change.sha256)) == wanted
    assert code(lambda: change_key.acknowledge(OPERATOR, clock, change.sha256)) == "actor.not_a_person"
    avery = yard.actor("avery")
    assert code(lambda: change_key.acknowledge(avery, clock, "ab" * 32)) == "key.unknown"
    clock.advance(minutes=11)
    assert code(lambda: change_key.acknowledge(avery, clock, change.sha256)) == "step_up.needed"
    change_key.acknowledge(yard.actor("avery"), clock, change.sha256)
    assert change_key.unacknowledged() is None
    entry = evidence.last_entry(("sealer.key_acknowledged",))
    assert (entry.actor_kind, entry.data["unsigned"]) == ("person", False)


def test_two_changes_in_a_row_are_two_steps_from_the_pin(shop, clock):
    old = signers.parse(shop.sealer.status().allowed_signers.encode())
    number = shop.closed()
    for _ in range(2):
        clock.advance(minutes=10)
        change_key.change_key(shop.sealer, OPERATOR, clock)
    clock.advance(minutes=1)
    report = verify(shop.package(numbers=[number]), old, [])
    assert "2 recorded changes" in report.checks["signed"].sentence
    assert evidence.verify_ledger().problems == []


def test_a_package_carries_the_notes_that_witnesses_cosigned(shop, clock, tmp_path):
    number = shop.closed()
    shop.anchor()
    kept = evidence.latest_checkpoint()
    cosigner = Cosigner(tmp_path / "key", "msp.example/witness")
    text, _ = cosignature.split_note(kept.note)
    line = cosigner.cosign(text, int(clock.now().timestamp()))
    evidence.save_receipt(
        size=kept.size, channel="witness", target="msp.example/witness", grade=AnchorGrade.INDEPENDENT,
        sent_at=clock.now(), receipt=line.rstrip("\n"),
    )  # fmt: skip
    clock.advance(minutes=1)
    path = shop.package(numbers=[number])
    assert shop.verify(path).verdict is Verdict.INTACT
    with zipfile.ZipFile(path) as archive:
        held = {name.rpartition("/")[2]: archive.read(name) for name in archive.namelist() if "/anchors/" in name}
    text, lines = cosignature.split_note(held[f"{kept.size}.checkpoint"] + b"\n" + held[f"{kept.size}.cosignature"])
    assert text == kept.body
    assert [one.name for one in lines] == ["msp.example/witness"]
    assert cosignature.cosigned_at(lines[0], cosigner.key, text)
    assert b'"grade":"independent","holder":"witness"' in held["receipts.jsonl"]
    assert shop.verify(path).checks["witnessed"].sentence == "1 cosignatures are by keys that nobody named."


def test_a_package_names_its_witnesses_and_they_count_when_they_come_from_elsewhere(shop, clock, tmp_path):
    number = shop.closed()
    shop.anchor()
    kept, cosigner = evidence.latest_checkpoint(), Cosigner(tmp_path / "key", "msp.example/witness")
    text, _ = cosignature.split_note(kept.note)
    evidence.save_receipt(
        size=kept.size, channel="witness", target="msp.example/witness", grade=AnchorGrade.INDEPENDENT,
        sent_at=clock.now(), receipt=cosigner.cosign(text, int(clock.now().timestamp())).rstrip("\n"),
    )  # fmt: skip
    shop.witnesses = (cosigner.key.text,)
    clock.advance(minutes=1)
    path = shop.package(numbers=[number])
    with zipfile.ZipFile(path) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith("keys/witnesses.txt")]
        keys = witness.parse_keys(archive.read(name))
    assert keys == [cosignature.parse_key(shop.sealer.status().log_key), cosigner.key]
    pins = signers.parse(shop.sealer.status().allowed_signers.encode())
    listed = verify(path, pins)
    assert (listed.verdict, list(listed.findings)) == (Verdict.UNANCHORED, [])
    told = listed.checks["witnessed"].sentence
    assert told.startswith("1 cosignature holds by msp.example/witness, only listed by the package itself")
    assert verify(path, pins, witnesses=[cosigner.key]).verdict is Verdict.INTACT


class Mailbox:
    """Keeps the lines of allowed signers that each checkpoint came with."""

    channel, target, grade = "mail", "avery@example.test", AnchorGrade.INDEPENDENT

    def __init__(self):
        self.lines = []

    def send(self, anchor):
        self.lines.append(anchor.allowed_signers)
        return "250 2.0.0 Ok"


def test_mails_carry_the_keys_of_now_while_the_ticker_runs_on(shop, clock, monkeypatch):
    """One ticker process over a rotation, and over a sealer that is away for a moment."""
    box, answers = Mailbox(), [True]
    monkeypatch.setattr(wiring, "anchor_routes", lambda at: [Route(box, Reach.EVERY)])

    def ask():
        if not answers[0]:
            raise Refused(refuse("sealer.unreachable", "The sealer does not answer.", "Start it."))
        return shop.sealer.status().allowed_signers

    duty = SendAnchors(ask, clock)
    shop.closed()
    assert seal(shop.sealer, reason="close") is not None
    assert duty() == 1
    before = shop.sealer.status().allowed_signers
    clock.advance(minutes=10)
    change_key.change_key(shop.sealer, OPERATOR, clock)
    after = shop.sealer.status().allowed_signers
    answers[0] = False
    assert (duty(), duty()) == (1, 0)
    answers[0] = True
    clock.advance(minutes=10)
    with evidence.act(OPERATOR, clock) as act:
        act.record("ledger.heartbeat", evidence.ObjectRef("ledger", "head"))
    assert seal(shop.sealer, reason="close") is not None
    assert duty() == 1
    assert box.lines == [before, before, after]
    assert after.count("\n") == before.count("\n") + 1
    with pytest.raises(Refused):
        answers[0] = False
        SendAnchors(ask, clock)()
