"""Recordings of CUI assets leave encrypted, and common tools open them: OpenSSL by passphrase or certificate, age."""

import csv
import hashlib
import io
import json
import subprocess
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.app.test_assessor_report import PLAYER
from tests.clock import StillClock
from tests.package_scene import WORK, Scene
from tests.package_shop import PackageShop
from tests.sealer_process import running_sealer
from tests.shop import FAST_HASHER
from tests.ticket_yard import build_yard

from quarterdeck.adapters.envelopes import Envelopes
from quarterdeck.assessor import api as assessor
from quarterdeck.assessor import envelopes
from quarterdeck.assessor.api import Envelope
from quarterdeck.evidence import api as evidence
from quarterdeck.kernel.decision import Refused
from quarterdeck.workflows import export_package
from quarterdeck_verify import report
from quarterdeck_verify.verification import Verdict

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene(clock: StillClock, tmp_path: Path, settings) -> Iterator[Scene]:
    settings.PASSWORD_HASHERS = FAST_HASHER
    with running_sealer(tmp_path / "sealer", clock) as sealer:
        made = Scene(PackageShop(build_yard(clock), sealer, player=PLAYER), tmp_path / "tree")
        number = made.play()
        export_package.consent(made.shop.yard.actor("casey"), clock, number)
        yield made


def unpacked(path: Path, folder: Path) -> Path:
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    return folder / path.stem / "data"


def run(*command: object) -> None:
    subprocess.run([str(word) for word in command], check=True, capture_output=True)


def listed(data: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((data / "encrypted.csv").read_text())))


def check_opened(data: Path, scene: Scene, open_file) -> None:
    """Open every encrypted file and hold it against the list, which holds it against the ledger."""
    rows = {row["role"]: row for row in listed(data)}
    assert set(rows) == {"recording", "replay"}
    found = {}
    for role, row in rows.items():
        found[role] = open_file(data / row["file"])
        assert (hashlib.sha256(found[role]).hexdigest(), len(found[role])) == (row["sha256"], int(row["size"]))
    assert found["recording"] == WORK
    entry = next(e for e in evidence.entries(ticket=scene.number) if e.seq == int(rows["recording"]["seq"]))
    assert rows["recording"]["sha256"] in {item["sha256"] for item in entry.artifacts}
    assert b"Anonymous login successful" in found["replay"]


def test_with_the_passphrase_openssl_opens_every_file_and_the_package_is_intact(scene: Scene, tmp_path: Path) -> None:
    scene.shop.anchor()
    path = scene.shop.package(numbers=[scene.number], to="passphrase")
    found = scene.shop.verify(path)
    assert found.verdict is Verdict.INTACT
    assert [(row.role, row.reason) for row in found.encrypted] == [("recording", "encrypted")]
    assert "encrypted" not in {row.reason for row in found.withheld}
    text, told = report.as_text(found, "x"), json.loads(report.as_json(found, "x"))
    assert "Encrypted files:        1 encrypted to the reader, not opened here" in text
    assert ([row["sha256"] for row in told["encrypted"]]) == [hashlib.sha256(WORK).hexdigest()]
    data = unpacked(path, tmp_path / "out")
    assert scene.shop.passphrase
    (tmp_path / "said").write_text(scene.shop.passphrase)

    def opened(file: Path) -> bytes:
        target = tmp_path / "opened"
        key = data / "encrypted" / "locked-key.pem"
        run("openssl", "cms", "-decrypt", "-binary", "-inform", "DER", "-in", file, "-inkey", key, "-passin",
            f"file:{tmp_path / 'said'}", "-out", target)  # fmt: skip
        return target.read_bytes()

    check_opened(data, scene, opened)
    (tmp_path / "said").write_text("wrong")
    with pytest.raises(subprocess.CalledProcessError):
        opened(data / listed(data)[0]["file"])


