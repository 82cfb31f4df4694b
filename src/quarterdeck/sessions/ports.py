"""What the gate needs from the world that decides: admission, standing and sealing."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Literal, Protocol

from quarterdeck.kernel.decision import Decision
from quarterdeck.sessions.terms import Admitted, Denied, Ending, Presented, Standing, Supervision


class AdmissionDesk(Protocol):
    """Decides and records for the gate; every method may be called from any thread of the warden."""

    def admit(self, presented: Presented) -> Admitted:
        """Begin a session in one locking transaction; raises `Refused`, having recorded the refusal."""

    def extend(self, certificate: bytes, minutes: int, reason: str) -> str:
        """Ask for more time in the name of a certificate's holder; return what became of it, or raise `Refused`."""

    def recheck(self, session: str) -> Decision:
        """Answer whether the session may still begin: same questions, nothing written."""

    def certify(self, session: str, public_key: str) -> str:
        """Return a target certificate (one OpenSSH line) for the session's own key; raises `Refused`."""

    def change_counter(self) -> int:
        """Return a number that differs after every committed change; raises when the database can't be read."""

    def revocation_mark(self) -> object:
        """Return a value that differs once access was taken away again; raises when the database can't be read."""

    def revoked(self) -> tuple[bytes, tuple[int, ...]]:
        """Return the revocation list for the gate's own `sshd` and its serials; raises when it can't be had now."""

    def standing(self, serials: Collection[int]) -> Mapping[int, Standing]:
        """Return for each entry certificate whether its holder may stay; an unknown serial is left out."""

    def supervision(self, sessions: Collection[str]) -> Mapping[str, Supervision]:
        """Return for each running session its orders, watchers and escort; an unknown one is left out."""

    def escort_left(self, session: str) -> None:
        """Record that the escort's presence at this session has lapsed; repeating it changes nothing."""

    def seal(self, ending: Ending) -> None:
        """Store the recording and record the end; safe to repeat after a failure."""

    def disconnected(self, sessions: Sequence[str], at: datetime) -> None:
        """Record that the network connection of ended sessions is gone."""

    def denied(self, what: Denied, serial: int) -> None:
        """Record what `sshd` refused to the holder of this entry certificate; 0 when nobody can tell who asked."""

    def orphans(self) -> Sequence[str]:
        """Return gate sessions that are still running in the books."""

    def still_connected(self) -> Sequence[str]:
        """Return ended gate sessions whose connection is not yet known to be gone."""


class TargetSigner(Protocol):
    """Where the certificate that opens a target comes from, and what was taken back."""

    def target(self, grant: str, session: str, public_key: str) -> str:
        """Return the certificate line for this grant and session; raises `Refused` when the signer says no."""

    def revoked(self, whose: Literal["entry", "target"]) -> tuple[bytes, tuple[int, ...]]:
        """Return the revocation list for the gate (`entry`) or for targets, and the serials that it names."""


class HeadKeeper(Protocol):
    """Who remembers the heads of running recordings outside the data folder."""

    def keep(self, session: str, count: int, head: str) -> None:
        """Hand one head over; raises OSError when the keeper does not answer."""
