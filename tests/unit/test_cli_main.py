"""`qd` as a program: exit codes, no traceback, no Django, nothing that a server sends steers the terminal."""

import hashlib
import os
import subprocess
import sys

import pytest

from quarterdeck.entrypoints.cli.main import main, parser
from quarterdeck.entrypoints.cli.server import Failed, server_url
from quarterdeck.entrypoints.cli.showing import clean, table


@pytest.fixture(autouse=True)
def nobody_logged_in(tmp_path, monkeypatch):
    monkeypatch.setenv("QD_TOKEN_FILE", str(tmp_path / "token"))


def qd(*words):
    environment = {**os.environ, "PYTHONPATH": "src"}
    command = [sys.executable, "-m", "quarterdeck.entrypoints.cli", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL)


def test_without_login_a_verb_fails_with_the_next_step(capsys):
    assert main(["tickets"]) == 1
    assert capsys.readouterr().err == "qd: You are not logged in. Run `qd login`.\n"


@pytest.mark.parametrize("words", ["", "dance", "ticket", "ticket approve", "ticket close MT-2026-00001"])
def test_wrong_usage_is_exit_code_2(words):
    with pytest.raises(SystemExit) as ended:
        main(words.split())
    assert ended.value.code == 2


@pytest.mark.parametrize("number", ["../login", "MT-2026-00001/../../x", "", "MT 1"])
def test_a_malformed_number_never_becomes_a_path(number, capsys):
    assert main(["ticket", "submit", number]) == 1
    assert "no ticket number" in capsys.readouterr().err


def test_a_decision_without_terminal_needs_the_hash(capsys):
    assert main(["ticket", "approve", "MT-2026-00001", "--role", "approver", "--reason", "fine"]) == 1
    assert "not logged in" in capsys.readouterr().err


@pytest.mark.parametrize("url", ["http://qd.example.test", "http://192.0.2.1:8600", "ftp://127.0.0.1", "127.0.0.1", ""])
def test_no_secret_goes_over_an_unencrypted_or_unknown_way(url, monkeypatch):
    monkeypatch.setenv("QD_URL", url)
    if not url:
        assert server_url() == "http://127.0.0.1:8600"
        return
    with pytest.raises(Failed):
        server_url()


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/", "http://[::1]:9", "http://localhost:9", "https://qd.example.test"])
def test_loopback_and_https_are_fine(url, monkeypatch):
    monkeypatch.setenv("QD_URL", url)
    assert server_url() == url.rstrip("/")


def test_the_url_comes_from_the_configuration_too(tmp_path, monkeypatch):
    monkeypatch.delenv("QD_URL", raising=False)
    (tmp_path / "qd.toml").write_text('url = "https://qd.example.test"\n')
    monkeypatch.setenv("QD_CONFIG", str(tmp_path / "qd.toml"))
    assert server_url() == "https://qd.example.test"


def test_what_a_server_sends_cannot_steer_the_terminal():
    assert clean("a\x1b]52;c;eA==\x07b\u202ec\u200bd\x9bm\ne") == "a ]52;c;eA== b c d m e"


def test_a_table_is_aligned():
    rows = [{"a": "x", "b": True}, {"a": "longer", "b": None}]
    assert table(rows, {"A": "a", "B": "b"}).splitlines() == ["A       B", "x       yes", "longer"]


def test_every_verb_says_what_it_does():
    def walk(made):
        for action in made._actions:
            if hasattr(action, "choices") and isinstance(action.choices, dict):
                for child in action.choices.values():
                    assert child.description
                    walk(child)

    walk(parser())


def test_the_program_starts_without_django():
    code = "import sys, quarterdeck.entrypoints.cli.main; print(sorted(n for n in sys.modules if 'django' in n))"
    environment = {**os.environ, "PYTHONPATH": "src"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_version_is_the_packages():
    assert qd("--version").stdout == "qd 0.1.0\n"


def test_verify_is_the_verifier_itself(tmp_path):
    done = qd("verify", str(tmp_path / "nothing.zip"))
    assert done.returncode in {1, 2}
    assert "Traceback" not in done.stderr


def test_the_verifiers_digest_is_that_of_the_file_it_writes(tmp_path):
    written = qd("verify", "--write", str(tmp_path / "verify.pyz"))
    assert written.returncode == 0
    digest = hashlib.sha256((tmp_path / "verify.pyz").read_bytes()).hexdigest()
    assert qd("verify", "--digest").stdout == f"{digest}  verify.pyz\n"


def test_an_unreachable_server_is_a_sentence(tmp_path, monkeypatch):
    token = tmp_path / "token"
    token.write_text('{"url": "http://127.0.0.1:9", "email": "a", "secret": "b", "expires_at": ""}')
    token.chmod(0o600)
    monkeypatch.setenv("QD_URL", "http://127.0.0.1:9")
    done = qd("tickets")
    assert done.returncode == 1
    assert "does not answer" in done.stderr
    assert "Traceback" not in done.stderr
