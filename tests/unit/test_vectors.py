"""The published test vectors: what is committed says what it must, and the script that makes them still can."""

import base64
import json
from pathlib import Path

import pytest
from tests.vectors import make_vectors
from tests.vectors.make_vectors import HERE, Case

from quarterdeck_verify import checkpoint, entry, merkle

CASES = json.loads((HERE / "cases.json").read_text())
PRIMITIVES = json.loads((HERE / "primitives.json").read_text())
LEAVES = [bytes.fromhex(item["leaf"]) for item in PRIMITIVES["entries"]]


@pytest.mark.parametrize("told", CASES, ids=[told["name"] for told in CASES])
def test_a_committed_case_is_judged_as_it_says(told, tmp_path: Path) -> None:
    brings = {option: (HERE / name).read_bytes() for option, name in told["brings"].items()}
    case = Case(told["name"], told["says"], (HERE / f"{told['name']}.zip").read_bytes(), brings)
    assert make_vectors.answer(case, tmp_path) == told["expect"]


def test_the_script_makes_the_same_answers(tmp_path: Path) -> None:
    make_vectors.main(tmp_path)
    assert json.loads((tmp_path / "cases.json").read_text()) == CASES
    assert json.loads((tmp_path / "primitives.json").read_text()) == PRIMITIVES
    assert {path.name for path in tmp_path.iterdir()} <= {path.name for path in HERE.iterdir()}


def test_every_verdict_stands_among_the_cases() -> None:
    assert {told["expect"]["verdict"] for told in CASES} == {"INTACT", "UNANCHORED", "ALTERED"}
    assert len({told["name"] for told in CASES}) == len(CASES)


def test_entries_leaves_and_roots() -> None:
    for item in PRIMITIVES["entries"]:
        body = item["body"].encode()
        assert entry.leaf_hash(body).hex() == item["leaf"]
        assert entry.encode(entry.decode(body)) == body
    for count, root in PRIMITIVES["roots"].items():
        assert merkle.root(LEAVES[: int(count)]).hex() == root


def test_proofs() -> None:
    roots = {int(count): bytes.fromhex(root) for count, root in PRIMITIVES["roots"].items()}
    for item in PRIMITIVES["inclusion"]:
        proof = [bytes.fromhex(step) for step in item["proof"]]
        leaf, root = LEAVES[item["seq"]], roots[item["size"]]
        assert merkle.verify_inclusion(leaf, item["seq"], item["size"], proof, root)
        assert not merkle.verify_inclusion(leaf, item["seq"], item["size"], proof[1:], root)
    for item in PRIMITIVES["consistency"]:
        proof = [bytes.fromhex(step) for step in item["proof"]]
        assert merkle.verify_consistency(item["old"], item["size"], proof, roots[item["old"]], roots[item["size"]])
    assert checkpoint.parse(PRIMITIVES["checkpoint"].encode()).root == roots[len(LEAVES)]


def test_canonical_json() -> None:
    for text in PRIMITIVES["canonical_json_taken"]:
        entry.parse_canonical(base64.b64decode(text))
    for text in PRIMITIVES["canonical_json_refused"]:
        with pytest.raises(ValueError, match=r"JSON|number|key|text|integer"):
            entry.parse_canonical(base64.b64decode(text))
