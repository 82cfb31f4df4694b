"""How restic is called: password through environment or file, never an argument; only a private credential file."""

import os
from pathlib import Path

import pytest
from tests.backup_products import PASSWORD, FolderSetup

from quarterdeck.adapters.restic import Restic
from quarterdeck.backups.api import ProductFailed

SHOW = '#!/bin/sh\nfor a in "$@"; do echo "$a"; done > {0}/arguments\nenv > {0}/environment\necho "[]"\n'


@pytest.fixture
def setup(tmp_path: Path) -> FolderSetup:
    program = tmp_path / "restic-that-shows"
    program.write_text(SHOW.format(tmp_path))
    program.chmod(0o755)
    return FolderSetup(tmp_path)


def call(setup: FolderSetup) -> tuple[str, str]:
    product = Restic(program=str(setup.folder / "restic-that-shows"))
    assert product.latest_snapshot(setup.source(host="fs01", path="/srv/x", tag="nightly")) is None
    return (setup.folder / "arguments").read_text(), (setup.folder / "environment").read_text()


def test_a_bare_password_file_is_named_to_restic_and_not_read_into_arguments(setup: FolderSetup):
    arguments, environment = call(setup)
    assert PASSWORD not in arguments + environment
    assert f"RESTIC_PASSWORD_FILE={setup.credential}" in environment
    assert arguments.split()[2:] == [
        "snapshots", "--json", "--latest=1", "--host=fs01", "--path=/srv/x", "--tag=nightly",
    ]  # fmt: skip


def test_a_file_of_names_and_values_becomes_the_environment(setup: FolderSetup):
    setup.credential.write_text(
        f"RESTIC_PASSWORD={PASSWORD}\n# a remark\nAWS_ACCESS_KEY_ID=key\n\nAWS_SECRET_ACCESS_KEY=s=x\n"
    )
    arguments, environment = call(setup)
    assert PASSWORD not in arguments
    assert f"RESTIC_PASSWORD={PASSWORD}\n" in environment
    assert "AWS_SECRET_ACCESS_KEY=s=x\n" in environment


def test_the_environment_of_this_process_does_not_reach_restic(setup: FolderSetup, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("RESTIC_PASSWORD_COMMAND", "id")
    monkeypatch.setenv("QD_SECRET_OF_OURS", "x")
    environment = call(setup)[1]
    assert "RESTIC_PASSWORD_COMMAND" not in environment
    assert "QD_SECRET_OF_OURS" not in environment


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_credential_that_others_can_read_is_refused(setup: FolderSetup, mode: int):
    setup.credential.chmod(mode)
    with pytest.raises(ProductFailed, match="chmod 600"):
        call(setup)


def test_a_link_as_credential_is_refused(setup: FolderSetup):
    real = setup.folder / "real"
    setup.credential.rename(real)
    setup.credential.symlink_to(real)
    with pytest.raises(ProductFailed, match="can't be opened"):
        call(setup)


def test_a_pipe_as_credential_is_refused_and_does_not_wait(setup: FolderSetup):
    setup.credential.unlink()
    os.mkfifo(setup.credential, 0o600)
    with pytest.raises(ProductFailed):
        call(setup)


def test_a_credential_file_that_sets_something_else_is_refused(setup: FolderSetup):
    setup.credential.write_text("RESTIC_PASSWORD=x\nLD_PRELOAD=/tmp/x.so\n")
    with pytest.raises(ProductFailed, match="not a credential"):
        call(setup)


def test_a_missing_program_is_a_sentence(setup: FolderSetup):
    with pytest.raises(ProductFailed, match="apt install restic"):
        Restic(program="restic-of-nowhere").latest_snapshot(setup.source())


@pytest.mark.parametrize(
    "answer",
    [
        "not json",
        '{"a": 1}',
        "\\377\\376",
        '[{"id": 5, "time": "2026-11-23T00:00:00Z"}]',
        '[{"id": "x", "time": "soon"}]',
        '[{"id": "x"}]',
    ],
)
def test_an_answer_that_cannot_be_read_is_a_sentence(setup: FolderSetup, answer: str):
    program = setup.folder / "restic-that-shows"
    program.write_text(f"#!/bin/sh\nprintf '%b' '{answer}'\n")
    with pytest.raises(ProductFailed, match="restic"):
        Restic(program=str(program)).latest_snapshot(setup.source())
