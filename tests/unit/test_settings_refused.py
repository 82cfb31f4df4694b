"""Settings that cannot be used: one sentence each, by the name that people set, before anything starts."""

import os
import subprocess
import sys

import pytest

from quarterdeck.config import api as config
from quarterdeck.config.api import Settings, WrongSettings, implicit_tls


@pytest.fixture
def told(monkeypatch):
    def read(**knobs: str) -> Settings:
        for name, value in knobs.items():
            monkeypatch.setenv(f"QD_{name.upper()}", value)
        return config.load.__wrapped__()

    return read


LOGIN = {"smtp_host": "mail.example.org", "smtp_user": "us", "smtp_password_file": "/run/secret"}


@pytest.mark.parametrize(
    ("knobs", "sentence"),
    [
        (LOGIN, "QD_SMTP_USER: its password goes to mail.example.org unencrypted; set QD_SMTP_STARTTLS=true"),
        (LOGIN | {"smtp_host": "192.0.2.7"}, "192.0.2.7 unencrypted"),
        ({"smtp_host": "localhost", "smtp_user": "us"}, "QD_SMTP_USER is set without QD_SMTP_PASSWORD_FILE"),
        ({"time_zone": "Mars"}, "QD_TIME_ZONE: 'Mars' is no IANA time zone"),
        ({"tsa_url": "https://" + "a" * 250}, "QD_TSA_URL: String should have at most 254 characters"),
        ({"web_port": "0"}, "QD_WEB_PORT: Input should be greater than or equal to 1"),
    ],
)
def test_each_is_refused_by_a_sentence(told, knobs, sentence):
    with pytest.raises(WrongSettings) as refused:
        told(**knobs)
    assert sentence in str(refused.value)
    assert "pydantic" not in str(refused.value)


@pytest.mark.parametrize(
    "more",
    [
        {"smtp_starttls": "true"},
        {"smtp_tls": "true"},
        {"smtp_port": "465"},
        {"smtp_host": "localhost"},
        {"smtp_host": "127.0.0.1"},
        {"smtp_host": "::1"},
        {"smtp_host": ""},
    ],
)
def test_a_login_that_nobody_overhears_is_taken(told, more):
    assert told(**LOGIN | more).smtp_user == "us"


def test_port_465_means_tls_from_the_first_byte(told):
    assert implicit_tls(told(smtp_port="465"))
    assert not implicit_tls(told(smtp_port="587"))
    assert implicit_tls(told(smtp_port="2465", smtp_tls="true"))


@pytest.mark.parametrize("verb", ["init", "up", "doctor", "backup", "ledger verify", "ledger key", "restore"])
def test_every_operators_verb_says_it_without_a_traceback(tmp_path, verb):
    words = [*verb.split(), *{"backup": [str(tmp_path / "b")], "restore": [str(tmp_path)]}.get(verb, [])]
    settings = {f"QD_{name.upper()}": value for name, value in LOGIN.items()}
    environ = {**os.environ, **settings, "QD_DATA_DIR": str(tmp_path / "data")}
    environ["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    command = [sys.executable, "-m", "quarterdeck.entrypoints.cli", *words]
    ran = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60)
    assert (ran.returncode, "Traceback" in ran.stderr) == (1, False), ran.stderr
    assert "set QD_SMTP_STARTTLS=true" in ran.stderr
    assert not (tmp_path / "data").exists()
