"""Signed approvals: a passkey or an SSH key over the exact statement, kept beside the approval's entry."""

import base64
import hashlib
import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from tests.api_caller import Caller, codes
from tests.shop import FAST_HASHER, password_of
from tests.soft_passkey import PRESENT, SoftPasskey
from tests.ticket_yard import Yard, build_yard
from tests.web_visitor import hidden, sign_in, text_of

from quarterdeck.entrypoints.cli import token_file
from quarterdeck.evidence import api as evidence
from quarterdeck.kernel.clock import SystemClock
from quarterdeck.kernel.windows import Window
from quarterdeck.personnel import api as personnel
from quarterdeck.tickets import api as tickets
from quarterdeck.workflows import sign_approval
from quarterdeck_verify import sshsig
from quarterdeck_verify.entry import canonical

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def yard(settings: object) -> Yard:
    settings.PASSWORD_HASHERS = FAST_HASHER  # type: ignore[attr-defined]
    return build_yard(SystemClock())  # type: ignore[arg-type]


def kept(number: str) -> tuple[evidence.Entry, dict]:
    """Return the approval's entry and the signature that it names."""
    entry = evidence.last_entry(["approval.recorded"], ticket=number)
    (item,) = [one for one in entry.artifacts if one["role"] == "approval-signature"]
    data = evidence.read_artifact(item["sha256"])
    told = json.loads(data)
    assert canonical(told) == data
    return entry, told


def registered(client) -> SoftPasskey:
    key = SoftPasskey("testserver", "https://testserver")
    options = client.post("/you/passkeys/begin/").json()
    assert options["rp"]["id"] == "testserver"
    assert options["authenticatorSelection"]["userVerification"] == "required"
    client.post("/you/passkeys/", {"assertion": json.dumps(key.created(options["challenge"]))})
    return key


def decide(client, number: str, **more: str):
    page = client.get(f"/tickets/{number}/decide/")
    said = {"content_hash": hidden(page, "content_hash"), "role": hidden(page, "role"), "verdict": "approved"}
    return client.post(f"/tickets/{number}/decide/", said | {"reason": "Plan and rollback are sound."} | more)


def asked(client, number: str) -> bytes:
    page = client.get(f"/tickets/{number}/decide/")
    said = {"content_hash": hidden(page, "content_hash"), "role": hidden(page, "role")}
    return bytes.fromhex(client.post(f"/tickets/{number}/decide/statement/", said).json()["challenge"])


def test_a_passkey_signs_exactly_what_is_approved(yard: Yard) -> None:
    avery, number = sign_in(yard.shop, "avery"), yard.submitted().number
    key = registered(avery)
    (known,) = personnel.passkeys_of(yard.shop.ids["avery"])
    assert known.rp_id == "testserver"
    assert "Approve and sign with your passkey" in text_of(avery.get(f"/tickets/{number}/decide/"))
    challenge = asked(avery, number)
    decide(avery, number, assertion=json.dumps(key.signed(challenge)))
    view = tickets.ticket(number)
    assert [one.signed for one in view.approvals] == [True]
    entry, told = kept(number)
    statement = told["statement"].encode()
    said = json.loads(statement)
    assert hashlib.sha256(statement).hexdigest() == told["approval"] == challenge.hex()
    assert (said["ticket"], said["content"], said["person"]) == (number, view.content_hash, entry.actor_id)
    client = json.loads(base64.b64decode(told["client_data_json"]))
    assert base64.urlsafe_b64decode(client["challenge"] + "=") == challenge
    assert (told["kind"], told["rp_id"], told["v"]) == ("webauthn", "testserver", 1)
    data = base64.b64decode(told["authenticator_data"])
    signed = data + hashlib.sha256(base64.b64decode(told["client_data_json"])).digest()
    key.key.public_key().verify(base64.b64decode(told["signature"]), signed, ec.ECDSA(hashes.SHA256()))
    assert evidence.artifact(entry.artifacts[0]["sha256"]).media_type == sign_approval.MEDIA_TYPE


def test_another_answer_signs_nothing_and_approves_nothing(yard: Yard) -> None:
    avery, number = sign_in(yard.shop, "avery"), yard.submitted().number
    key = registered(avery)
    stranger = SoftPasskey("testserver", "https://testserver")
    elsewhere = SoftPasskey("testserver", "https://evil.example")
    elsewhere.key, elsewhere.credential = key.key, key.credential
    for answer in (
        lambda challenge: stranger.signed(challenge),
        lambda challenge: key.signed(hashlib.sha256(challenge).digest()),
        lambda challenge: key.signed(challenge, flags=PRESENT),
        lambda challenge: elsewhere.signed(challenge),
        lambda challenge: {"id": "x"},
    ):
        wrong = decide(avery, number, assertion=json.dumps(answer(asked(avery, number))))
        assert "The passkey's answer does not hold." in text_of(wrong)
    # A statement is used once, and only for what it says.
    challenge = asked(avery, number)
    now = yard.clock.now()
    later = Window(now + timedelta(hours=5), now + timedelta(hours=6))
    other = yard.submitted(title="Another piece of work", window=later).number
    again = decide(avery, other, assertion=json.dumps(key.signed(challenge)))
    assert "What was signed is not what is approved." in text_of(again)
    assert "This is not a statement" in text_of(decide(avery, number, assertion=json.dumps(key.signed(challenge))))
    assert tickets.ticket(number).approvals == ()
    decide(avery, number)
    assert [one.signed for one in tickets.ticket(number).approvals] == [False]


