"""The canonical bytes of an entry: what is accepted, what is refused, and that bytes have one spelling."""

import hashlib

import pytest

from quarterdeck_verify import entry


def fields(**changes):
    base = {
        "v": 1,
        "log": "quarterdeck.example/ledger",
        "seq": 3,
        "prev": "a" * 64,
        "event_id": "ev_1",
        "ts": "2026-11-22T10:00:00.000000Z",
        "actor": {"id": "pe_iris", "kind": "person", "auth": "mfa"},
        "event": "ticket.approved",
        "ticket": "MT-2026-00014",
        "ticket_seq": 2,
        "ticket_prev": "b" * 64,
        "object": {"type": "ticket", "id": "MT-2026-00014"},
        "data": {"role": "approver", "count": 2, "done": True, "more": [None, {"deep": "x"}]},
        "artifacts": [{"sha256": "c" * 64, "size": 5, "role": "plan", "name": "plan.txt"}],
    }
    return base | changes


def test_bytes_are_sorted_compact_json():
    body = entry.encode(fields(data={"b": 1, "a": "Zürich"}))
    assert b'"data":{"a":"Z\xc3\xbcrich","b":1}' in body
    assert body.startswith(b'{"actor":')
    assert b"\n" not in body
    assert entry.decode(body) == fields(data={"b": 1, "a": "Zürich"})


def test_leaf_is_sha256_over_zero_and_bytes():
    assert entry.leaf_hash(b"body") == hashlib.sha256(b"\x00body").digest()


@pytest.mark.parametrize(
    "changes",
    [
        {"v": 2},
        {"v": True},
        {"v": 1.0},
        {"seq": -1},
        {"seq": "3"},
        {"seq": True},
        {"seq": 0},
        {"prev": entry.NO_HASH},
        {"prev": "A" * 64},
        {"ts": "2026-11-22T10:00:00Z"},
        {"ts": "2026-02-31T10:00:00.000000Z"},
        {"ts": "2026-11-22T10:00:00.000000+00:00"},
        {"event": "approved"},
        {"event": "Ticket.approved"},
        {"event_id": ""},
        {"event_id": "a b"},
        {"log": "with space"},
        {"ticket": "MT-2026-14"},
        {"ticket": "MT-2026-00014\n"},
        {"ticket": None},
        {"ticket_seq": None},
        {"ticket_seq": 0},
        {"ticket_seq": 1},
        {"ticket_prev": entry.NO_HASH},
        {"actor": {"id": "pe_iris", "kind": "person"}},
        {"actor": {"id": "pe iris", "kind": "person", "auth": "mfa"}},
        {"actor": "iris"},
        {"object": {"type": "ticket", "id": "a/b"}},
        {"object": None},
        {"data": []},
        {"data": {"Role": 1}},
        {"data": {"rôle": 1}},
        {"data": {"": 1}},
        {"data": {"x": 1.5}},
        {"data": {"x": 2**53}},
        {"data": {"x": -(2**53)}},
        {"data": {"x": "\ud800"}},
        {"data": {"x": b"bytes"}},
        {"data": {"x": {1: 2}}},
        {"artifacts": {}},
        {"artifacts": [{}]},
        {"artifacts": ["x"]},
        {"artifacts": [{"sha256": "c" * 64, "size": -1, "role": "plan", "name": "plan.txt"}]},
        {"artifacts": [{"sha256": "c" * 64, "size": 5, "role": "plan", "name": "../plan"}]},
        {"artifacts": [{"sha256": "c" * 64, "size": 5, "role": "plan", "name": "-rf"}]},
        {"artifacts": [{"sha256": "c" * 64, "size": 5, "role": "plan", "name": "a[b]"}]},
        {"extra": 1},
    ],
)
def test_malformed_entries_are_refused(changes):
    with pytest.raises(ValueError, match=r"entry|number|text|key|place"):
        entry.encode(fields(**changes))


def test_a_missing_field_is_named():
    short = fields()
    del short["prev"]
    with pytest.raises(ValueError, match="prev"):
        entry.encode(short)


def test_the_size_limit_holds_in_both_directions():
    big = fields(data={"x": "a" * entry.MAX_BYTES})
    with pytest.raises(ValueError, match="65535"):
        entry.encode(big)
    with pytest.raises(ValueError, match="65535"):
        entry.decode(b" " * (entry.MAX_BYTES + 1))


def test_deep_nesting_is_refused_with_a_sentence():
    value = "x"
    for _ in range(40):
        value = [value]
    with pytest.raises(ValueError, match="nested"):
        entry.encode(fields(data={"x": value}))
    with pytest.raises(ValueError, match="nested"):
        entry.parse_canonical(b"[" * 60_000)


@pytest.mark.parametrize(
    "mutate",
    [
        lambda body: body + b"\n",
        lambda body: b" " + body,
        lambda body: body.replace(b'"v":1', b'"v": 1'),
        lambda body: body.replace(b'"v":1', b'"v":1.0'),
        lambda body: body.replace(b'"v":1', b'"v":1e0'),
        lambda body: body.replace(b'"v":1}', b'"v":1,"v":1}'),
        lambda body: body.replace(b'"seq":3', b'"seq":03'),
        lambda body: body.replace(b'"seq":3', b'"seq":-0'),
        lambda body: body.replace(b'"seq":3', b'"seq":NaN'),
        lambda body: body.replace(b'"seq":3', b'"seq":' + b"9" * 5000),
        lambda body: body.replace(b"approver", b"\\u0061pprover"),
        lambda body: body.replace(b"approver", b"appr\xffver"),
        lambda body: body.replace(b"approver", b"\\ud800"),
        lambda body: body[:-1],
        lambda body: b"",
        lambda body: b"[]",
        lambda body: b"\xef\xbb\xbf" + body,
    ],
)
def test_only_the_canonical_spelling_decodes(mutate):
    body = entry.encode(fields())
    with pytest.raises(ValueError, match=r"\w"):
        entry.decode(mutate(body))
