"""What a follower of a file transfer is to the traffic that it follows. Pure."""

from typing import Protocol


class BrokenProtocol(Exception):
    """The bytes are not what such a transfer says; its sentence is for the person."""


class Audit(Protocol):
    """Follows both directions of one channel; nothing reaches the other side that it has not seen.

    `hashes` says that each file gets a hash of its own, so that the streams need none. `client_waits` and
    `server_waits` say that no more of that side is wanted until the other has answered.
    """

    @property
    def hashes(self) -> bool:
        """True when the files are told apart and hashed."""

    @property
    def was_answered(self) -> bool:
        """True once the target has said what such a target says first; a protocol without a greeting is always True."""

    @property
    def client_waits(self) -> bool:
        """True while no more of the client is wanted."""

    @property
    def server_waits(self) -> bool:
        """True while no more of the target is wanted."""

    def from_client(self, chunk: bytes) -> bytes | memoryview:
        """Take bytes of the client, return what may go to the target; raises BrokenProtocol."""

    def from_server(self, chunk: bytes) -> bytes | memoryview:
        """Take bytes of the target, return what may go to the client; raises BrokenProtocol."""

    def for_target(self) -> bytes | memoryview:
        """Return what waited and may go to the target now."""

    def for_client(self) -> bytes | memoryview:
        """Return what waited, or is an answer of our own, and may go to the client now."""

    def farewell(self, sentence: str) -> bytes:
        """Return what tells the client in its own protocol why the session ends now; empty where that can't be said."""

    def finish(self, *, complete: bool) -> None:
        """Tell of what was still under way at the end; `complete` when the target said that all went well."""
