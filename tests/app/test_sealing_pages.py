"""Sealing in the browser, over the API and with the witness's door: shown to all, acknowledged by two roles only."""

import base64
import os
import subprocess
import sys
import threading

import pytest
from tests.api_caller import Caller, codes
from tests.package_shop import PackageShop
from tests.shop import FAST_HASHER, password_of
from tests.unit.test_witness import OtherLog
from tests.web_shop_floor import floor
from tests.web_visitor import sign_in, text_of

from quarterdeck import wiring
from quarterdeck.adapters.sealer_client import SealerClient
from quarterdeck.config.api import load
from quarterdeck.entrypoints.cli import token_file
from quarterdeck.entrypoints.cli.token_file import Token
from quarterdeck.entrypoints.sealer.desk import Desk
from quarterdeck.entrypoints.sealer.server import SealerServer
from quarterdeck.evidence import api as evidence
from quarterdeck.kernel.actors import OPERATOR, system
from quarterdeck.kernel.clock import SystemClock
from quarterdeck.kernel.decision import Refused, refuse
from quarterdeck.personnel import api as personnel
from quarterdeck.workflows import change_key, watch_sealer
from quarterdeck_verify import cosignature
from quarterdeck_verify.signers import parse_public_key

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def other() -> OtherLog:
    return OtherLog(3)


