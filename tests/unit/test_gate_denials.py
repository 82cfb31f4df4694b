"""Which lines of sshd's log are refused requests, and that a flood of them is one record."""

import pytest

from quarterdeck.entrypoints.gate.denials import EVERY_SECONDS, Denials, denied
from quarterdeck.sessions.terms import Denied


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("refused local port forward: originator 127.0.0.1 port 65535, target 10.0.0.1 port 22", Denied.FORWARDING),
        ("refused streamlocal port forward: originator a port 0, target /run/docker.sock", Denied.FORWARDING),
        ("subsystem request for netconf by user root failed, subsystem not found", Denied.SUBSYSTEM),
        ("error: no more sessions", Denied.CHANNELS),
        ("no more sessions", Denied.CHANNELS),
        ("subsystem request for sftp by user root", None),
        ("Connection from 127.0.0.1 port 1 on 127.0.0.1 port 2", None),
        ("Accepted publickey for refused local port forward: originator x", None),
        ("", None),
    ],
)
def test_lines(line, what):
    assert denied(line) is what


class Boot:
    def __init__(self):
        self.at = 100.0

    def boot(self):
        return self.at


def test_a_flood_is_one_record_and_an_attempt_among_many_is_nobodys():
    told, clock = [], Boot()

    class Desk:
        def denied(self, what, serial):
            told.append((what, serial))

    denials = Denials(Desk(), clock, lambda work, then: then(work(), None))
    for _ in range(1000):
        denials.hear("error: no more sessions", lambda: {7})
    assert told == [(Denied.CHANNELS, 7)]
    denials.hear("error: no more sessions", lambda: {7, 8})
    denials.hear("error: no more sessions", lambda: set())
    assert told[1:] == [(Denied.CHANNELS, 0)]
    clock.at += EVERY_SECONDS
    denials.hear("error: no more sessions", lambda: {7})
    assert told[2:] == [(Denied.CHANNELS, 7)]
