"""Attacks with keys (attacks.md row 7): own keys inside, stolen keys, rewritten ledgers, anchors, changes of keys."""

import base64

import pytest
from tests.attack.key_changes import replaced, rotate, rotation, signed_anchor
from tests.attack.package_fixture import (
    LOG,
    PRINCIPAL,
    TICKETS,
    Key,
    codes,
    judge,
    judge_world,
    make_world,
    pack,
    remanifest,
    small_ledger,
    unpack,
)

from quarterdeck_verify import checkpoint, package, report, signers, sshsig
from quarterdeck_verify.verification import State, Verdict


@pytest.fixture(scope="module")
def world():
    return make_world()


def test_without_pin_or_anchor_it_is_never_intact(world, tmp_path):
    for allowed, kept in ((None, None), (world.allowed, None), (None, world.kept)):
        found = judge(world.data, tmp_path, allowed, kept)
        assert (found.verdict, found.exit_code) == (Verdict.UNANCHORED, 3)
    assert judge(world.data, tmp_path, world.allowed, world.kept).exit_code == 0


@pytest.mark.parametrize("make", [Key.p256, Key.ed25519])
def test_a_forged_package_with_its_own_key_inside(world, tmp_path, make):
    forged = make_world(small_ledger("backdoor"), make())
    assert judge(forged.data, tmp_path).exit_code == 3
    assert judge(forged.data, tmp_path, forged.allowed, world.kept).exit_code == 1
    found = judge(forged.data, tmp_path, world.allowed, world.kept)
    assert {"signer.unpinned", "anchor.contradicts"} == codes(found)
    assert found.checks["signed"].state is State.FAILED
    assert found.checks["anchored"].state is State.FAILED
    assert found.checks["intact"].state is State.PASSED


def test_a_genuine_slice_signed_again_by_a_stranger(world, tmp_path):
    stranger = Key.p256()
    members = unpack(world.data) | {package.SIGNERS: stranger.allowed()}
    found = judge_world(world, tmp_path, pack(remanifest(members, stranger)))
    assert [(f.where, f.code) for f in found.findings] == [(package.SIGNATURE, "signer.unpinned")]


def test_a_stolen_sealing_key_against_an_outside_anchor(world, tmp_path):
    rewritten = make_world(small_ledger("backdoor"), world.key)
    assert rewritten.allowed == world.allowed
    alone = judge(rewritten.data, tmp_path, world.allowed)
    assert (alone.exit_code, codes(alone)) == (3, set())
    found = judge(rewritten.data, tmp_path, world.allowed, world.kept)
    assert (found.exit_code, codes(found)) == (1, {"anchor.contradicts"})
    assert found.checks["signed"].state is State.PASSED
    assert "rewritten" in report.as_text(found, "x")


def test_a_stolen_sealing_key_that_leaves_out_the_proof(world, tmp_path):
    rewritten = make_world(small_ledger("backdoor"), world.key, kept_size=5)
    found = judge(rewritten.data, tmp_path, world.allowed, world.kept)
    assert found.exit_code == 3
    assert "no proof from that size" in found.checks["anchored"].sentence


def test_a_stolen_key_that_keeps_the_old_proof_and_anchor(world, tmp_path):
    rewritten = make_world(small_ledger("backdoor"), world.key)
    genuine, members = unpack(world.data), unpack(rewritten.data)
    members[package.CONSISTENCY] = genuine[package.CONSISTENCY]
    members[f"{package.ANCHORS}21.checkpoint"] = genuine[f"{package.ANCHORS}21.checkpoint"]
    found = judge(pack(remanifest(members, world.key)), tmp_path, world.allowed)
    assert codes(found) == {"consistency.wrong"}
    members[package.CONSISTENCY] = package.make_consistency([])
    found = judge(pack(remanifest(members, world.key)), tmp_path, world.allowed)
    assert codes(found) == {"anchor.inside"}


def test_a_rolled_back_ledger_cannot_use_a_newer_anchor(world, tmp_path):
    longer = small_ledger()
    for _ in range(5):
        longer.add("ledger.heartbeat")
    found = judge(world.data, tmp_path, world.allowed, longer.checkpoint())
    assert found.exit_code == 3
    assert "newer than the package" in found.checks["anchored"].sentence


