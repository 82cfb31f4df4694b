"""Going around the sealer: its own socket, rows written by hand, memories and databases put back together."""

import json
import shutil

import pytest
from tests.app.test_sealer_workflow import record, remove_entries
from tests.append_only import database_in_hand
from tests.sealer_process import running_sealer
from tests.shop import FAST_HASHER
from tests.unit.test_sealer_desk import request
from tests.unit.test_sealer_memory import ORIGIN, bodies, root_of

from quarterdeck.adapters.ssh_signature import SshKeygenSigner
from quarterdeck.entrypoints.sealer.desk import Desk
from quarterdeck.evidence import api as evidence
from quarterdeck.kernel.actors import OPERATOR, system
from quarterdeck.kernel.decision import Refused
from quarterdeck.workflows import change_key, watch_sealer
from quarterdeck.workflows.seal_checkpoint import KeyChange, seal
from quarterdeck_verify.trust import rotation_message, rotation_statement

pytestmark = pytest.mark.django_db
TICKER = system("ticker")


@pytest.fixture
def sealer(tmp_path, clock, settings):
    settings.PASSWORD_HASHERS = FAST_HASHER
    with running_sealer(tmp_path / "sealer", clock) as client:
        yield client


def code(call):
    with pytest.raises(Refused) as caught:
        call()
    return caught.value.decision.codes[0]


def test_the_socket_of_a_serving_sealer_sets_no_memory_back(sealer, clock):
    """Who has the web process can ask anything: a restored older ledger must not become the signed one there."""
    record(clock, count=3)
    seal(sealer, reason="open")
    record(clock, count=2)
    seal(sealer, reason="close")
    base = sealer.states()[-2]
    assert code(lambda: sealer.restore(base, base[0], [], base[1])) == "sealer.serving"
    assert code(lambda: sealer.adopt(0, [], "", last=True)) == "sealer.serving"
    assert sealer.status().size == 5


def test_the_socket_declares_no_key_lost_that_signs(sealer, clock):
    record(clock)
    seal(sealer, reason="open")
    assert code(sealer.replace_lost) == "sealer.key_there"


def test_a_change_of_keys_written_by_hand_stops_the_sealing_loudly(sealer, clock, tmp_path):
    """Somebody makes a key and a statement with the stolen old one, and writes the entry as our own acts do."""
    record(clock)
    seal(sealer, reason="open")
    stolen = SshKeygenSigner(shutil.copy(tmp_path / "sealer" / "sealing_key", tmp_path / "stolen"))
    shutil.copy(tmp_path / "sealer" / "sealing_key.pub", tmp_path / "stolen.pub")
    mine = SshKeygenSigner.create(tmp_path / "mine", ORIGIN)
    lines = (stolen.public_line(), mine.public_line())
    at = "2026-11-23T14:00:00.000000Z"
    message = rotation_message(ORIGIN, at, *lines)
    signatures = tuple(one.sign(message, "quarterdeck-rotation") for one in (stolen, mine))
    statement = rotation_statement(ORIGIN, at, *lines, signatures)
    change = KeyChange("key.rotated", mine.fingerprint(), mine.public_line(), statement)
    kept = change_key.store_statement(change)
    with evidence.act(OPERATOR, clock) as act:
        change_key.record_change(act, change, kept)
    assert code(lambda: watch_sealer.seal_due(sealer, actor=TICKER, clock=clock)) == "sealer.change_unknown"
    assert watch_sealer.shown_troubles(clock)[0].code == "sealer.change_unknown"
    assert change_key.unacknowledged() is not None


def test_database_and_memory_removed_together_begin_nothing_anew(sealer, clock, tmp_path):
    """Checkpoints, memory and list of keys are gone, the key is there: that is a lost memory, not a new sealer."""
    record(clock, count=5)
    seal(sealer, reason="close")
    with database_in_hand() as cursor:
        cursor.execute("DELETE FROM evidence_checkpoint")
    remove_entries(keep=2)
    for name in ("state.json", "keys.json", "signed.jsonl"):
        (tmp_path / "sealer" / name).unlink()
    with running_sealer(tmp_path / "sealer", clock) as again:
        assert code(lambda: seal(again, reason="close")) == "sealer.memory_lost"


def test_a_memory_rewound_by_hand_does_not_sign_over_the_kept_checkpoints(sealer, clock, tmp_path):
    record(clock, count=3)
    seal(sealer, reason="open")
    old = (tmp_path / "sealer" / "state.json").read_bytes()
    record(clock, count=2)
    seal(sealer, reason="close")
    (tmp_path / "sealer" / "state.json").write_bytes(old)
    with running_sealer(tmp_path / "sealer", clock) as again:
        record(clock)
        assert code(lambda: seal(again, reason="close")) == "sealer.forgot"


def test_a_memory_that_names_a_key_of_somebody_else_starts_nothing(tmp_path, clock):
    log = bodies(3)
    desk = Desk(tmp_path, ORIGIN, clock)
    desk.answer(request(0, log, root_of(log)))
    told = json.loads((tmp_path / "state.json").read_text())
    told["key"] = "ab" * 32
    (tmp_path / "state.json").write_text(json.dumps(told))
    with pytest.raises(Refused, match="names a key that it does not have"):
        Desk(tmp_path, ORIGIN, clock)
