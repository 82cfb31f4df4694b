"""A second zip from some members of a package, streamed: nothing is read twice and nothing is kept.

Sizes and checksums are known from the package, so the length is known before the first byte leaves.
"""

from collections.abc import Iterator, Mapping
from contextlib import closing

from quarterdeck_verify import zipformat
from quarterdeck_verify.container import CHUNK, ContainerError, ZipContainer


class Repacked:
    """The zip of a package's members under other names, in one folder `base`."""

    def __init__(self, source: ZipContainer, base: str, names: Mapping[str, str]) -> None:
        self._source = source
        renamed = sorted((new, old) for old, new in names.items())
        self._members = [(f"{base}/{new}".encode("ascii"), old) for new, old in renamed]

    def size(self) -> int:
        """Return how many bytes the zip has."""
        total, records = 0, 0
        for raw, name in self._members:
            size, crc = self._source.told(name)
            records += len(zipformat.central_header(raw, size, crc, total))
            total += len(zipformat.local_header(raw, size, crc)) + size
        return total + records + len(zipformat.end_records(len(self._members), records, total))

    def chunks(self) -> Iterator[bytes]:
        """Yield the zip; ContainerError when the package turns out to be cut off. Closes the package at the end."""
        with closing(self._source):
            records, offset = [], 0
            for raw, name in self._members:
                size, crc = self._source.told(name)
                records.append(zipformat.central_header(raw, size, crc, offset))
                header = zipformat.local_header(raw, size, crc)
                yield header
                yield from self._content(name, size)
                offset += len(header) + size
            directory = b"".join(records)
            yield directory + zipformat.end_records(len(records), len(directory), offset)

    def _content(self, name: str, size: int) -> Iterator[bytes]:
        stream, left = self._source.open(name), size
        while chunk := stream.read(CHUNK):
            left -= len(chunk)
            yield chunk
        if left:
            raise ContainerError("it ends too early", name)