def test_an_altered_anchor(world, tmp_path):
    lines = world.kept.split(b"\n")
    root = bytearray(base64.b64decode(lines[2]))
    root[0] ^= 1
    altered = b"\n".join([*lines[:2], base64.b64encode(bytes(root)), b""])
    assert codes(judge(world.data, tmp_path, world.allowed, altered)) == {"anchor.contradicts"}
    for kept in (world.kept.replace(b"21\n", b"20\n"), world.kept.replace(b"ledger", b"Ledger")):
        assert judge(world.data, tmp_path, world.allowed, kept).exit_code == 3


def test_one_contradicting_anchor_outranks_a_fitting_one(world, tmp_path):
    other = small_ledger("backdoor").checkpoint()
    found = judge(world.data, tmp_path, world.allowed, world.kept + b"\n" + other)
    assert codes(found) == {"anchor.contradicts"}


def test_an_anchor_that_covers_no_ticket_entry_does_not_count(tmp_path):
    early = make_world(kept_size=1)
    found = judge_world(early, tmp_path)
    assert found.exit_code == 3
    partly = make_world(kept_size=4)
    found = judge_world(partly, tmp_path)
    assert found.exit_code == 0
    assert "4 of 21 entries" in found.checks["anchored"].sentence


def test_the_newest_checkpoint_itself_is_an_anchor(world, tmp_path):
    found = judge(world.data, tmp_path, world.allowed, world.ledger.checkpoint())
    assert found.exit_code == 0
    assert "21 of 21 entries" in found.checks["anchored"].sentence


def test_a_pin_for_another_namespace_or_time(world, tmp_path):
    for options in ('namespaces="git"', 'namespaces="quarterdeck-package"', 'valid-before="20260101Z"'):
        found = judge(world.data, tmp_path, world.key.allowed(options), world.kept)
        assert codes(found) == {"signer.not_valid"}
    fitting = world.key.allowed('namespaces="quarterdeck-*",valid-after="20261101Z",valid-before="20261201Z"')
    assert judge(world.data, tmp_path, fitting, world.kept).exit_code == 0


def test_a_checkpoint_signed_for_another_purpose(world, tmp_path):
    members = unpack(world.data)
    body = members[package.CHECKPOINT]
    members[package.CHECKPOINT_SIGNATURE] = world.key.sign(package.PACKAGE_NAMESPACE)(body)
    found = judge_world(world, tmp_path, pack(remanifest(members, world.key)))
    assert [(f.where, f.code) for f in found.findings] == [(package.CHECKPOINT_SIGNATURE, "signature.wrong")]


def test_the_checkpoint_of_another_size(world, tmp_path):
    members = unpack(world.data)
    body = world.ledger.checkpoint(15)
    members[package.CHECKPOINT] = body
    members[package.CHECKPOINT_SIGNATURE] = world.key.sign(package.CHECKPOINT_NAMESPACE)(body)
    found = judge_world(world, tmp_path, pack(remanifest(members, world.key)))
    assert "entry.unproven" in codes(found)


def test_a_note_of_another_checkpoint(world, tmp_path):
    signature = checkpoint.NoteSignature(LOG, b"abcd", b"x" * 64)
    members = unpack(world.data)
    members[package.CHECKPOINT_NOTE] = checkpoint.make_note(members[package.CHECKPOINT], [signature])
    assert judge_world(world, tmp_path, pack(remanifest(members, world.key))).exit_code == 0
    members[package.CHECKPOINT_NOTE] = checkpoint.make_note(world.kept, [signature])
    found = judge_world(world, tmp_path, pack(remanifest(members, world.key)))
    assert codes(found) == {"checkpoint.note"}


@pytest.mark.parametrize("name", [package.CHECKPOINT, package.CHECKPOINT_NOTE])
def test_a_malformed_checkpoint_or_note(world, tmp_path, name):
    members = unpack(world.data) | {name: b"rubbish\n"}
    found = judge_world(world, tmp_path, pack(remanifest(members, world.key)))
    assert codes(found) & {"checkpoint.malformed", "checkpoint.note"}
    assert name in {finding.where for finding in found.findings}


