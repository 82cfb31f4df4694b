"""`qd extend`, `qd extension` and `qd revoke` against a server: what they say, what they refuse, what they do."""

import os
import subprocess
import sys
from datetime import timedelta

import pytest
from tests.shop import FAST_HASHER, password_of
from tests.ticket_steps import BEFORE_OPEN, bring
from tests.ticket_yard import build_yard

from quarterdeck.access import api as access
from quarterdeck.entrypoints.cli import token_file
from quarterdeck.entrypoints.cli.token_file import Token
from quarterdeck.kernel.clock import SystemClock
from quarterdeck.kernel.windows import Window
from quarterdeck.personnel import api as personnel
from quarterdeck.tickets import api as tickets
from quarterdeck.workflows import open_window

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def yard(settings):
    settings.PASSWORD_HASHERS = FAST_HASHER
    return build_yard(SystemClock())


@pytest.fixture
def number(yard):
    now = yard.clock.now()
    number = yard.scheduled(window=Window(now - timedelta(minutes=1), now + timedelta(hours=1))).number
    bring(yard, number, BEFORE_OPEN)
    open_window.open_ticket(yard.actor("max"), yard.clock, number)
    return number


@pytest.fixture
def qd(yard, live_server, monkeypatch, tmp_path):
    """Return a function that runs `qd` as a person and gives exit code and what was printed."""
    monkeypatch.setenv("QD_URL", live_server.url)
    tokens = {}

    def run(key, *words):
        if key not in tokens:
            secret, _ = personnel.issue_token(
                f"{key}@example.test", password_of(key), yard.shop.totp(key), clock=yard.clock
            )
            tokens[key] = tmp_path / key
            monkeypatch.setenv("QD_TOKEN_FILE", str(tokens[key]))
            token_file.write(Token(live_server.url, f"{key}@example.test", secret, "2099-01-01T00:00:00Z"))
        monkeypatch.setenv("QD_TOKEN_FILE", str(tokens[key]))
        argv = [sys.executable, "-P", "-m", "quarterdeck.entrypoints.cli", *words]
        done = subprocess.run(
            argv, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    return run


def test_more_time_is_asked_and_granted(yard, number, qd):
    until = tickets.ticket(number).window.until
    code, said = qd("max", "extend", number, "--minutes", "30", "--reason", "One disk is slow.")
    assert (code, "An approver and the CUI owner decide." in said) == (0, True), said
    code, said = qd("avery", "extension", "grant", number, "--role", "approver", "--reason", "Fine.")
    assert code == 0
    assert "One disk is slow." in said
    assert qd("casey", "extension", "grant", number, "--role", "cui_owner", "--reason", "Fine.")[0] == 0
    assert tickets.ticket(number).window.until == until + timedelta(minutes=30)
    code, said = qd("casey", "extension", "grant", number, "--role", "cui_owner", "--reason", "Fine.")
    assert code == 1
    assert "No more time waits" in said
    assert "granted" in qd("max", "extension", "list", number)[1]
    code, said = qd("max", "extend", number, "--until", "tomorrow", "--reason", "More.")
    assert (code, "is no moment" in said) == (1, True)


def test_access_is_revoked_listed_and_lifted(yard, number, qd):
    code, said = qd("avery", "revoke", "person", "max@example.test", "--reason", "Lost laptop.")
    assert (code, "Nothing was revoked" in said) == (1, True), said
    code, said = qd("avery", "revoke", "person", "max@example.test", "--reason", "Lost laptop.", "--yes")
    assert code == 0, said
    assert "This ends no access grants and no running sessions." in said
    assert access.not_revoked(yard.shop.ids["max"], number).codes == ("access.stopped",)
    assert "Lost laptop." in qd("avery", "revoke", "list")[1]
    code, said = qd("max", "revoke", "lift", "person", "max@example.test", "--reason", "It was nothing.")
    assert code == 1
    assert qd("iris", "revoke", "lift", "person", "max@example.test", "--reason", "Found again.")[0] == 0
    assert "Nothing is revoked." in qd("avery", "revoke", "list")[1]


def test_everything_and_a_ticket(yard, number, qd):
    assert qd("avery", "revoke", "everything", "--reason", "Something is wrong.", "--yes")[0] == 0
    code, said = qd("avery", "revoke", "lift", "everything", "--reason", "Never mind.")
    assert code == 1
    assert "does not lift it alone" in said
    assert qd("iris", "revoke", "lift", "everything", "--reason", "Nothing found.")[0] == 0
    code, said = qd("iris", "revoke", "ticket", number, "--reason", "Wrong machine.", "--yes")
    assert f"The work of {number} is over" in said
