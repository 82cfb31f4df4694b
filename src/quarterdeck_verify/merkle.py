"""The RFC 6962 Merkle tree over SHA-256: roots, a streaming frontier, proofs and 256-wide C2SP tiles.

A *node reader* answers `(level, index)` with the hash of the complete subtree over the leaves
`[index << level, (index + 1) << level)`; proofs are made from it, so they need no tree in memory.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence

HASH_BYTES = 32
TILE_WIDTH = 256
TILE_LEVELS = 8
TILE_BYTES = TILE_WIDTH * HASH_BYTES
EMPTY_ROOT = hashlib.sha256(b"").digest()

NodeReader = Callable[[int, int], bytes]


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node: SHA-256 over 0x01 and both children."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(leaves: Iterable[bytes]) -> bytes:
    """Return the tree's root over leaf hashes, in order; the hash of nothing for an empty tree."""
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    return frontier.root()


class Frontier:
    """A growing tree of which only the right edge is kept: log2(size) hashes."""

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        if size < 0 or len(peaks) != size.bit_count() or any(len(peak) != HASH_BYTES for peak in peaks):
            raise ValueError("the frontier does not fit its size")
        self._size = size
        self._peaks = list(peaks)

    @property
    def size(self) -> int:
        """The number of leaves."""
        return self._size

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash at the end."""
        if len(leaf) != HASH_BYTES:
            raise ValueError("a leaf hash has 32 bytes")
        carry, rest = leaf, self._size
        while rest & 1:
            carry = node_hash(self._peaks.pop(), carry)
            rest >>= 1
        self._peaks.append(carry)
        self._size += 1

    def root(self) -> bytes:
        """Return the root over all leaves so far."""
        if not self._peaks:
            return EMPTY_ROOT
        value = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            value = node_hash(peak, value)
        return value

    def copy(self) -> "Frontier":
        """Return another frontier that stands where this one stands."""
        return Frontier(self._size, self._peaks)

    def serialise(self) -> bytes:
        """Return size (8 bytes, big-endian) and the peaks from the largest to the smallest."""
        return self._size.to_bytes(8, "big") + b"".join(self._peaks)

    @classmethod
    def deserialise(cls, data: bytes) -> "Frontier":
        """Return the frontier that `serialise` wrote; ValueError for anything else."""
        if len(data) < 8 or (len(data) - 8) % HASH_BYTES:
            raise ValueError("the frontier's bytes are malformed")
        return cls(int.from_bytes(data[:8], "big"), _split(data[8:]))


def inclusion_proof(node: NodeReader, index: int, size: int) -> list[bytes]:
    """Return the RFC 6962 audit path of leaf `index` in the tree of `size` leaves."""
    if not 0 <= index < size:
        raise ValueError(f"entry {index} is not in a tree of {size}")
    proof: list[bytes] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split_point(high - low)
        if index < middle:
            proof.append(range_hash(node, middle, high))
            high = middle
        else:
            proof.append(range_hash(node, low, middle))
            low = middle
    proof.reverse()
    return proof


def consistency_proof(node: NodeReader, old: int, size: int) -> list[bytes]:
    """Return the RFC 6962 proof that the tree of `old` leaves is a prefix of the tree of `size` leaves."""
    if not 0 < old <= size:
        raise ValueError(f"no consistency proof from {old} to {size}")
    proof: list[bytes] = []
    low, high, whole = 0, size, True
    while old != high:
        middle = low + _split_point(high - low)
        if old <= middle:
            proof.append(range_hash(node, middle, high))
            high = middle
        else:
            proof.append(range_hash(node, low, middle))
            low, whole = middle, False
    if not whole:
        proof.append(range_hash(node, low, high))
    proof.reverse()
    return proof


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """True when `proof` shows that `leaf` is entry `index` of the tree of `size` leaves with this `root`."""
    if not 0 <= index < size or any(len(item) != HASH_BYTES for item in proof):
        return False
    position, last, value = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if position & 1 or position == last:
            value = node_hash(sibling, value)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            value = node_hash(value, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and value == root


def verify_consistency(old: int, size: int, proof: Sequence[bytes], old_root: bytes, root: bytes) -> bool:
    """True when `proof` shows that the tree of `old` leaves is a prefix of the tree of `size` leaves."""
    if not 0 < old <= size or any(len(item) != HASH_BYTES for item in proof):
        return False
    if old == size:
        return not proof and old_root == root
    steps = list(proof)
    if old & (old - 1) == 0:
        steps.insert(0, old_root)
    if not steps:
        return False
    position, last = old - 1, size - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    first = second = steps[0]
    for sibling in steps[1:]:
        if last == 0:
            return False
        if position & 1 or position == last:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            second = node_hash(second, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and first == old_root and second == root


def range_hash(node: NodeReader, low: int, high: int) -> bytes:
    """Return the hash over the leaves `[low, high)`, a subtree of an RFC 6962 tree."""
    parts: list[bytes] = []
    while low < high:
        level = (high - low).bit_length() - 1
        parts.append(node(level, low >> level))
        low += 1 << level
    if not parts:
        return EMPTY_ROOT
    value = parts.pop()
    while parts:
        value = node_hash(parts.pop(), value)
    return value


def leaf_nodes(leaf: Callable[[int], bytes]) -> NodeReader:
    """Return a node reader over a getter of leaf hashes; it remembers inner nodes, so ask it for many proofs."""
    known: dict[tuple[int, int], bytes] = {}

    def node(level: int, index: int) -> bytes:
        if level == 0:
            return leaf(index)
        value = known.get((level, index))
        if value is None:
            value = known[level, index] = node_hash(node(level - 1, 2 * index), node(level - 1, 2 * index + 1))
        return value

    return node


def tile_nodes(tile: Callable[[int, int], bytes | None], leaf: Callable[[int], bytes]) -> NodeReader:
    """Return a node reader over full tiles; `tile(level, n)` gives 8,192 bytes, or None while it is not full.

    It remembers the hashes of whole tiles and what is above them, at most one for 128 leaves, so ask it again.
    """
    known: dict[tuple[int, int], bytes] = {}

    def node(level: int, index: int) -> bytes:
        if level < TILE_LEVELS:
            return read(level, index)
        value = known.get((level, index))
        if value is None:
            value = known[level, index] = read(level, index)
        return value

    def read(level: int, index: int) -> bytes:
        row, height = divmod(level, TILE_LEVELS)
        first = index << height
        data = tile(row, first // TILE_WIDTH)
        if data is not None:
            start = first % TILE_WIDTH * HASH_BYTES
            return root(_split(data[start : start + (HASH_BYTES << height)]))
        if level == 0:
            return leaf(index)
        if height == 0:
            whole = tile(row - 1, index)
            if whole is not None:
                return root(_split(whole))
        return node_hash(node(level - 1, 2 * index), node(level - 1, 2 * index + 1))

    return node


def completed_tiles(size: int) -> list[tuple[int, int]]:
    """Return (level, n) of every tile that becomes full when the tree reaches exactly `size` leaves."""
    found: list[tuple[int, int]] = []
    level, width = 0, TILE_WIDTH
    while size and size % width == 0:
        found.append((level, size // width - 1))
        level, width = level + 1, width * TILE_WIDTH
    return found


def build_tile(node: NodeReader, level: int, n: int) -> bytes:
    """Return the 256 hashes (8,192 bytes) of the full tile `n` of a tile level, for C2SP `tile/level/n`."""
    return b"".join(node(level * TILE_LEVELS, n * TILE_WIDTH + i) for i in range(TILE_WIDTH))


def _split_point(width: int) -> int:
    return 1 << ((width - 1).bit_length() - 1)


def _split(data: bytes) -> list[bytes]:
    return [data[i : i + HASH_BYTES] for i in range(0, len(data), HASH_BYTES)]