def test_a_malformed_checkpoint_kept_inside(world, tmp_path):
    name = f"{package.ANCHORS}21.checkpoint"
    for content, code in ((b"rubbish", "member.malformed"), (world.ledger.checkpoint(20), "anchor.inside")):
        members = unpack(world.data) | {name: content}
        found = judge_world(world, tmp_path, pack(remanifest(members, world.key)))
        assert codes(found) == {code}


def test_a_change_of_keys_of_another_log(tmp_path):
    first, second = Key.p256(), Key.p256()
    for statement in (b"{}", rotation(first, second, log="other.example/ledger")):
        ledger = small_ledger()
        ledger.add("key.rotated", files=[(package.ROTATION_ROLE, "rotation.json", statement)])
        found = judge(make_world(ledger, second).data, tmp_path, first.allowed())
        assert codes(found) == {"rotation.wrong", "signer.unpinned"}


def test_a_recorded_change_of_keys_carries_the_pin_on(world, tmp_path):
    first, second, third = Key.p256(), Key.ed25519(), Key.p256()
    ledger = small_ledger()
    rotate(ledger, first, second)
    rotate(ledger, second, third)
    rotated = make_world(ledger, third)
    pinned = first.allowed('valid-before="20260201Z"')
    found = judge(rotated.data, tmp_path, pinned, rotated.kept)
    assert found.exit_code == 0
    assert "2 recorded changes of keys after the pinned one" in found.checks["signed"].sentence
    assert judge(rotated.data, tmp_path, Key.p256().allowed(), rotated.kept).exit_code == 1


def test_a_retired_key_no_longer_signs(tmp_path):
    first, second = Key.p256(), Key.p256()
    ledger = small_ledger()
    rotate(ledger, first, second)
    stale = make_world(ledger, first)
    assert codes(judge_world(stale, tmp_path)) == {"signer.retired"}


def test_a_change_of_keys_needs_both_signatures(tmp_path):
    first, second = Key.p256(), Key.p256()
    ledger = small_ledger()
    rotate(ledger, first, second, second=first)
    found = judge(make_world(ledger, second).data, tmp_path, first.allowed())
    assert codes(found) == {"rotation.wrong", "signer.unpinned"}


def test_a_replaced_key_is_believed_by_its_own_pin_alone(tmp_path):
    lost, new = Key.p256(), Key.p256()
    ledger = small_ledger()
    before = ledger.checkpoint()
    replaced(ledger, lost, new)
    made = make_world(ledger, new)
    found = judge(made.data, tmp_path, new.allowed(), made.kept)
    assert found.exit_code == 0
    assert any("the key before it was lost" in note for note in found.not_checked)
    # By the pin of the lost one it is neither believed nor called altered, once somebody outside saw the replacement.
    found = judge(made.data, tmp_path, lost.allowed(), made.kept)
    assert (found.verdict, found.checks["signed"].state) == (Verdict.UNANCHORED, State.NOT_CHECKED)
    assert "by its own word (entry 21) follows a pinned key that was lost" in found.checks["signed"].sentence
    for kept in (None, before):
        found = judge(made.data, tmp_path, lost.allowed(), kept)
        assert codes(found) == {"signer.replaced"}
        assert found.exit_code == 1
    assert codes(judge(made.data, tmp_path, Key.p256().allowed(), made.kept)) == {"signer.unpinned"}


def test_a_key_that_follows_a_replaced_one_is_followed_to_the_pin(tmp_path):
    """Pinned, rotated, lost, replaced, rotated: each step is followed, and the one that nobody signed is said."""
    first, second, third, fourth = (Key.p256() for _ in range(4))
    ledger = small_ledger()
    rotate(ledger, first, second)
    replaced(ledger, second, third)
    rotate(ledger, third, fourth)
    made = make_world(ledger, fourth)
    found = judge(made.data, tmp_path, first.allowed(), made.kept)
    assert (found.verdict, codes(found)) == (Verdict.UNANCHORED, set())
    assert "by its own word (entry 22)" in found.checks["signed"].sentence
    assert judge(made.data, tmp_path, third.allowed(), made.kept).exit_code == 0


