"""The sealer's memory: it follows the log entry by entry, and nothing that does not follow is accepted."""

import json

import pytest

from quarterdeck.entrypoints.sealer.heads import HeadsLog
from quarterdeck.entrypoints.sealer.memory import Memory, MemoryFile, extend
from quarterdeck.kernel.decision import Refused
from quarterdeck_verify import entry as entry_format
from quarterdeck_verify.merkle import root

ORIGIN = "quarterdeck.example/ledger"


def bodies(count, *, log=ORIGIN, salt="", minute=0):
    made, prev = [], entry_format.NO_HASH
    for seq in range(count):
        document = {
            "v": 1, "log": log, "seq": seq, "prev": prev, "event_id": f"ev_{seq}",
            "ts": f"2026-11-23T14:{minute:02d}:00.000000Z", "actor": {"id": "gate", "kind": "system", "auth": "local"},
            "event": "thing.done", "ticket": None, "ticket_seq": None, "ticket_prev": None,
            "object": {"type": "thing", "id": f"th_{seq}{salt}"}, "data": {}, "artifacts": [],
        }  # fmt: skip
        made.append(entry_format.encode(document))
        prev = entry_format.leaf_hash(made[-1]).hex()
    return made


def root_of(entries):
    return root([entry_format.leaf_hash(body) for body in entries]).hex()


def refused(call):
    with pytest.raises(Refused) as caught:
        call()
    return caught.value.decision.codes[0]


def test_extending_gives_the_root_of_the_tree():
    log = bodies(7)
    first = extend(Memory(ORIGIN), 0, log[:3], root_of(log[:3]))
    second = extend(first, 3, log[3:], root_of(log))
    assert (second.size, second.root) == (7, root_of(log))


def test_an_unknown_root_is_computed_not_believed():
    log = bodies(4)
    assert extend(Memory(ORIGIN), 0, log, "").root == root_of(log)


def test_a_database_with_fewer_entries_is_refused():
    log = bodies(5)
    memory = extend(Memory(ORIGIN), 0, log, root_of(log))
    assert refused(lambda: extend(memory, 3, [], root_of(log[:3]))) == "sealer.rolled_back"


def test_entries_after_a_gap_are_refused():
    log = bodies(5)
    assert refused(lambda: extend(Memory(ORIGIN), 2, log[2:], root_of(log))) == "sealer.gap"


def test_a_log_that_forks_from_what_was_sealed_is_refused():
    sealed, forged = bodies(5), bodies(8, salt="x")
    memory = extend(Memory(ORIGIN), 0, sealed, root_of(sealed))
    assert refused(lambda: extend(memory, 5, forged[5:], root_of(forged))) == "sealer.inconsistent"


def test_a_head_that_names_another_root_is_refused():
    log = bodies(3)
    assert refused(lambda: extend(Memory(ORIGIN), 0, log, "00" * 32)) == "sealer.inconsistent"


def test_a_rewritten_entry_is_refused_even_with_a_fresh_head():
    log = bodies(3)
    document = json.loads(log[1])
    document["object"]["id"] = "th_other"
    forged = [log[0], entry_format.encode(document), log[2]]
    assert refused(lambda: extend(Memory(ORIGIN), 0, forged, root_of(forged))) == "sealer.inconsistent"


@pytest.mark.parametrize("body", [b"{}", b"not json", b""])
def test_bytes_that_are_no_entry_are_refused(body):
    assert refused(lambda: extend(Memory(ORIGIN), 0, [body], "")) == "sealer.inconsistent"


def test_entries_of_another_log_are_refused():
    assert refused(lambda: extend(Memory(ORIGIN), 0, bodies(1, log="other.example/log"), "")) == "sealer.inconsistent"


def test_an_entry_older_than_the_one_before_is_refused():
    later = bodies(1, minute=30)
    memory = extend(Memory(ORIGIN), 0, later, "")
    document = json.loads(bodies(2)[1])
    document["prev"] = memory.tip
    assert refused(lambda: extend(memory, 1, [entry_format.encode(document)], "")) == "sealer.inconsistent"


def test_the_memory_survives_on_disk_with_mode_0600(tmp_path):
    log = bodies(3)
    MemoryFile(tmp_path, ORIGIN).keep(extend(Memory(ORIGIN), 0, log, root_of(log)))
    assert MemoryFile(tmp_path, ORIGIN).memory.root == root_of(log)
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_a_memory_of_another_log_is_refused(tmp_path):
    MemoryFile(tmp_path, ORIGIN).keep(Memory(ORIGIN, size=1))
    assert refused(lambda: MemoryFile(tmp_path, "other.example/log")) == "sealer.origin"


def test_a_restored_older_state_begins_a_new_epoch(tmp_path):
    log = bodies(9)
    file = MemoryFile(tmp_path, ORIGIN)
    for size in (2, 5, 9):
        file.keep(extend(file.memory, file.memory.size, log[file.memory.size : size], root_of(log[:size])))
    restored = file.go_back((5, root_of(log[:5])), 6, log[5:6], root_of(log[:6]))
    assert (restored.size, restored.epoch, restored.root) == (6, 2, root_of(log[:6]))
    assert file.signed_states(2) == [(9, root_of(log)), (5, root_of(log[:5]))]


def test_a_foreign_ledger_is_not_taken_for_a_restored_one(tmp_path):
    log, forged = bodies(9), bodies(9, salt="x")
    file = MemoryFile(tmp_path, ORIGIN)
    file.keep(extend(file.memory, 0, log[:5], root_of(log[:5])))
    file.keep(extend(file.memory, 5, log[5:], root_of(log)))
    root = root_of(forged[:6])
    assert refused(lambda: file.go_back((5, root_of(log[:5])), 6, forged[5:6], root)) == "sealer.inconsistent"
    assert refused(lambda: file.go_back((5, root_of(forged[:5])), 6, forged[5:6], root)) == "sealer.inconsistent"
    assert file.memory.epoch == 1


def test_heads_of_recordings_only_grow(tmp_path):
    heads = HeadsLog(tmp_path / "heads.jsonl")
    heads.append("se_1", 10, "aa" * 32, "now")
    heads.append("se_1", 10, "aa" * 32, "now")
    heads.append("se_1", 12, "bb" * 32, "now")
    assert refused(lambda: heads.append("se_1", 11, "cc" * 32, "now")) == "head.rewound"
    assert refused(lambda: heads.append("se_1", 12, "cc" * 32, "now")) == "head.rewound"
    assert HeadsLog(tmp_path / "heads.jsonl").last("se_1") == (12, "bb" * 32)
    assert len((tmp_path / "heads.jsonl").read_text().splitlines()) == 2


@pytest.mark.parametrize("session", ["", "a b", "../x", "se\n1", "x" * 65])
def test_a_malformed_head_is_refused(tmp_path, session):
    heads = HeadsLog(tmp_path / "heads.jsonl")
    assert refused(lambda: heads.append(session, 1, "aa" * 32, "now")) == "head.malformed"