def test_a_passkey_belongs_to_one_person_for_good(yard: Yard) -> None:
    avery, casey = sign_in(yard.shop, "avery"), sign_in(yard.shop, "casey")
    key = registered(avery)
    options = casey.post("/you/passkeys/begin/").json()
    casey.post("/you/passkeys/", {"assertion": json.dumps(key.created(options["challenge"]))})
    assert personnel.passkeys_of(yard.shop.ids["casey"]) == []
    refusal = evidence.last_entry(["act.refused"])
    assert refusal.data["codes"] == ["passkey.shared"]
    (mine,) = personnel.passkeys_of(yard.shop.ids["avery"])
    casey.post(f"/you/passkeys/{mine.id}/remove/")
    assert personnel.passkeys_of(yard.shop.ids["avery"]) == [mine]
    avery.post(f"/you/passkeys/{mine.id}/remove/")
    assert personnel.passkeys_of(yard.shop.ids["avery"]) == []
    stale = avery.post("/you/passkeys/", {"assertion": "{}"}, follow=True)
    assert "does not hold" in text_of(stale)


def test_an_ssh_key_signs_from_the_terminal(yard: Yard, live_server, tmp_path: Path, monkeypatch) -> None:
    shop, number = yard.shop, yard.submitted().number
    key = tmp_path / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", str(key)], check=True)
    public = key.with_suffix(".pub").read_text()
    personnel.register_key(shop.ids["avery"], public, actor=yard.actor("avery"), clock=yard.clock)
    secret, _ = personnel.issue_token("avery@example.test", password_of("avery"), shop.totp("avery"), clock=shop.clock)
    for name, value in (("HOME", tmp_path), ("XDG_CONFIG_HOME", tmp_path / "config"), ("QD_URL", live_server.url)):
        monkeypatch.setenv(name, str(value))
    token_file.write(token_file.Token(live_server.url, "avery@example.test", secret, "2099-01-01T00:00:00Z"))
    argv = [sys.executable, "-m", "quarterdeck.entrypoints.cli", "ticket", "approve", number, "--role", "approver",
            "--hash", tickets.ticket(number).content_hash, "--reason", "Plan and rollback are sound.",
            "--sign-with", str(key)]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    ran = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60, env=environment)
    assert ran.returncode == 0, ran.stderr
    assert [one.signed for one in tickets.ticket(number).approvals] == [True]
    _entry, told = kept(number)
    assert told["kind"] == "sshsig"
    signature = sshsig.parse(told["signature"].encode())
    assert sshsig.verify(signature, told["statement"].encode(), "quarterdeck-approval")


def test_another_key_or_an_old_statement_signs_nothing(yard: Yard, tmp_path: Path) -> None:
    shop, number = yard.shop, yard.submitted().number
    avery = Caller(shop, "avery")
    keys = {name: tmp_path / name for name in ("own", "other")}
    for key in keys.values():
        subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", str(key)], check=True)
    told = avery.call("get", f"/tickets/{number}/approval-statement?role=approver").json()

    def signed(key: str, text: str, namespace: str = "quarterdeck-approval") -> str:
        argv = ["ssh-keygen", "-Y", "sign", "-q", "-f", str(keys[key]), "-n", namespace]
        return subprocess.run(argv, input=text.encode(), capture_output=True, check=True).stdout.decode()

    def approve(statement: str, signature: str, **more: str):
        body = {"role": "approver", "content_hash": told["content_hash"], "reason": "Sound.", "statement": statement}
        return avery.call("post", f"/tickets/{number}/approve", body | {"signature": signature} | more)

    text = told["statement"]
    assert codes(approve(text, signed("own", text))) == ["signature.no_key"]
    public = keys["own"].with_suffix(".pub").read_text()
    personnel.register_key(shop.ids["avery"], public, actor=yard.actor("avery"), clock=yard.clock)
    assert codes(approve(text, signed("other", text))) == ["signature.other_key"]
    assert codes(approve(text, signed("own", text, "file"))) == ["signature.wrong"]
    assert codes(approve(text, signed("own", text + " "))) == ["signature.wrong"]
    assert codes(approve(text, "no signature")) == ["signature.wrong"]
    old = json.loads(text) | {"at": "2026-01-01T00:00:00.000000Z"}
    old_text = canonical(old).decode()
    assert codes(approve(old_text, signed("own", old_text))) == ["signature.wrong"]
    owner = json.loads(text) | {"role": "cui_owner"}
    owner_text = canonical(owner).decode()
    assert codes(approve(owner_text, signed("own", owner_text))) == ["signature.wrong"]
    assert tickets.ticket(number).approvals == ()
    assert approve(text, signed("own", text)).status_code == 200
