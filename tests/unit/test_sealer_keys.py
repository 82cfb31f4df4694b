"""Sealing keys over time: rotation by both keys, a lost key, a lost memory, a ledger set back to before a change."""

import base64
import hashlib
from datetime import timedelta

import pytest
from tests.clock import StillClock
from tests.unit.test_sealer_memory import ORIGIN, root_of

from quarterdeck.adapters.ssh_signature import FRESH_MARK, SshKeygenSigner, fingerprint_of
from quarterdeck.entrypoints.sealer.desk import Desk
from quarterdeck.entrypoints.sealer.keyring import Custody
from quarterdeck.kernel.clock import rfc3339
from quarterdeck_verify import entry as entry_format
from quarterdeck_verify import signers, sshsig
from quarterdeck_verify.checkpoint import parse

ROLES = {"key.rotated": "key_rotation", "sealer.key_replaced": "key_replacement"}


class Log:
    """A ledger in memory, as the database would hand it over."""

    def __init__(self, clock):
        self.clock, self.bodies = clock, []

    def add(self, event="thing.done", data=None, statement=b""):
        prev = entry_format.leaf_hash(self.bodies[-1]).hex() if self.bodies else entry_format.NO_HASH
        artifacts = [
            {"sha256": hashlib.sha256(statement).hexdigest(), "size": len(statement), "role": ROLES[event], "name": "k"}
        ] if statement else []  # fmt: skip
        document = {
            "v": 1, "log": ORIGIN, "seq": len(self.bodies), "prev": prev, "event_id": f"ev_{len(self.bodies)}",
            "ts": rfc3339(self.clock.now()), "actor": {"id": "operator", "kind": "operator", "auth": "local"},
            "event": event, "ticket": None, "ticket_seq": None, "ticket_prev": None,
            "object": {"type": "thing", "id": "th"}, "data": data or {}, "artifacts": artifacts,
        }  # fmt: skip
        self.bodies.append(entry_format.encode(document))

    def record(self, change):
        self.add(change["event"], {"sha256": change["sha256"]}, change["statement"].encode())

    def seal(self, desk, upto=None):
        start = desk.answer({"op": "status"})["size"]
        log = self.bodies[:upto]
        return desk.answer(
            {"op": "seal", "from": start, "entries": coded(log[start:]), "root": root_of(log), "reason": "key"}
        )


def coded(entries):
    return [base64.b64encode(body).decode() for body in entries]


def code(reply):
    return reply["refused"][0]["code"]


def signed_by(reply):
    signature = sshsig.parse(reply["sshsig"].encode())
    assert sshsig.verify(signature, reply["body"].encode(), "quarterdeck-checkpoint")
    return hashlib.sha256(signature.key.blob).hexdigest()


@pytest.fixture
def clock():
    return StillClock()


@pytest.fixture
def log(clock):
    made = Log(clock)
    made.add()
    return made


@pytest.fixture
def desk(tmp_path, clock):
    return Desk(tmp_path, ORIGIN, clock, restoring=True)


def restarted(tmp_path, clock):
    return Desk(tmp_path, ORIGIN, clock, restoring=True)


def test_both_keys_sign_the_change_and_the_new_one_what_comes_after(desk, log, clock, tmp_path):
    old = signed_by(log.seal(desk))
    clock.advance(hours=1)
    change = desk.answer({"op": "rotate"})
    assert desk.answer({"op": "rotate"}) == change
    log.add()
    assert signed_by(log.seal(desk)) == old, "a change that is not in the ledger changes nothing"
    log.record(change)
    log.add()
    sealed = log.seal(restarted(tmp_path, clock))
    assert signed_by(sealed) == sealed["key_id"] == change["sha256"] != old
    later = restarted(tmp_path, clock)
    assert later.answer({"op": "status"})["key_id"] == change["sha256"]
    log.add()
    assert signed_by(log.seal(later)) == change["sha256"]
    assert later.answer({"op": "sign_package", "manifest": ""})["key_id"] == change["sha256"]


def test_a_checkpoint_that_ends_before_the_change_is_the_old_keys(desk, log):
    old = signed_by(log.seal(desk))
    log.add()
    log.record(desk.answer({"op": "rotate"}))
    assert signed_by(log.seal(desk, upto=2)) == old
    assert signed_by(log.seal(desk)) != old


