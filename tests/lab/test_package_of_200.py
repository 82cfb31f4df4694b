"""A package of 200 tickets, accepted by every tool that an assessor may have: BagIt, sha256sum, ssh-keygen, openssl,
trestle, the verifier; and the logs of the hashing guide, row by row.
"""

import hashlib
import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import bagit
import pytest
from tests.clock import StillClock
from tests.package_shop import PackageShop
from tests.sealer_process import running_sealer
from tests.shop import FAST_HASHER
from tests.ticket_yard import build_yard

from quarterdeck.assessor import api as assessor
from quarterdeck.assessor import oscal
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import AnchorGrade
from quarterdeck.workflows import hash_artifacts, request
from quarterdeck.workflows.seal_checkpoint import seal
from quarterdeck_verify import package
from quarterdeck_verify.bundle import build_zipapp
from quarterdeck_verify.receipts import parse_receipts

pytestmark = pytest.mark.django_db
# A tenth is worked to the end; the others were asked for and withdrawn, which takes a fraction of the time.
TICKETS, CLOSED = 200, 20
PUBLISHED = re.compile(r"^SHA256\s+([A-Fa-f0-9]{64})\s+(.+)$")


@pytest.fixture
def shop(clock: StillClock, tmp_path: Path, settings) -> Iterator[PackageShop]:
    settings.PASSWORD_HASHERS = FAST_HASHER
    with running_sealer(tmp_path / "sealer", clock) as sealer:
        yield PackageShop(build_yard(clock, cui=False), sealer)


def run(folder: Path, *command: str, given: Path | None = None) -> str:
    with (given or Path("/dev/null")).open("rb") as stdin:
        done = subprocess.run(command, cwd=folder, stdin=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout[-500:]} {done.stderr[-1000:]}"
    return done.stdout


