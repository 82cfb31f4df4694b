"""Signed approvals: passkeys and SSH keys over the exact statement, and every way in which one does not hold."""

import base64
import json
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.attack.approval_files import APPROVAL, CONTENT, RP, STATEMENT, TICKET, Passkey, b64, ssh_file
from tests.attack.package_fixture import Key, Ledger, codes, judge_world, make_world

from quarterdeck_verify import approvals, curves, entry, passkeys, report
from quarterdeck_verify.story import Approval, Story


def registered(public_key: str, person: str) -> bytes:
    ledger = Ledger()
    ledger.add("passkey.registered", data={"public_key": public_key, "credential": "AA", "rp_id": RP})
    return ledger.bodies[0].replace(b"pe_iris", person.encode())


@pytest.mark.parametrize("kind", ["ES256", "Ed25519"])
def test_a_passkeys_assertion_holds(kind: str) -> None:
    key = Passkey(kind)
    by = approvals.check_statement(key.file(), APPROVAL, {})
    assert by == f"a passkey of {RP}, its owner verified ({kind}); the slice does not say whose it is"
    story = Story()
    word = base64.urlsafe_b64encode(key.cose).decode().rstrip("=")
    story.add(entry.decode(registered(word, "pe_iris")))
    assert approvals.check_statement(key.file(), APPROVAL, story.keys).endswith(", which pe_iris registered")
    other = Approval(3, TICKET, "pe_max", "approver", "approved", CONTENT, "")
    with pytest.raises(ValueError, match="another person's"):
        approvals.check_statement(key.file(STATEMENT.replace("pe_iris", "pe_max")), other, story.keys)


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (lambda key: key.file(challenge=b"x" * 32), "answered another question"),
        (lambda key: key.file(kind="webauthn.create"), "answered another question"),
        (lambda key: key.file(rp="evil.example"), "another site"),
        (lambda key: key.file(flags=1), "did not check who was there"),
        (lambda key: key.file(flags=4), "did not check who was there"),
        (lambda key: key.file(change=lambda told: {"signature": b64(key.sign(b"other"))}), "not the passkey's"),
        (lambda key: key.file(change=lambda told: {"public_key": b64(Passkey().cose)}), "not the passkey's"),
        (lambda key: key.file(change=lambda told: {"approval": "0" * 64}), "not that of the statement"),
        (lambda key: key.file(change=lambda told: {"kind": "handshake"}), "neither webauthn nor sshsig"),
        (lambda key: key.file(change=lambda told: {"client_data_json": b64(b"{")}), "not JSON"),
        (lambda key: key.file(change=lambda told: {"signature": "*"}), "not base64"),
        (lambda key: key.file(change=lambda told: {"extra": "x"}), "not the statement of an approval"),
        (lambda key: key.file(change=lambda told: {"rp_id": 5}), "no text"),
        (lambda key: key.file(STATEMENT.replace(CONTENT, "d" * 64)), "does not name the content"),
        (lambda key: key.file(STATEMENT.replace(TICKET, "MT-2026-00002")), "does not name the ticket"),
        (lambda key: key.file(STATEMENT.replace("pe_iris", "pe_max")), "does not name the person"),
        (lambda key: key.file(STATEMENT.replace("approver", "cui_owner")), "does not name the role"),
        (lambda key: key.file("[]"), "does not name the ticket"),
        (lambda key: key.file(f"{TICKET} {CONTENT}"), "does not name the ticket"),
        (lambda key: key.file()[:-1], "not JSON"),
    ],
)
def test_an_assertion_that_does_not_hold(file: Callable[[Passkey], bytes], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        approvals.check_statement(file(Passkey()), APPROVAL, {})


@pytest.mark.parametrize("make", [Key.p256, Key.ed25519])
def test_an_ssh_signature_holds_and_says_whose_it_is(make: Callable[[], Key]) -> None:
    key = make()
    shown = approvals.check_statement(ssh_file(key), APPROVAL, {}).split()[2].rstrip(";")
    bare = shown.removeprefix("SHA256:").replace("/", "_").replace("+", "-")
    assert "does not say whose" in approvals.check_statement(ssh_file(key), APPROVAL, {})
    assert "which pe_iris registered" in approvals.check_statement(ssh_file(key), APPROVAL, {bare: {"pe_iris"}})
    with pytest.raises(ValueError, match="another person's"):
        approvals.check_statement(ssh_file(key), APPROVAL, {bare: {"pe_max"}})


def test_an_ssh_signature_that_does_not_hold() -> None:
    key = Key.p256()
    with pytest.raises(ValueError, match="does not sign"):
        approvals.check_statement(ssh_file(key, namespace="git"), APPROVAL, {})
    other = ssh_file(key).replace(key.line.encode(), Key.p256().line.encode())
    with pytest.raises(ValueError, match="another key"):
        approvals.check_statement(other, APPROVAL, {})


def test_every_form_of_a_passkeys_public_key() -> None:
    key = Passkey()
    public = key.p256.public_key()
    point = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    spki = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    texts = [b64(key.cose), base64.urlsafe_b64encode(key.cose).decode().rstrip("="), b64(spki), b64(point), pem]
    assert {passkeys.read_public_key(text) for text in texts} == {passkeys.Passkey("ES256", point)}
    edwards = Passkey("Ed25519").ed25519.public_key()
    der = edwards.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert passkeys.read_public_key(b64(der)) == passkeys.Passkey("Ed25519", edwards.public_bytes_raw())


@pytest.mark.parametrize(
    "text", ["", "*", "AAAA", b64(b"\xa5\x01"), b64(b"\xa1\x01\x02\x00"), b64(b"\xa1\x3b\x00"), "x" * 3000,
             b64(Passkey().cose[:-1]), b64(Passkey().cose + b"\0"), b64(b"\xa2\x01\x02\x01\x02"),
             Key.p256().line, b64(Passkey().cose.replace(b"\x03\x26", b"\x03\x24"))],
)  # fmt: skip
def test_a_public_key_that_is_none(text: str) -> None:
    with pytest.raises(passkeys.PasskeyError):
        passkeys.read_public_key(text)


def test_der_signatures_have_one_spelling() -> None:
    key = Passkey()
    point = passkeys.read_public_key(b64(key.cose))
    signature = key.sign(b"m")
    assert point.verify(b"m", signature)
    for place in range(len(signature)):
        for mask in (1, 0x80):
            changed = bytearray(signature)
            changed[place] ^= mask
            assert not point.verify(b"m", bytes(changed))
    for changed_ in (signature + b"\0", signature[:-1], b"", b"\x30\x00" * 9, b"\x30\x81" + signature[1:]):
        assert not point.verify(b"m", changed_)
    assert not curves.verify_p256(point.point[:-1], b"m", 1, 1)


def with_approvals(*files: bytes | None) -> Ledger:
    ledger = Ledger()
    ledger.add("ticket.submitted", TICKET)
    for number, file in enumerate(files):
        told = {"approval": {"role": "approver", "kind": "prior", "verdict": "approved", "content": CONTENT}}
        named = [] if file is None else [("approval-signature", f"approval-{number}.json", file)]
        ledger.add("approval.recorded", TICKET, told, named)
    return ledger


def test_the_report_tells_signed_from_recorded(tmp_path) -> None:
    world = make_world(with_approvals(Passkey().file(), None), tickets=(TICKET,))
    found = judge_world(world, tmp_path)
    assert [one.signed for one in found.approvals] == [True, False]
    text = report.as_text(found, "x")
    assert "1 signed, 1 recorded only" in text
    assert "MT-2026-00001 entry 2: approver approved by pe_iris: recorded approval" in text
    assert [one["signed"] for one in json.loads(report.as_json(found, "x"))["approvals"]] == [True, False]
    assert found.exit_code == 0


def test_a_signature_that_does_not_hold_is_named_in_the_package(tmp_path) -> None:
    world = make_world(with_approvals(Passkey().file(flags=0)), tickets=(TICKET,))
    found = judge_world(world, tmp_path)
    assert codes(found) == {"approval.wrong"}
    said = "the approval in entry 1 does not hold: the passkey did not check who was there"
    assert said in report.as_text(found, "x")


def test_a_withheld_signature_is_said(tmp_path) -> None:
    ledger = with_approvals(Passkey().file())
    world = make_world(ledger, tickets=(TICKET,), withheld=dict.fromkeys(ledger.files, "no_consent"))
    [one] = judge_world(world, tmp_path).approvals
    assert (one.signed, one.by) == (False, "its signature is withheld")