@pytest.fixture
def sealer(data_dir, other):
    """A real sealer where the web looks for it, which witnesses one other log."""
    folder, socket = load().sealer_folder, load().sealer_socket
    for path in (folder, socket.parent):
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    desk = Desk(folder, load().ledger_origin, SystemClock(), witnessed=[other.verifier])
    server = SealerServer(socket, desk, lambda uid: True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield SealerClient(socket)
    server.shutdown()
    server.server_close()
    thread.join(10)


@pytest.fixture
def shop(settings, sealer) -> PackageShop:
    settings.PASSWORD_HASHERS = FAST_HASHER
    return floor(sealer)


def rotate(sealer):
    return change_key.change_key(sealer, OPERATOR, SystemClock())[0]


def test_a_new_key_stands_on_every_page_until_an_approver_acknowledges_it(shop, sealer):
    avery, max_ = sign_in(shop.yard.shop, "avery"), sign_in(shop.yard.shop, "max")
    assert "sealing key changed" not in text_of(avery.get("/evidence/"))
    change = rotate(sealer)
    for page in ("/", "/tickets/", "/evidence/"):
        assert "Nobody has acknowledged the new fingerprint" in text_of(max_.get(page))
    shown = text_of(max_.get("/evidence/sealing/"))
    assert "An approver or a CUI owner acknowledges it." in shown
    assert max_.post("/evidence/sealing/acknowledge/", {"sha256": change.sha256}).status_code == 403
    assert "It is the same: acknowledge" in text_of(avery.get("/evidence/sealing/"))
    said = avery.post("/evidence/sealing/acknowledge/", {"sha256": change.sha256}, follow=True)
    assert "Acknowledged." in text_of(said)
    assert "Nobody has acknowledged" not in text_of(max_.get("/tickets/"))
    assert evidence.last_entry(("sealer.key_acknowledged",)).actor_id == shop.yard.shop.ids["avery"]


def test_a_key_that_the_old_one_did_not_sign_is_said_in_red(shop, sealer):
    rotate(sealer)
    for path in load().sealer_folder.glob("sealing_key-2"):
        path.unlink()
    change_key.change_key(sealer, OPERATOR, SystemClock(), lost=True)
    page = sign_in(shop.yard.shop, "casey").get("/evidence/sealing/")
    assert "without the signature of the old one" in text_of(page)
    assert "tone-bad" in page.content.decode()
    assert "The old key did not sign this change" in text_of(page)


def test_a_sealer_that_refuses_stands_on_every_page(shop, sealer):
    decision = refuse("sealer.rolled_back", "This database is older than what was sealed.", "Keep the machine.")
    watch_sealer.note(decision, system("ticker"), SystemClock())
    page = text_of(sign_in(shop.yard.shop, "iris").get("/tickets/"))
    assert "Nothing is sealed since" in page
    assert "This database is older than what was sealed. Keep the machine." in page


def test_a_page_without_a_sealer_says_so(shop, sealer, monkeypatch, tmp_path):
    monkeypatch.setattr(wiring, "sealer", lambda: SealerClient(tmp_path / "nobody.sock"))
    assert "The sealer does not answer." in text_of(sign_in(shop.yard.shop, "iris").get("/evidence/sealing/"))


def test_the_api_shows_and_acknowledges(shop, sealer):
    change = rotate(sealer)
    max_, avery = Caller(shop.yard.shop, "max"), Caller(shop.yard.shop, "avery")
    told = max_.call("get", "/sealing").json()
    assert told["unacknowledged"] == change.sha256
    assert [key["ended"] for key in told["keys"]] == ["rotated", ""]
    assert told["log_key"].startswith("quarterdeck.example/ledger+")
    assert told["key_place"] == "in a file", "a technician has no business with the server's folders"
    assert "/sealing_key-2" in avery.call("get", "/sealing").json()["key_place"]
    assert codes(max_.call("post", "/sealing/acknowledge", {"sha256": change.sha256})) == ["role.missing"]
    done = avery.call("post", "/sealing/acknowledge", {"sha256": change.sha256})
    assert (done.status_code, done.json()["unacknowledged"]) == (200, "")
    assert codes(avery.call("post", "/sealing/acknowledge", {"sha256": change.sha256})) == ["key.unknown"]


def test_the_witness_answers_strangers_by_the_logs_signature_alone(shop, sealer, other, client):
    def ask(body):
        return client.post("/witness/add-checkpoint", body, content_type="text/plain")

    first = ask(other.request(0))
    assert (first.status_code, first["Cache-Control"]) == (200, "no-store")
    (line,) = cosignature.parse_lines(first.content)
    assert cosignature.cosigned_at(line, cosignature.parse_key(sealer.witness().key), other.text())
    again = ask(other.request(0))
    assert (again.status_code, again.content, again["Content-Type"]) == (409, b"3\n", "text/x.tlog.size")
    assert ask(OtherLog(2, origin="stranger.example/log").request(0)).status_code == 404
    assert ask(b"x" * 300_000).status_code == 413
    assert client.get("/witness/add-checkpoint").status_code == 405
    assert client.get("/witness/..%2f..%2fkeys/checkpoint").status_code == 404
    fork = other.fork(1)
    fork.grow(6)
    assert ask(fork.request(3)).status_code == 422
    shown = text_of(sign_in(shop.yard.shop, "quinn").get("/evidence/sealing/"))
    assert "other.example/ledger" in shown
    assert "Does not continue" in shown


def test_a_witness_whose_sealer_is_gone_asks_to_come_back(client, db):
    answer = client.post("/witness/add-checkpoint", base64.b64encode(b"x"), content_type="text/plain")
    assert answer.status_code == 503


def test_an_unknown_key_is_refused_and_the_refusal_recorded(shop, sealer):
    rotate(sealer)
    with pytest.raises(Refused):
        change_key.acknowledge(shop.yard.actor("avery"), SystemClock(), "cd" * 32)
    assert evidence.last_entry(("act.refused",)).object.id == "key.acknowledge"


def test_qd_shows_and_acknowledges(shop, sealer, live_server, monkeypatch, tmp_path):
    change = rotate(sealer)
    shown = parse_public_key(change.public).fingerprint
    monkeypatch.setenv("QD_URL", live_server.url)
    monkeypatch.setenv("QD_TOKEN_FILE", str(tmp_path / "token"))
    yard = shop.yard
    secret, _ = personnel.issue_token(
        "avery@example.test", password_of("avery"), yard.shop.totp("avery"), clock=yard.clock
    )
    token_file.write(Token(live_server.url, "avery@example.test", secret, "2099-01-01T00:00:00Z"))

    def qd(*words):
        command = [sys.executable, "-P", "-m", "quarterdeck.entrypoints.cli", *words]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    done, told = qd("sealing", "show")
    assert (done, shown in told, "waits for an approver" in told) == (0, True, True)
    assert "we witness other.example/ledger: 0 entries" in told
    done, told = qd("sealing", "acknowledge", "SHA256:another")
    assert (done, "Do not acknowledge" in told) == (1, True)
    assert qd("sealing", "acknowledge", shown)[0] == 0
    assert evidence.last_entry(("sealer.key_acknowledged",)).actor_id == yard.shop.ids["avery"]
