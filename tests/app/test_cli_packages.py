"""Packages at the terminal, with what people get wrong: a clear sentence, an exit code, nothing half written."""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.package_shop import PackageShop
from tests.sealer_process import running_sealer
from tests.shop import FAST_HASHER, password_of
from tests.web_shop_floor import RealClock, closed, floor

from quarterdeck.assessor import api as assessor
from quarterdeck.entrypoints.cli import token_file
from quarterdeck.personnel import api as personnel

pytestmark = pytest.mark.django_db(transaction=True)
Qd = Callable[..., subprocess.CompletedProcess[str]]
CLI = [sys.executable, "-m", "quarterdeck.entrypoints.cli"]


@dataclass
class Desk:
    """A finished package on a server, and the assessor's terminal in an own folder."""

    shop: PackageShop
    folder: Path
    number: str
    order: str
    sha256: str

    def qd(self, *words: str, most_bytes: int = 0) -> subprocess.CompletedProcess[str]:
        """Run `qd` here; with `most_bytes` no file may grow larger, as on a full disk."""
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        return subprocess.run(
            [*CLI, *words], cwd=self.folder, env=environ, capture_output=True, text=True, timeout=60,
            preexec_fn=(lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, -1))) if most_bytes else None,
        )  # fmt: skip

    def refused(self, sentence: str, *words: str, most_bytes: int = 0) -> None:
        """Run `qd`, which says this, ends with 1 and leaves the folder as it was."""
        before = sorted(self.folder.rglob("*"))
        ran = self.qd(*words, most_bytes=most_bytes)
        assert (ran.returncode, "Traceback" in ran.stderr) == (1, False), (words, ran.stderr)
        assert sentence in ran.stderr, words
        assert sorted(self.folder.rglob("*")) == before, words


@pytest.fixture
def desk(tmp_path: Path, settings, live_server, monkeypatch) -> Iterator[Desk]:
    settings.PASSWORD_HASHERS = FAST_HASHER
    with running_sealer(tmp_path / "sealer", RealClock()) as sealer:
        shop = floor(sealer)
        number = closed(shop)
        shop.package(numbers=[number])
        order = assessor.orders()[0]
        people, mail = shop.yard.shop, "quinn@example.test"
        secret, _ = personnel.issue_token(mail, password_of("quinn"), people.totp("quinn"), clock=shop.clock)
        for name, value in (("HOME", tmp_path), ("XDG_CONFIG_HOME", tmp_path / "config"), ("QD_URL", live_server.url)):
            monkeypatch.setenv(name, str(value))
        token_file.write(token_file.Token(live_server.url, mail, secret, "2099-01-01T00:00:00Z"))
        folder = tmp_path / "desk"
        folder.mkdir()
        yield Desk(shop, folder, number, order.id, order.sha256)


def test_hashes_are_fetched_and_a_log_of_theirs_is_compared(desk: Desk) -> None:
    made = desk.qd("package", "hashes", desk.order, "--output", "handover")
    assert made.returncode == 0, made.stderr
    log = desk.folder / "handover" / "CMMCAssessmentArtifacts.log"
    same = desk.qd("package", "compare", desk.order, str(log))
    assert (same.returncode, "files have the same hash." in same.stdout) == (0, True), same.stderr
    lines = log.read_text().splitlines(keepends=True)
    wrong = next(line for line in lines if line.startswith("SHA256"))
    path, ours = wrong.split()[2], wrong.split()[1]
    bent = desk.folder / "bent.log"
    bent.write_text("".join(line.replace(ours, "0" * 64) for line in lines))
    differs = desk.qd("package", "compare", desk.order, str(bent))
    assert differs.returncode == 1
    assert f"changed  {path}" in differs.stdout, "the whole path, however long"
    assert ours.lower() in differs.stdout
    told = json.loads(desk.qd("package", "compare", desk.order, str(bent), "--json").stdout)
    assert [one["kind"] for one in told["differences"]] == ["changed"]
    desk.refused("is there already", "package", "hashes", desk.order, "--output", "handover")


def test_what_cannot_be_compared_or_fetched_is_said(desk: Desk) -> None:
    (desk.folder / "notes.txt").write_text("no log")
    refused = desk.refused
    refused("none.log cannot be read", "package", "compare", desk.order, "none.log")
    refused("This is no log of ArtifactHash.ps1", "package", "compare", desk.order, "notes.txt")
    refused("There is no such package", "package", "compare", "pk_none", "notes.txt")
    refused("There is no such package", "package", "download", "pk_none")
    refused("There is nothing at this address", "package", "hashes", "../../tickets")
    refused("notes.txt/x cannot be made", "package", "hashes", desk.order, "--output", "notes.txt/x")
    refused("none is no folder", "package", "download", desk.order, "--output", "none/p.zip")
    refused("is a folder; name a file", "package", "download", desk.order, "--output", ".")


def test_a_full_disk_leaves_nothing(desk: Desk) -> None:
    said = "cannot be written (File too large). Nothing is left of it"
    desk.refused(said, "package", "download", desk.order, "--output", "p.zip", most_bytes=50_000)
    desk.refused(said, "package", "hashes", desk.order, "--output", ".", most_bytes=1_000)
    whole = desk.qd("package", "download", desk.order, "--output", "p.zip")
    assert (whole.returncode, desk.sha256 in whole.stdout) == (0, True), whole.stderr


def test_what_no_package_can_be_made_of_is_said_before_anything_is_made(desk: Desk) -> None:
    export = ("package", "export")
    for sentence, words in (
        ("There is no ticket MT-2026-99999", ("--ticket", "MT-2026-99999")),
        ("a ticket number looks like", ("--ticket", "nonsense")),
        ("since: Input should be a valid datetime", ("--from", "yesterday", "--until", "2026-11-30T00:00:00Z")),
        ("The period ends before it starts", ("--from", "2026-11-02T00:00:00Z", "--until", "2026-11-01T00:00:00Z")),
        ("The period lies in the future", ("--from", "2190-11-01T00:00:00Z", "--until", "2190-11-30T00:00:00Z")),
        ("a moment lies in the years 2000 to 2200", ("--from", "0001-01-01T00:00:00Z", "--until", "2026-11-30")),
        ("a period with --from and --until", ("--from", "2026-11-01T00:00:00Z")),
        ("A practice is named twice, or is none", ("--practice", "MA.L2-9.9.9")),
        ("No practice begins with ZZ", ("--practice", "ZZ")),
        ("is no certificate file that can be read", ("--ticket", desk.number, "--encrypt-to", "none.pem")),
        ("none is no folder", ("--ticket", desk.number, "--output", "none/p.zip")),
    ):
        desk.refused(sentence, *export, *words)
    assert len(assessor.orders()) == 1, "nothing was ordered"