def test_the_history_of_signers_has_the_time_of_each(desk, log, clock):
    first = fingerprint_of(desk.answer({"op": "status"})["key"])
    log.seal(desk)
    clock.advance(hours=1)
    change = desk.answer({"op": "rotate"})
    log.record(change)
    log.seal(desk)
    pins = signers.parse(desk.answer({"op": "status"})["allowed_signers"].encode())
    assert [hashlib.sha256(pin.key.blob).hexdigest() for pin in pins] == [first, change["sha256"]]
    now, second = clock.now(), timedelta(seconds=1)
    assert [pin.valid_at(now - second) for pin in pins] == [True, False]
    assert [pin.valid_at(now + second) for pin in pins] == [False, True]


def test_a_change_that_the_sealer_never_made_is_refused(desk, log):
    log.seal(desk)
    log.add("key.rotated", {"sha256": "ab" * 32}, b"{}")
    assert code(log.seal(desk)) == "sealer.change_unknown"


def test_a_power_cut_between_memory_and_keys_is_mended(desk, log, tmp_path, clock):
    log.seal(desk)
    before = (tmp_path / "keys.json").read_bytes()
    change = desk.answer({"op": "rotate"})
    pending = (tmp_path / "keys.json").read_bytes()
    log.record(change)
    log.seal(desk)
    assert before != pending
    (tmp_path / "keys.json").write_bytes(pending)
    again = restarted(tmp_path, clock)
    status = again.answer({"op": "status"})
    assert [key["pending"] for key in status["keys"]] == [False, False]
    assert status["allowed_signers"].count("valid-before") == 1


def test_a_key_that_signs_is_not_lost(desk, log):
    log.seal(desk)
    assert code(desk.answer({"op": "replace"})) == "sealer.key_there"


def test_a_lost_key_is_followed_by_one_that_says_so(desk, log, tmp_path, clock):
    lost = signed_by(log.seal(desk))
    (tmp_path / "sealing_key").unlink()
    again = restarted(tmp_path, clock)
    log.add()
    assert code(log.seal(again)) == "sealer.key_missing"
    assert code(again.answer({"op": "rotate"})) == "sealer.key_missing"
    change = again.answer({"op": "replace"})
    assert (change["event"], lost in change["statement"]) == ("sealer.key_replaced", True)
    assert again.answer({"op": "replace"}) == change
    log.record(change)
    assert signed_by(log.seal(again)) == change["sha256"]
    keys = again.answer({"op": "status"})["keys"]
    assert [(key["ended"], key["pending"]) for key in keys] == [("lost", False), ("", False)]


def test_a_memory_that_is_gone_signs_nothing_until_it_is_adopted(desk, log, tmp_path, clock):
    key = signed_by(log.seal(desk))
    (tmp_path / "state.json").unlink()
    again = restarted(tmp_path, clock)
    assert again.answer({"op": "status"})["remembers"] is False
    log.add()
    request = {"op": "seal", "from": 0, "entries": coded(log.bodies), "root": root_of(log.bodies), "reason": "close"}
    assert code(again.answer(request)) == "sealer.memory_lost"
    assert code(again.answer({"op": "sign_package", "manifest": ""})) == "sealer.memory_lost"
    assert not (tmp_path / "state.json").exists()
    adopt = {"op": "adopt", "from": 0, "entries": coded(log.bodies), "root": root_of(log.bodies), "last": True}
    assert again.answer(adopt)["changes"] == []
    log.add()
    assert signed_by(log.seal(again)) == key


def test_what_is_adopted_must_be_a_whole_ledger(desk, log, tmp_path, clock):
    log.seal(desk)
    (tmp_path / "state.json").unlink()
    again = restarted(tmp_path, clock)
    adopt = {"op": "adopt", "from": 0, "entries": coded(log.bodies[::-1]), "root": "ab" * 32, "last": True}
    assert code(again.answer(adopt)) == "sealer.inconsistent"
    assert again.answer({"op": "status"})["remembers"] is False


def test_a_sealer_that_remembers_adopts_nothing(desk, log):
    log.seal(desk)
    adopt = {"op": "adopt", "from": 0, "entries": coded(log.bodies), "root": root_of(log.bodies), "last": True}
    assert code(desk.answer(adopt)) == "sealer.remembers"


