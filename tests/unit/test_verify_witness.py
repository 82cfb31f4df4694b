"""Cosignatures of witnesses (C2SP cosignature/v1), those that count and those that don't; anchors' own signatures."""

import base64
from datetime import UTC, datetime

import pytest
from tests.attack.package_fixture import LOG, Key, codes, make_world, with_members
from tests.attack.witness_fixture import AT, NAME, Witness

from quarterdeck_verify import checkpoint, package, receipts, report, signers, sshsig, trust, verification, witness
from quarterdeck_verify.checkpoint import NOTE_ED25519, NoteSignature
from quarterdeck_verify.verification import State, Verdict

WORLD = make_world()
KEPT = checkpoint.parse(WORLD.kept)
SIZE = KEPT.size


def judge(tmp_path, extra, keys=b"", world=WORLD):
    path = tmp_path / "package.zip"
    path.write_bytes(with_members(world, extra))
    pins = signers.parse(world.allowed)
    return verification.verify(path, pins, witnesses=witness.parse_keys(keys) if keys else ())


@pytest.mark.parametrize("name", [f"{SIZE}.cosignature", f"{SIZE}.2.cosignature", f"{SIZE}.witness.receipt"])
def test_a_cosignature_by_a_key_from_outside_is_an_anchor(tmp_path, name):
    one = Witness()
    found = judge(tmp_path, {package.ANCHORS + name: one.line(WORLD.kept)}, one.key)
    assert (found.verdict, found.checks["witnessed"].state) == (Verdict.INTACT, State.PASSED)
    said = f"1 cosignature by witness.example/w1; the newest saw {SIZE} entries at 2026-11-"
    assert said in report.as_text(found, "x")
    assert f"checkpoint of {SIZE}" in found.checks["anchored"].sentence


def test_a_cosignature_in_the_note_and_in_the_receipts(tmp_path):
    one = Witness()
    body = WORLD.ledger.checkpoint()
    log = Witness(LOG, NOTE_ED25519)
    own = NoteSignature(LOG, checkpoint.key_id(LOG, NOTE_ED25519, log.public), log.private.sign(body))
    raw = base64.b64decode(one.line(body).split()[2])
    note = checkpoint.make_note(body, [own, NoteSignature(NAME, raw[:4], raw[4:])])
    extra = {package.CHECKPOINT_NOTE: note, package.WITNESSES: log.key + one.key}
    found = judge(tmp_path, extra, one.key)
    assert (found.exit_code, codes(found)) == (0, set())
    wrong = checkpoint.make_note(body, [NoteSignature(LOG, own.key_id, log.private.sign(b"other")), own])
    assert codes(judge(tmp_path, extra | {package.CHECKPOINT_NOTE: wrong})) == {"note.wrong"}
    line = one.line(WORLD.kept).decode().strip()
    sent = "2026-11-22T10:00:00.000000Z"
    receipt = receipts.Receipt(SIZE, "witness", NAME, "witness", "independent", sent, line)
    assert judge(tmp_path, {package.RECEIPTS: receipts.make_receipts([receipt])}, one.key).exit_code == 0


def test_a_cosignature_by_a_key_inside_the_package_does_not_count(tmp_path):
    one = Witness()
    extra = {f"{package.ANCHORS}{SIZE}.cosignature": one.line(WORLD.kept), package.WITNESSES: one.key}
    found = judge(tmp_path, extra)
    assert (found.verdict, found.checks["witnessed"].state) == (Verdict.UNANCHORED, State.NOT_CHECKED)
    assert "only listed by the package itself" in found.checks["witnessed"].sentence
    assert "by keys that nobody named" in judge(
        tmp_path, {f"{package.ANCHORS}{SIZE}.cosignature": one.line(WORLD.kept)}
    ).checks["witnessed"].sentence  # fmt: skip


@pytest.mark.parametrize("inside", [False, True])
def test_a_cosignature_of_another_checkpoint_is_named(tmp_path, inside):
    one = Witness()
    member = f"{package.ANCHORS}{SIZE}.cosignature"
    forged = checkpoint.body(LOG, SIZE, b"\1" * 32)
    extra = {member: one.line(forged)} | ({package.WITNESSES: one.key} if inside else {})
    found = judge(tmp_path, extra, b"" if inside else one.key)
    assert [(f.code, f.where) for f in found.findings] == [("cosignature.wrong", member)]
    assert found.checks["witnessed"].state is State.FAILED


def test_a_cosignature_of_a_size_without_proof_does_not_count(tmp_path):
    one = Witness()
    found = judge(tmp_path, {f"{package.ANCHORS}3.cosignature": one.line(WORLD.ledger.checkpoint(3))}, one.key)
    assert found.verdict is Verdict.UNANCHORED


def test_who_holds_the_sealing_key_cannot_get_past_a_witness(tmp_path):
    """The rewritten ledger carries the witness's genuine line of the old one."""
    one = Witness()
    body = checkpoint.body(LOG, SIZE, b"\2" * 32)
    line = NoteSignature(NAME, *_split(one.line(WORLD.kept)))
    assert witness.check_line(line, witness.parse_keys(one.key)[0], WORLD.kept) == datetime.fromtimestamp(AT, UTC)
    assert witness.check_line(line, witness.parse_keys(one.key)[0], body) is None


def _split(line):
    raw = base64.b64decode(line.split()[2])
    return raw[:4], raw[4:]


@pytest.mark.parametrize(
    "data", [b"", b"# nothing\n", b"a+b+c\n", b"\xff", NAME.encode() + b"+00000000+" + base64.b64encode(b"\4" * 33)]
)
def test_a_file_of_keys_that_cannot_be_used(data):
    with pytest.raises(ValueError, match="witness keys"):
        witness.parse_keys(data)


def test_a_package_with_malformed_keys_says_so(tmp_path):
    found = judge(tmp_path, {package.WITNESSES: b"rubbish\n"})
    assert [(f.code, f.where) for f in found.findings] == [("member.malformed", package.WITNESSES)]


def test_an_anchors_own_signature_is_checked(tmp_path):
    member = f"{package.ANCHORS}{SIZE}.checkpoint.sig"
    good = WORLD.key.sign(package.CHECKPOINT_NAMESPACE)(WORLD.kept)
    assert codes(judge(tmp_path, {member: good})) == set()
    wrong = WORLD.key.sign(package.CHECKPOINT_NAMESPACE)(b"x")
    for data in (wrong, b"rubbish\n"):
        assert [(f.code, f.where) for f in judge(tmp_path, {member: data}).findings] == [("anchor.signature", member)]


@pytest.mark.parametrize("encode", [lambda data: data, lambda data: base64.encodebytes(data)])
def test_who_signed_a_kept_checkpoint_is_told_when_it_contradicts(tmp_path, encode):
    path = tmp_path / "package.zip"
    path.write_bytes(WORLD.data)
    other = checkpoint.body(LOG, SIZE, b"\3" * 32)
    signed = other + b"\n" + WORLD.key.sign(package.CHECKPOINT_NAMESPACE)(other)
    shown = sshsig.PublicKey(WORLD.key.blob).fingerprint
    for data, said in ((signed, f"signed by {shown}"), (other, "carries no signature")):
        anchor = trust.read_anchor("mail", b"Subject: x\n\n" + encode(data))
        [finding] = verification.verify(path, anchors=[anchor]).findings
        assert finding.code == "anchor.contradicts"
        assert said in finding.sentence
    stranger = other + Key.p256().sign("other")(other)
    assert trust.read_anchor("mail", stranger).signers == ()