def test_nothing_of_it_is_in_the_clear_and_the_passphrase_is_nowhere(scene: Scene, clock: StillClock) -> None:
    path = scene.shop.package(numbers=[scene.number], to="passphrase")
    with zipfile.ZipFile(path) as archive:
        everything = b"".join(archive.read(name) for name in archive.namelist())
        page = archive.read(f"{path.stem}/data/report.html").decode()
    assert b"Anonymous login" not in everything
    assert "encrypted to whom the package is for" in page
    said = scene.shop.passphrase.encode()
    assert said not in everything
    assert b"".join(entry.body for entry in evidence.entries()).find(said) < 0
    assert not [child for child in export_package.packages_dir().iterdir() if child.suffix != ".zip"]


@pytest.mark.parametrize("kind", [["rsa:2048"], ["ec", "-pkeyopt", "ec_paramgen_curve:P-384"]])
def test_with_the_assessors_own_certificate(scene: Scene, tmp_path: Path, kind: list[str]) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    run("openssl", "req", "-x509", "-newkey", *kind, "-noenc", "-keyout", key, "-out", certificate, "-subj", "/CN=A")
    path = scene.shop.package(numbers=[scene.number], to=certificate.read_text())
    assert scene.shop.passphrase == ""
    data = unpacked(path, tmp_path / "out")
    assert not (data / "encrypted" / "locked-key.pem").exists()

    def opened(file: Path) -> bytes:
        target = tmp_path / "o"
        run("openssl", "cms", "-decrypt", "-binary", "-inform", "DER", "-in", file, "-inkey", key, "-out", target)
        return (tmp_path / "o").read_bytes()

    check_opened(data, scene, opened)


def test_with_age(scene: Scene, tmp_path: Path) -> None:
    made = subprocess.run(["age-keygen", "-o", str(tmp_path / "key")], check=True, capture_output=True, text=True)
    path = scene.shop.package(numbers=[scene.number], to=made.stderr.split()[-1])
    data = unpacked(path, tmp_path / "out")

    def opened(file: Path) -> bytes:
        run("age", "--decrypt", "--identity", tmp_path / "key", "--output", tmp_path / "opened", file)
        return (tmp_path / "opened").read_bytes()

    check_opened(data, scene, opened)


def test_what_is_long_leaves_in_parts_that_fit_together(scene: Scene, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(envelopes, "PART_BYTES", 300)
    path = scene.shop.package(numbers=[scene.number], to="passphrase")
    data = unpacked(path, tmp_path / "out")
    (tmp_path / "said").write_text(scene.shop.passphrase)
    rows = [row for row in listed(data) if row["role"] == "recording"]
    assert [int(row["part"]) for row in rows] == list(range(1, -(-len(WORK) // 300) + 1))
    whole = b""
    for row in rows:
        run("openssl", "cms", "-decrypt", "-binary", "-inform", "DER", "-in", data / row["file"], "-inkey",
            data / "encrypted" / "locked-key.pem", "-passin", f"file:{tmp_path / 'said'}",
            "-out", tmp_path / "opened")  # fmt: skip
        whole += (tmp_path / "opened").read_bytes()
    assert whole == WORK


@pytest.mark.parametrize(
    "text", ["nobody", "age1short", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"]
)
def test_a_recipient_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(Refused) as refusal:
        export_package.address(Envelopes(), text)
    assert refusal.value.decision.codes == ("recipient.unusable",)


def test_an_order_turned_to_another_recipient_makes_nothing(scene: Scene) -> None:
    recipient, _ = export_package.address(Envelopes(), "passphrase")
    other, _ = export_package.address(Envelopes(), "passphrase")
    shop = scene.shop
    order = export_package.order_package(
        shop.yard.actor("quinn"), shop.clock, numbers=[scene.number], recipient=recipient
    )
    assert (order.recipient.envelope, order.recipient) == (Envelope.PASSPHRASE, recipient)
    assert assessor.check_order(order).allowed
    assert assessor.check_order(replace(order, recipient=other)).codes == ("package.unsealed",)
