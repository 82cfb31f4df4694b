"""Random trees: every proof verifies, no altered proof does, tiles and frontier agree with the plain definition."""

import hashlib

from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck_verify import merkle

LEAVES = [hashlib.sha256(number.to_bytes(4, "big")).digest() for number in range(70_000)]
SIZES = st.integers(1, 1_200)


def plain_root(leaves):
    """RFC 6962 section 2.1, written down as it stands there."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\x01" + plain_root(leaves[:split]) + plain_root(leaves[split:])).digest()


@given(SIZES)
@settings(deadline=None)
def test_root_and_frontier_are_the_definition(size):
    frontier = merkle.Frontier()
    for leaf in LEAVES[:size]:
        frontier.append(leaf)
    again = merkle.Frontier.deserialise(frontier.serialise())
    assert frontier.root() == again.root() == plain_root(LEAVES[:size])
    assert again.size == size


@given(SIZES, st.data())
@settings(deadline=None)
def test_inclusion_holds_and_every_change_breaks_it(size, data):
    index = data.draw(st.integers(0, size - 1))
    root, node = merkle.root(LEAVES[:size]), merkle.leaf_nodes(LEAVES.__getitem__)
    proof = merkle.inclusion_proof(node, index, size)
    assert merkle.verify_inclusion(LEAVES[index], index, size, proof, root)
    assert len(proof) <= size.bit_length()
    other = data.draw(st.integers(0, size + 3).filter(lambda value: value != index))
    assert not merkle.verify_inclusion(LEAVES[index], other, size, proof, root)
    assert not merkle.verify_inclusion(LEAVES[index + 1], index, size, proof, root)
    assert not merkle.verify_inclusion(LEAVES[index], index, size, [*proof, root], root)
    if proof:
        place = data.draw(st.integers(0, len(proof) - 1))
        assert not merkle.verify_inclusion(LEAVES[index], index, size, proof[:place] + proof[place + 1 :], root)
        broken = [*proof]
        broken[place] = bytes([broken[place][0] ^ 1]) + broken[place][1:]
        assert not merkle.verify_inclusion(LEAVES[index], index, size, broken, root)


@given(SIZES, st.data())
@settings(deadline=None)
def test_consistency_holds_and_every_change_breaks_it(size, data):
    old = data.draw(st.integers(1, size))
    node = merkle.leaf_nodes(LEAVES.__getitem__)
    old_root, root = merkle.root(LEAVES[:old]), merkle.root(LEAVES[:size])
    proof = merkle.consistency_proof(node, old, size)
    assert merkle.verify_consistency(old, size, proof, old_root, root)
    rewritten = [LEAVES[-1], *LEAVES[1:old]]
    assert not merkle.verify_consistency(old, size, proof, merkle.root(rewritten), root)
    assert not merkle.verify_consistency(old, size, proof, old_root, merkle.root(LEAVES[1 : size + 1]))
    assert not merkle.verify_consistency(old, size, [*proof, root], old_root, root)
    for place in range(len(proof)):
        assert not merkle.verify_consistency(old, size, proof[:place] + proof[place + 1 :], old_root, root)


@given(st.integers(1, 70_000), st.data())
@settings(deadline=None, max_examples=25)
def test_full_tiles_give_the_same_proofs_as_leaves(size, data):
    tiles = {}
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    full = size - size % 256
    reader = merkle.tile_nodes(lambda level, n: tiles.get((level, n)), LEAVES.__getitem__)
    for filled in range(256, full + 1, 256):
        for level, n in merkle.completed_tiles(filled):
            tiles[level, n] = merkle.build_tile(reader, level, n)
    assert all(len(tile) == merkle.TILE_BYTES for tile in tiles.values())
    plain = merkle.leaf_nodes(LEAVES.__getitem__)
    assert merkle.inclusion_proof(reader, index, size) == merkle.inclusion_proof(plain, index, size)
    assert merkle.consistency_proof(reader, old, size) == merkle.consistency_proof(plain, old, size)