def test_a_forged_replacement_without_the_anchor_is_named(world, tmp_path):
    """Who has the server and not the key rewrites all, declares the key lost and signs with one of his own."""
    ledger, own = small_ledger("backdoor"), Key.p256()
    replaced(ledger, world.key, own)
    forged = make_world(ledger, own, kept_size=21)
    assert codes(judge(forged.data, tmp_path, world.allowed)) == {"signer.replaced"}
    found = judge(forged.data, tmp_path, world.allowed, world.kept)
    assert codes(found) == {"signer.replaced", "anchor.contradicts"}


@pytest.mark.parametrize("how", ["retired", "lost"])
def test_a_key_that_ended_names_no_other_to_follow_it(tmp_path, how):
    """Whoever has the old key and the database writes one more change of keys, signed by it."""
    first, second, thief = Key.p256(), Key.p256(), Key.p256()
    ledger = small_ledger()
    (rotate if how == "retired" else replaced)(ledger, first, second)
    rotate(ledger, first, thief)
    found = judge(make_world(ledger, thief).data, tmp_path, first.allowed())
    assert codes(found) == {"rotation.wrong", "signer.unpinned"}
    assert "entry 21 ended the old key before" in next(iter(found.findings)).sentence


def test_the_same_change_recorded_again_after_a_restore_holds(tmp_path):
    first, second = Key.p256(), Key.p256()
    ledger = small_ledger()
    rotate(ledger, first, second)
    rotate(ledger, first, second)
    made = make_world(ledger, second)
    assert judge(made.data, tmp_path, first.allowed(), made.kept).exit_code == 0


def test_a_kept_anchor_is_judged_by_who_signed_at_its_time(tmp_path):
    first, second = Key.p256(), Key.p256()
    ledger = small_ledger()
    rotate(ledger, first, second)
    made = make_world(ledger, second, kept_size=20)
    found = judge(made.data, tmp_path, second.allowed(), signed_anchor(made.kept, first))
    assert found.exit_code == 0, report.as_text(found, "x")


def test_a_kept_anchor_signed_by_a_key_that_had_ended_does_not_count(tmp_path):
    first, second = Key.p256(), Key.p256()
    ledger = small_ledger()
    rotate(ledger, first, second)
    made = make_world(ledger, second)
    found = judge(made.data, tmp_path, second.allowed(), signed_anchor(made.kept, first))
    assert found.exit_code == 3
    assert "does not count" in found.checks["anchored"].sentence
    assert "a key that was retired by entry 21, before it" in found.checks["anchored"].sentence


def test_an_anchor_of_a_since_retired_key_accuses_a_rewritten_ledger(tmp_path):
    first, second = Key.p256(), Key.p256()
    forged = small_ledger("backdoor")
    rotate(forged, first, second)
    kept = signed_anchor(small_ledger().checkpoint(20), first)
    found = judge(make_world(forged, second, kept_size=20).data, tmp_path, second.allowed(), kept)
    assert codes(found) == {"anchor.contradicts"}
    assert "a pinned signer's key, in use until entry 21" in next(iter(found.findings)).sentence


def test_a_lost_key_that_was_found_or_stolen_signs_nothing_more(tmp_path):
    lost, new = Key.p256(), Key.ed25519()
    ledger = small_ledger()
    replaced(ledger, lost, new)
    assert codes(judge_world(make_world(ledger, lost), tmp_path)) == {"signer.retired"}


@pytest.mark.parametrize("bent", [{"log": "other.example/ledger"}, {"signer": "lost"}])
def test_a_replacement_that_does_not_hold_is_named(tmp_path, bent):
    lost, new = Key.p256(), Key.p256()
    ledger = small_ledger()
    replaced(ledger, lost, new, **({"signer": lost} if "signer" in bent else bent))
    assert codes(judge(make_world(ledger, new).data, tmp_path, new.allowed())) == {"rotation.wrong"}


def test_pins_inside_the_package_are_not_read(world, tmp_path):
    members = unpack(world.data) | {package.SIGNERS: f"{PRINCIPAL} {Key.p256().line}\n".encode()}
    found = judge_world(world, tmp_path, pack(remanifest(members, world.key)))
    assert found.exit_code == 0
    assert signers.parse(world.allowed)[0].key == sshsig.PublicKey(world.key.blob)
    assert set(found.tickets.included) == set(TICKETS)
