"""What attached evidence needs of others."""

from typing import Protocol


class Source(Protocol):
    """Where the bytes of a chunk come from: a request, or a file."""

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes, none at the end."""
