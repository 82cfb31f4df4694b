"""Rubbish of every kind, from damaged files to hostile JSON, ends in a report or a refusal, never in a traceback."""

import json
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.attack.package_fixture import judge, judge_world, make_world, pack, remanifest, unpack

from quarterdeck_verify import package, report, signers, sshsig, zipformat
from quarterdeck_verify.checkpoint import find, parse, parse_note

WORLD = make_world()
MEMBERS = unpack(WORLD.data)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["MT-2026-00001"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
RELAXED = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def told(found):
    assert found.exit_code == 1
    assert list(found.findings)
    assert report.as_text(found, "x").isascii()
    json.loads(report.as_json(found, "x"))


@given(st.binary(max_size=2_000))
@RELAXED
def test_any_bytes_as_a_package(tmp_path, data):
    told(judge(data, tmp_path, WORLD.allowed, WORLD.kept))


@given(st.sampled_from(sorted(MEMBERS)), st.binary(max_size=400))
@RELAXED
def test_any_bytes_as_a_member(tmp_path, name, data):
    if data != MEMBERS[name]:
        told(judge_world(WORLD, tmp_path, pack(MEMBERS | {name: data})))


@given(st.sampled_from(sorted(name for name in MEMBERS if name.startswith("data/"))), st.binary(max_size=400))
@RELAXED
def test_any_bytes_as_a_payload_file_signed_again(tmp_path, name, data):
    if data != MEMBERS[name] and not (name == package.CONSISTENCY and data == b"[]"):
        told(judge_world(WORLD, tmp_path, pack(remanifest(MEMBERS | {name: data}, WORLD.key))))


@given(st.sampled_from([package.SCOPE, package.CONSISTENCY]), st.data())
@RELAXED
def test_any_json_in_place_of_any_part(tmp_path, name, data):
    document = json.loads(MEMBERS[name])
    place, key = document, None
    while isinstance(place, (dict, list)) and place and (key is None or data.draw(st.booleans())):
        parent = place
        key = data.draw(st.sampled_from(sorted(place))) if isinstance(place, dict) else 0
        place = parent[key]
    parent[key] = data.draw(JSON)
    indent = 1 if name == package.SCOPE else None
    separators = None if name == package.SCOPE else (",", ":")
    end = "\n" if name == package.SCOPE else ""
    text = json.dumps(document, indent=indent, separators=separators, sort_keys=True) + end
    members = MEMBERS | {name: text.encode()}
    if members != MEMBERS:
        told(judge_world(WORLD, tmp_path, pack(remanifest(members, WORLD.key))))


@given(st.integers(0, 2**32))
@RELAXED
def test_many_changes_at_once(tmp_path, seed):
    choice = random.Random(seed)
    data = bytearray(WORLD.data)
    for _ in range(choice.randrange(2, 60)):
        start = choice.randrange(len(data))
        kind = choice.randrange(3)
        if kind == 0:
            data[start] ^= choice.randrange(1, 256)
        elif kind == 1:
            del data[start : start + choice.randrange(1, 40)]
        else:
            data[start:start] = choice.randbytes(choice.randrange(1, 40))
    told(judge_world(WORLD, tmp_path, bytes(data)))


@given(st.integers(0, 2**16), st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
@RELAXED
def test_any_numbers_at_the_end_of_a_zip(tmp_path, count, size, offset):
    numbers = [min(count, 2**16 - 1), min(size, 2**32 - 1), min(offset, 2**32 - 1)]
    told(judge(WORLD.data[:-22] + zipformat.end_records(*numbers), tmp_path))
    end = zipformat.end_records(max(count, 2**16 - 1), size, offset if offset + size < 2**64 else 0)
    told(judge(WORLD.data[:-22] + end, tmp_path))


@pytest.mark.parametrize(
    "parser",
    [
        parse,
        parse_note,
        sshsig.parse,
        signers.parse,
        package.parse_manifest,
        package.parse_bag_info,
        package.parse_proof_line,
        package.parse_consistency,
        package.parse_withheld,
        package.parse_scope,
    ],
)
@given(data=st.data())
@settings(deadline=None, max_examples=80)
def test_parsers_only_raise_value_errors(parser, data):
    seeds = [value for value in MEMBERS.values() if value] + [WORLD.allowed, WORLD.kept]
    seed = data.draw(st.sampled_from(seeds) | st.binary(max_size=200))[:2_000]
    start = data.draw(st.integers(0, len(seed)))
    changed = seed[:start] + data.draw(st.binary(max_size=10)) + seed[start + data.draw(st.integers(0, 5)) :]
    try:
        parser(changed)
    except ValueError as problem:
        told_why = str(problem)
        assert told_why
        assert "codec" not in told_why
    assert isinstance(find(changed), list)
