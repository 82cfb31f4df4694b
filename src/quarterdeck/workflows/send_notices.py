"""Sending what waits: messages about tickets and about people, by mail; a mail that fails is tried again later."""

import logging
from typing import Protocol

from quarterdeck.kernel.clock import Clock
from quarterdeck.personnel import api as personnel
from quarterdeck.tickets import api as tickets

_log = logging.getLogger(__name__)


class Mailer(Protocol):
    """Hands one plain message in."""

    def send(self, address: str, subject: str, text: str) -> None:
        """Send it; OSError with a sentence when it was not taken."""


def send_notices(mailer: Mailer | None, clock: Clock, base_url: str) -> int:
    """Send every message that waits and return how many were taken; without mail they stay in the app."""
    if mailer is None:
        return 0
    sent = 0
    try:
        for notice in tickets.unsent_notices():
            link = f"{base_url}/tickets/{notice.ticket}"
            mailer.send(notice.address, notice.subject, f"{notice.text}\n{link}\nNothing is decided from a mail.\n")
            tickets.mark_notice_sent(notice.id, clock.now())
            sent += 1
        for told in personnel.unsent_notices():
            mailer.send(told.address, told.subject, told.text)
            personnel.mark_notice_sent(told.id, clock.now())
            sent += 1
    except OSError as error:
        _log.warning("messages wait: %s", error)
    return sent