def test_a_new_folder_does_not_sign_a_ledger_of_another_key(tmp_path, clock):
    """The whole folder is lost: a fresh key must not go on as if nothing had happened."""
    log = Log(clock)
    log.add("sealer.key_installed", {"sha256": "ab" * 32})
    desk = restarted(tmp_path, clock)
    assert code(log.seal(desk)) == "sealer.other_key"
    adopt = {"op": "adopt", "from": 0, "entries": coded(log.bodies), "root": root_of(log.bodies), "last": True}
    (change,) = desk.answer(adopt)["changes"]
    assert (change["event"], "ab" * 32 in change["statement"]) == ("sealer.key_replaced", True)
    log.add()
    assert code(log.seal(desk)) == "sealer.key_missing", "not before the ledger says that the key was replaced"
    log.record(change)
    assert signed_by(log.seal(desk)) == change["sha256"]


def test_a_ledger_set_back_to_before_a_change_records_it_again(desk, log, clock, tmp_path):
    log.seal(desk)
    size, root = 1, root_of(log.bodies)
    change = desk.answer({"op": "rotate"})
    log.record(change)
    log.seal(desk)
    log.bodies = log.bodies[:size]
    restore = {"op": "restore", "from": size, "base_root": root, "size": size, "entries": [], "root": root}
    assert desk.answer(restore)["changes"] == [change]
    again = restarted(tmp_path, clock)
    log.add("ledger.restored")
    assert code(log.seal(again)) == "sealer.change_missing"
    assert code(again.answer({"op": "sign_package", "manifest": ""})) == "sealer.change_missing"
    log.record(change)
    assert signed_by(log.seal(again)) == change["sha256"]


def test_a_key_made_by_init_has_no_memory_to_miss(tmp_path, clock, log):
    (tmp_path / FRESH_MARK).touch()
    SshKeygenSigner.create(tmp_path / "sealing_key", ORIGIN)
    desk = Desk(tmp_path, ORIGIN, clock)
    assert parse(log.seal(desk)["body"].encode()).size == 1
    assert not (tmp_path / FRESH_MARK).exists()


def test_ed25519_is_a_choice(tmp_path, clock, log):
    desk = Desk(tmp_path, ORIGIN, clock, Custody(kind="ed25519"))
    assert desk.answer({"op": "status"})["key"].startswith("ssh-ed25519 ")
    signed_by(log.seal(desk))


def test_a_key_in_an_agent_needs_its_public_half_here(tmp_path, clock, log):
    custody = Custody("agent", agent=tmp_path / "agent.sock")
    with pytest.raises(Exception, match="ssh-add -L"):
        Desk(tmp_path, ORIGIN, clock, custody)
    SshKeygenSigner.create(tmp_path / "elsewhere", ORIGIN)
    (tmp_path / "sealing_key.pub").write_text((tmp_path / "elsewhere.pub").read_text())
    desk = Desk(tmp_path, ORIGIN, clock, custody)
    assert "in the agent at" in desk.answer({"op": "status"})["key_place"]
    assert code(log.seal(desk)) == "sealer.signing", "the agent is not there"


@pytest.mark.parametrize("name", ["../sealing_key", "note_key", "sealing_key-9", "sealing_key-1/../x"])
def test_only_a_sealing_key_of_this_folder_is_adopted_by_name(desk, log, name):
    log.seal(desk)
    assert code(desk.answer({"op": "rotate", "name": name})) == "sealer.no_public_key"


def test_the_key_that_signs_is_no_new_key(desk, log):
    log.seal(desk)
    assert code(desk.answer({"op": "rotate", "name": "sealing_key"})) == "sealer.key_known"


def test_a_backup_from_between_the_entry_and_its_seal_turns_the_key_too(desk, log, tmp_path, clock):
    """The ledger says that the old key is retired: going on with it would make every later package ALTERED."""
    log.seal(desk)
    size, root = 1, root_of(log.bodies)
    change = desk.answer({"op": "rotate"})
    log.record(change)
    restore = {"op": "restore", "from": size, "base_root": root, "size": 2, "entries": coded(log.bodies[1:])}
    assert desk.answer(restore | {"root": root_of(log.bodies)})["changes"] == []
    log.add("ledger.restored")
    assert signed_by(log.seal(restarted(tmp_path, clock))) == change["sha256"]


def test_a_restored_ledger_with_a_change_that_was_never_made_is_refused(desk, log):
    log.seal(desk)
    size, root = 1, root_of(log.bodies)
    log.add("key.rotated", {"sha256": "ab" * 32}, b"{}")
    restore = {"op": "restore", "from": size, "base_root": root, "size": 2, "entries": coded(log.bodies[1:])}
    assert code(desk.answer(restore | {"root": root_of(log.bodies)})) == "sealer.change_unknown"
    assert desk.answer({"op": "status"})["epoch"] == 1