class Authority:
    """A time stamping authority of openssl: no certificates in the answer, ess_cert_id_alg sha256."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "tsa.cnf").write_text(
            "[req]\ndistinguished_name=dn\n[dn]\n[ext]\nbasicConstraints=critical,CA:true\n"
            "[tsa]\nextendedKeyUsage=critical,timeStamping\n"
            "[tsa_config]\nserial=serial\ncrypto_device=builtin\nsigner_digest=sha256\ndefault_policy=1.2.3.4.1\n"
            "digests=sha256\nordering=no\ntsa_name=no\ness_cert_id_chain=no\ness_cert_id_alg=sha256\n"
        )
        (folder / "serial").write_text("01\n")
        new = ["openssl", "req", "-config", "tsa.cnf", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc"]
        run(folder, *new, "-x509", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=CA", "-extensions", "ext")
        run(folder, *new, "-keyout", "tsa.key", "-out", "tsa.csr", "-subj", "/CN=TSA")
        run(folder, "openssl", "x509", "-req", "-in", "tsa.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAserial", "s",
            "-CAcreateserial", "-extfile", "tsa.cnf", "-extensions", "tsa", "-out", "tsa.pem")  # fmt: skip

    def stamp(self, body: bytes) -> bytes:
        """Return the TimeStampResp over these bytes, in DER."""
        (self.folder / "body").write_bytes(body)
        run(self.folder, "openssl", "ts", "-query", "-data", "body", "-sha256", "-cert", "-out", "q.tsq")
        run(self.folder, "openssl", "ts", "-reply", "-config", "tsa.cnf", "-section", "tsa_config", "-queryfile",
            "q.tsq", "-inkey", "tsa.key", "-signer", "tsa.pem", "-out", "r.tsr")  # fmt: skip
        return (self.folder / "r.tsr").read_bytes()


@pytest.mark.slow
def test_every_tool_accepts_a_package_of_200_tickets(shop: PackageShop, tmp_path: Path) -> None:
    numbers = []
    for place in range(TICKETS):
        numbers.append(shop.closed() if place % (TICKETS // CLOSED) == 0 else _withdrawn(shop))
        shop.clock.advance(hours=3)
    shop.anchor()
    authority = Authority(tmp_path / "tsa")
    stamped = seal(shop.sealer, reason="close")
    assert stamped is not None
    evidence.save_receipt(
        size=stamped.size, channel="rfc3161", target="tsa.example.test", grade=AnchorGrade.INDEPENDENT,
        sent_at=shop.clock.now(), receipt=_base64(authority.stamp(stamped.body)),
    )  # fmt: skip
    shop.tsa_root = (authority.folder / "ca.pem").read_bytes()
    path = shop.package(numbers=numbers)
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "out")
    folder = tmp_path / "out" / path.stem
    _check_bag_and_sums(folder)
    _check_signatures(shop, folder, tmp_path)
    _check_stamp(folder)
    _check_oscal(folder, tmp_path)
    _check_verifier(shop, path, tmp_path)
    _check_logs(shop, folder)


def _withdrawn(shop: PackageShop) -> str:
    number = shop.yard.submitted().number
    request.withdraw(shop.yard.actor("iris"), shop.clock, number, "The vendor fixed it on their side.")
    return number


def _base64(data: bytes) -> str:
    return subprocess.run(["openssl", "base64", "-A"], input=data, capture_output=True, check=True).stdout.decode()


def _check_bag_and_sums(folder: Path) -> None:
    bagit.Bag(str(folder)).validate()
    run(folder, sys.executable, "-m", "bagit", "--validate", ".")
    for manifest in (package.MANIFEST, package.TAG_MANIFEST):
        run(folder, "sha256sum", "--strict", "--quiet", "-c", manifest)


def _check_signatures(shop: PackageShop, folder: Path, tmp_path: Path) -> None:
    line = shop.sealer.status().allowed_signers
    (tmp_path / "allowed_signers").write_text(line)
    for namespace, signed, signature in (
        ("quarterdeck-package", package.TAG_MANIFEST, package.SIGNATURE),
        ("quarterdeck-checkpoint", package.CHECKPOINT, package.CHECKPOINT_SIGNATURE),
    ):
        run(folder, "ssh-keygen", "-Y", "verify", "-f", str(tmp_path / "allowed_signers"), "-I", line.split()[0],
            "-n", namespace, "-s", signature, given=folder / signed)  # fmt: skip


def _check_stamp(folder: Path) -> None:
    rows = parse_receipts((folder / package.RECEIPTS).read_bytes())
    (stamp,) = [row for row in rows if row.channel == "rfc3161"]
    told = run(
        folder, "openssl", "ts", "-verify", "-data", f"{package.ANCHORS}{stamp.size}.checkpoint",
        "-in", package.ANCHORS + stamp.file, "-CAfile", package.TSA_ROOT, "-untrusted", package.TSA_ROOT,
    )  # fmt: skip
    assert "Verification: OK" in told


def _check_oscal(folder: Path, tmp_path: Path) -> None:
    desk = tmp_path / "trestle"
    trestle = str(Path(sys.executable).with_name("trestle"))
    desk.mkdir()
    run(desk, trestle, "init", "--local")
    source = folder / "data" / "oscal" / "assessment-results.json"
    (desk / "assessment-results" / "package").mkdir(parents=True)
    shutil.copy(source, desk / "assessment-results" / "package" / "assessment-results.json")
    run(desk, trestle, "validate", "-t", "assessment-results", "-n", "package")
    document = json.loads(source.read_text())
    assert oscal.problems(document) == []
    for resource in document["assessment-results"]["back-matter"]["resources"]:
        for link in resource.get("rlinks", ()):
            content = (source.parent / link["href"]).read_bytes()
            assert all(one["value"] == hashlib.sha256(content).hexdigest() for one in link.get("hashes", ()))


def _check_verifier(shop: PackageShop, path: Path, tmp_path: Path) -> None:
    build_zipapp(tmp_path / "verify.pyz")
    (tmp_path / "kept.checkpoint").write_bytes(shop.kept[-1])
    told = run(
        tmp_path, sys.executable, "-I", "verify.pyz", str(path), "--signers", "allowed_signers",
        "--anchor", "kept.checkpoint", "--json",
    )  # fmt: skip
    assert json.loads(told)["verdict"] == "INTACT"


def _check_logs(shop: PackageShop, folder: Path) -> None:
    order, quinn = assessor.orders()[0], shop.yard.actor("quinn")
    log = b"".join(hash_artifacts.hashed_file(quinn, shop.clock, order.id, hash_artifacts.FILES[0]).chunks)
    rows = [line for line in log.decode("ascii").splitlines() if line.startswith("SHA256")]
    artifacts = sorted((folder / "data" / "artifacts").iterdir())
    assert len(rows) == len(artifacts) >= TICKETS
    for row, file in zip(sorted(rows, key=lambda row: row.split()[2]), artifacts, strict=True):
        match = PUBLISHED.match(row)
        assert match is not None
        assert (match[2], match[1].lower()) == (f"artifacts/{file.name}", hashlib.sha256(file.read_bytes()).hexdigest())
    assert hash_artifacts.compare_log(quinn, shop.clock, order.id, log).differences == ()
