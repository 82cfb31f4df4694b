"""The Merkle tree against the known answers of RFC 6962 implementations, and the refusals of its proofs."""

import pytest

from quarterdeck_verify import entry, merkle

INPUTS = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
LEAVES = [entry.leaf_hash(bytes.fromhex(text)) for text in INPUTS]


@pytest.mark.parametrize("size", range(9))
def test_roots_are_the_known_answers(size):
    assert merkle.root(LEAVES[:size]).hex() == ROOTS[size]


def test_a_known_inclusion_proof():
    node = merkle.leaf_nodes(LEAVES.__getitem__)
    assert [step.hex() for step in merkle.inclusion_proof(node, 5, 8)] == [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


def test_a_known_consistency_proof():
    node = merkle.leaf_nodes(LEAVES.__getitem__)
    assert [step.hex() for step in merkle.consistency_proof(node, 6, 8)] == [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


def test_equal_trees_are_consistent_only_with_an_empty_proof():
    root = merkle.root(LEAVES)
    assert merkle.verify_consistency(8, 8, [], root, root)
    assert not merkle.verify_consistency(8, 8, [LEAVES[0]], root, root)
    assert not merkle.verify_consistency(8, 8, [], LEAVES[0], root)


def test_proofs_outside_the_tree_are_refused():
    node = merkle.leaf_nodes(LEAVES.__getitem__)
    root = merkle.root(LEAVES)
    for index, size in ((8, 8), (-1, 8), (0, 0)):
        with pytest.raises(ValueError, match="not in a tree"):
            merkle.inclusion_proof(node, index, size)
        assert not merkle.verify_inclusion(LEAVES[0], index, size, [], root)
    for old, size in ((0, 8), (9, 8)):
        with pytest.raises(ValueError, match="no consistency proof"):
            merkle.consistency_proof(node, old, size)
        assert not merkle.verify_consistency(old, size, [], root, root)


def test_hashes_of_another_length_are_refused():
    with pytest.raises(ValueError, match="32 bytes"):
        merkle.Frontier().append(b"short")
    assert not merkle.verify_inclusion(LEAVES[0], 0, 2, [b"short"], ROOTS[2].encode())
    assert not merkle.verify_consistency(1, 2, [b"short"], LEAVES[0], LEAVES[1])


@pytest.mark.parametrize("data", [b"", b"\x00" * 7, b"\x00" * 7 + b"\x01", b"\x00" * 40, b"\x00" * 9])
def test_a_damaged_frontier_is_refused(data):
    with pytest.raises(ValueError, match="frontier"):
        merkle.Frontier.deserialise(data)


def test_tiles_complete_where_c2sp_says():
    assert merkle.completed_tiles(0) == []
    assert merkle.completed_tiles(255) == []
    assert merkle.completed_tiles(256) == [(0, 0)]
    assert merkle.completed_tiles(512) == [(0, 1)]
    assert merkle.completed_tiles(65536) == [(0, 255), (1, 0)]
    assert merkle.completed_tiles(65536 * 3) == [(0, 767), (1, 2)]
