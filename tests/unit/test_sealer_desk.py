"""The sealer's desk with a real key and the host's ssh-keygen: what is signed verifies, what is wrong is refused."""

import base64
import subprocess

import pytest
from tests.clock import StillClock
from tests.unit.test_sealer_memory import ORIGIN, bodies, root_of

from quarterdeck.entrypoints.sealer.desk import Desk
from quarterdeck_verify import checkpoint as checkpoint_format
from quarterdeck_verify import signers, sshsig


def request(start, entries, root, reason="close"):
    encoded = [base64.b64encode(body).decode() for body in entries]
    return {"op": "seal", "from": start, "entries": encoded, "root": root, "reason": reason}


def code(reply):
    return reply["refused"][0]["code"]


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path, ORIGIN, StillClock())


def test_the_signed_head_is_three_lines_that_the_pinned_key_signed(desk):
    log = bodies(3)
    reply = desk.answer(request(0, log, root_of(log)))
    body = reply["body"].encode()
    assert checkpoint_format.parse(body) == checkpoint_format.Checkpoint(ORIGIN, 3, bytes.fromhex(root_of(log)))
    signature = sshsig.parse(reply["sshsig"].encode())
    assert sshsig.verify(signature, body, "quarterdeck-checkpoint")
    pinned = signers.parse(desk.answer({"op": "status"})["allowed_signers"].encode())
    assert signers.matching(pinned, signature.key)


def test_ssh_keygen_itself_accepts_the_head(desk, tmp_path):
    log = bodies(2)
    reply = desk.answer(request(0, log, root_of(log)))
    (tmp_path / "allowed").write_text(desk.answer({"op": "status"})["allowed_signers"])
    (tmp_path / "sig").write_text(reply["sshsig"])
    arguments = ["-f", "allowed", "-I", "ledger@quarterdeck.example", "-n", "quarterdeck-checkpoint", "-s", "sig"]
    command = ["ssh-keygen", "-Y", "verify", *arguments]
    subprocess.run(command, input=reply["body"].encode(), cwd=tmp_path, check=True, capture_output=True)


def test_the_note_carries_the_same_body(desk):
    log = bodies(2)
    reply = desk.answer(request(0, log, root_of(log)))
    told, found = checkpoint_format.parse_note(reply["note"].encode())
    assert (told.size, found[0].name) == (2, ORIGIN)


def test_asking_again_without_news_gives_the_same_head(desk):
    log = bodies(2)
    first = desk.answer(request(0, log, root_of(log)))
    assert desk.answer(request(2, [], root_of(log), "news")) == first


def test_a_rolled_back_ledger_is_refused_with_a_sentence(desk):
    log = bodies(4)
    desk.answer(request(0, log, root_of(log)))
    reply = desk.answer(request(2, [], root_of(log[:2])))
    assert code(reply) == "sealer.rolled_back"
    assert "4 entries" in reply["refused"][0]["sentence"]


def test_the_desk_remembers_after_a_restart(desk, tmp_path):
    log = bodies(4)
    desk.answer(request(0, log, root_of(log)))
    again = Desk(tmp_path, ORIGIN, StillClock())
    assert again.answer({"op": "status"})["size"] == 4
    assert code(again.answer(request(0, bodies(5, salt="x"), ""))) == "sealer.rolled_back"


def test_a_lost_key_is_not_replaced_silently(desk, tmp_path):
    log = bodies(1)
    desk.answer(request(0, log, root_of(log)))
    (tmp_path / "sealing_key").unlink()
    again = Desk(tmp_path, ORIGIN, StillClock())
    longer = bodies(2)
    assert code(again.answer(request(1, longer[1:], root_of(longer)))) == "sealer.key_missing"
    assert code(again.answer({"op": "sign_package", "manifest": ""})) == "sealer.key_missing"
    assert not (tmp_path / "sealing_key").exists()


def test_a_key_that_others_may_read_signs_nothing(desk, tmp_path):
    (tmp_path / "sealing_key").chmod(0o644)
    reply = desk.answer(request(0, bodies(1), ""))
    assert code(reply) == "sealer.signing"
    assert "others may read it" in reply["refused"][0]["sentence"]


def test_a_package_is_signed_in_its_own_namespace(desk, tmp_path):
    manifest = b"00  bagit.txt\n"
    reply = desk.answer({"op": "sign_package", "manifest": base64.b64encode(manifest).decode()})
    signature = sshsig.parse(reply["sshsig"].encode())
    assert sshsig.verify(signature, manifest, "quarterdeck-package")
    assert not sshsig.verify(signature, manifest, "quarterdeck-checkpoint")
    assert len((tmp_path / "packages.log").read_text().splitlines()) == 1


@pytest.mark.parametrize(
    "line", [{}, {"op": "dance"}, {"op": "seal"}, {"op": "seal", "from": 0, "entries": "x", "root": "", "reason": ""},
             {"op": "seal", "from": "x", "entries": [], "root": "", "reason": ""}, {"op": "head", "session": "s"},
             {"op": "sign_package", "manifest": "not base64!"}]
)  # fmt: skip
def test_malformed_requests_are_answered_not_fatal(desk, line):
    assert code(desk.answer(line)) in {"sealer.unknown", "sealer.malformed"}


@pytest.mark.parametrize("torn", [b'{"at": "2026-11-2', b'{"at": "x", "count": 9, "head": "\xff'])
def test_a_line_torn_by_a_full_disk_or_a_power_cut_stops_no_sealer(desk, tmp_path, torn):
    """Whoever fills the disk in a session would else keep the sealer from ever starting again."""
    log = bodies(3)
    desk.answer(request(0, log[:2], root_of(log[:2])))
    desk.answer({"op": "head", "session": "se_1", "count": 4, "head": "ab" * 32})
    for name in ("heads.jsonl", "signed.jsonl"):
        with (tmp_path / name).open("ab") as file:
            file.write(torn)
    for _ in range(2):
        again = Desk(tmp_path, ORIGIN, StillClock())
        assert again.answer({"op": "last_head", "session": "se_1"})["count"] == 4
        assert again.answer({"op": "status", "size": 2})["restorable_from"] == 2
        assert code(again.answer({"op": "head", "session": "se_1", "count": 3, "head": "ab" * 32})) == "head.rewound"
        assert again.answer({"op": "head", "session": "se_2", "count": 1, "head": "cd" * 32}) == {"ok": True}
        again.answer(request(2, log[2:], root_of(log)))
    third = Desk(tmp_path, ORIGIN, StillClock())
    assert third.answer({"op": "last_head", "session": "se_2"})["count"] == 1
    assert third.answer({"op": "status", "size": 2})["restorable_from"] == 2


def test_every_file_of_the_sealer_is_its_owners_alone(desk, tmp_path):
    desk.answer(request(0, bodies(1), ""))
    modes = {path.name: path.stat().st_mode & 0o077 for path in tmp_path.iterdir()}
    assert {name for name, mode in modes.items() if mode} == set()
