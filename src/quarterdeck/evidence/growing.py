"""The tree over a log that is read from its beginning: full tiles are compared as they fill, roots on demand."""

from hashlib import sha256

from quarterdeck.evidence.rows import stored_tile
from quarterdeck_verify.merkle import TILE_WIDTH, Frontier


class GrowingTree:
    """The tree as it grows, tile by tile: `broken` are the full tiles that are not stored as they should be.

    A tile's own root is made from its 256 hashes at once, level by level: a hash costs as much as a call, so the calls
    are what to save.
    """

    def __init__(self) -> None:
        self.broken: list[tuple[int, int]] = []
        self._size = 0
        self._rows: list[list[bytes]] = [[]]
        # For roots asked for between: the edge over the first hashes of each row, as far as somebody asked.
        self._edges = [Frontier()]
        self._leaves = self._rows[0]

    def append(self, leaf: bytes) -> None:
        """Add a leaf hash."""
        self._size += 1
        self._leaves.append(leaf)
        if len(self._leaves) == TILE_WIDTH:
            self._fill(0)

    def _fill(self, level: int) -> None:
        row = self._rows[level]
        number = (self._size >> 8 * (level + 1)) - 1
        if stored_tile(level, number) != b"".join(row):
            self.broken.append((level, number))
        if level + 1 == len(self._rows):
            self._rows.append([])
            self._edges.append(Frontier())
        self._rows[level + 1].append(_root(row))
        row.clear()
        self._edges[level] = Frontier()
        if len(self._rows[level + 1]) == TILE_WIDTH:
            self._fill(level + 1)

    def root(self) -> bytes:
        """Return the root: the peaks of all levels are those of the whole."""
        for row, edge in zip(self._rows, self._edges, strict=True):
            for value in row[edge.size :]:
                edge.append(value)
        peaks = b"".join(edge.serialise()[8:] for edge in reversed(self._edges))
        return Frontier.deserialise(self._size.to_bytes(8, "big") + peaks).root()


def _root(row: list[bytes]) -> bytes:
    """Return the root over the 256 hashes of a full tile."""
    while len(row) > 1:
        pairs = iter(row)
        row = [sha256(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs, strict=True)]
    return row[0]
