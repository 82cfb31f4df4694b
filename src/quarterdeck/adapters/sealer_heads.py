"""Hands the heads of running recordings to the sealer: fulfils sessions.ports.HeadKeeper."""

from dataclasses import dataclass

from quarterdeck.adapters.sealer_client import SealerClient
from quarterdeck.kernel.decision import Refused


@dataclass(frozen=True, slots=True)
class SealerHeads:
    """The sealer as the gate sees it."""

    sealer: SealerClient

    def keep(self, session: str, count: int, head: str) -> None:
        """Hand one head over; OSError when the sealer does not answer or refuses a rewound recording."""
        try:
            self.sealer.keep_head(session, count, head)
        except Refused as refused:
            raise OSError(str(refused)) from refused
