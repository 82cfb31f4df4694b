"""Signed approvals end to end: given on the pages and over REST, packed by the product, judged by its `verify.pyz`."""

import base64
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from tests.api_caller import Caller
from tests.app.test_signed_approvals import asked, decide, registered
from tests.attack.package_fixture import pack, remanifest, unpack
from tests.package_shop import PackageShop
from tests.sealer_process import running_sealer
from tests.shop import FAST_HASHER
from tests.ticket_yard import build_yard
from tests.web_visitor import sign_in

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import ArtifactRef
from quarterdeck.kernel.clock import SystemClock
from quarterdeck.kernel.windows import Window
from quarterdeck.personnel import api as personnel
from quarterdeck.tickets import api as tickets
from quarterdeck.workflows import sign_approval
from quarterdeck_verify import bundle
from quarterdeck_verify.entry import canonical

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass
class Stranger:
    """Somebody with the package's bytes, the verifier, the pin and a checkpoint: and nothing of ours."""

    folder: Path
    data: bytes

    def judge(self, data: bytes) -> dict:
        """Return the JSON report of `verify.pyz`, run as an assessor runs it."""
        (self.folder / "package.zip").write_bytes(data)
        argv = [sys.executable, "-I", "verify.pyz", "package.zip", "--signers", "pin", "--anchor", "kept", "--json"]
        ran = subprocess.run(argv, cwd=self.folder, capture_output=True, text=True, check=False, timeout=120)
        assert ran.stderr == ""
        return json.loads(ran.stdout)

    def judge_own(self) -> dict:
        """Return the report on the package as it came."""
        return self.judge(self.data)

    @property
    def base(self) -> str:
        with zipfile.ZipFile(BytesIO(self.data)) as archive:
            return archive.namelist()[0].partition("/")[0]

    def files(self) -> dict[str, bytes]:
        """Return the signatures' files by their path."""
        return {
            name: data
            for name, data in unpack(self.data).items()
            if name.startswith("data/artifacts/") and b'"statement":' in data
        }

    def with_file(self, path: str, data: bytes) -> bytes:
        """Return the package with another file there and every manifest made anew, as a forger would."""
        return pack(remanifest(unpack(self.data) | {path: data}), self.base)


def ssh_signed(key: Path, text: str) -> str:
    argv = ["ssh-keygen", "-Y", "sign", "-q", "-f", str(key), "-n", "quarterdeck-approval"]
    return subprocess.run(argv, input=text.encode(), capture_output=True, check=True).stdout.decode()


def approve_by_passkey(shop: PackageShop, *numbers: str) -> None:
    """The approver, on the pages of the decisions."""
    avery = sign_in(shop.yard.shop, "avery")
    key = registered(avery)
    for number in numbers:
        decide(avery, number, assertion=json.dumps(key.signed(asked(avery, number))))


def later(shop: PackageShop) -> Window:
    now = shop.clock.now()
    return Window(now + timedelta(hours=5), now + timedelta(hours=6))


def approve_by_key(shop: PackageShop, number: str, key: Path) -> None:
    """The CUI owner, over REST, with a key that `ssh-keygen` made."""
    yard = shop.yard
    subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", str(key)], check=True)
    public = key.with_suffix(".pub").read_text()
    personnel.register_key(yard.shop.ids["casey"], public, actor=yard.actor("casey"), clock=yard.clock)
    caller = Caller(yard.shop, "casey")
    told = caller.call("get", f"/tickets/{number}/approval-statement?role=cui_owner").json()
    body = {
        "role": "cui_owner",
        "content_hash": told["content_hash"],
        "reason": "Sound.",
        "statement": told["statement"],
    }
    answer = caller.call("post", f"/tickets/{number}/approve", body | {"signature": ssh_signed(key, told["statement"])})
    assert answer.status_code == 200, answer.content


@pytest.fixture
def shop(tmp_path: Path, settings: object) -> Iterator[PackageShop]:
    settings.PASSWORD_HASHERS = FAST_HASHER  # type: ignore[attr-defined]
    with running_sealer(tmp_path / "sealer", SystemClock()) as sealer:  # type: ignore[arg-type]
        yield PackageShop(build_yard(SystemClock()), sealer)  # type: ignore[arg-type]


def handed_out(shop: PackageShop, folder: Path, *numbers: str) -> Stranger:
    """The package of these tickets, and what the stranger got by another way."""
    folder.mkdir()
    shop.anchor()
    data = shop.package(numbers=list(numbers)).read_bytes()
    (folder / "pin").write_text(shop.sealer.status().allowed_signers)
    (folder / "kept").write_bytes(shop.kept[-1])
    bundle.build_zipapp(folder / "verify.pyz")
    return Stranger(folder, data)


def findings(report: Mapping) -> dict[str, str]:
    return {one["code"]: one["sentence"] for one in report["findings"]}


def test_both_approvals_are_signed_and_every_tampering_is_named(shop: PackageShop, tmp_path: Path) -> None:
    number = shop.yard.submitted().number
    approve_by_passkey(shop, number)
    approve_by_key(shop, number, tmp_path / "id")
    assert [one.signed for one in tickets.ticket(number).approvals] == [True, True]
    stranger = handed_out(shop, tmp_path / "stranger", number)
    report = stranger.judge_own()
    assert (report["verdict"], report["findings"]) == ("INTACT", [])
    passkey, key = report["approvals"]
    assert [(one["role"], one["signed"]) for one in (passkey, key)] == [("approver", True), ("cui_owner", True)]
    assert passkey["by"] == f"a passkey of testserver, its owner verified (ES256), which {passkey['person']} registered"
    assert key["by"].startswith("the key SHA256:")
    assert key["by"].endswith(f", which {key['person']} registered")

    files = stranger.files()
    (by_passkey,) = [path for path, data in files.items() if json.loads(data)["kind"] == "webauthn"]
    (by_key,) = [path for path, data in files.items() if json.loads(data)["kind"] == "sshsig"]
    told, other = json.loads(files[by_passkey]), json.loads(files[by_key])
    for path, change in {
        "one bit of the assertion": (by_passkey, told | {"signature": _flipped(told["signature"])}),
        "the owner was not verified": (by_passkey, told | {"authenticator_data": _flipped(told["authenticator_data"])}),
        "the other person's signature": (by_passkey, other),
        "one bit of the SSHSIG": (by_key, other | {"signature": told["signature"]}),
        "another key": (by_key, other | {"public_key": _other_key(stranger.folder)}),
        "the other person's passkey": (by_key, told),
    }.items():
        report = stranger.judge(stranger.with_file(change[0], canonical(change[1])))
        assert report["exit_code"] == 1, path
        assert {"approval.wrong", "artifact.changed"} <= set(findings(report)), path
        assert [one["signed"] for one in report["approvals"]].count(True) == 1, path


def test_a_signature_of_another_ticket_written_into_the_ledger_is_named(shop: PackageShop, tmp_path: Path) -> None:
    """Who may write the ledger gives a recorded approval the signature that its giver made for another ticket."""
    signed, recorded = shop.yard.submitted().number, shop.yard.submitted(window=later(shop), title="Other work").number
    approve_by_passkey(shop, signed)
    (item,) = evidence.last_entry(["approval.recorded"], ticket=signed).artifacts
    stolen = ArtifactRef(**item, media_type=sign_approval.MEDIA_TYPE)
    with evidence.act(shop.yard.actor("avery"), shop.clock) as act:
        tickets.approve(
            act, recorded, role=tickets.ApprovalRole.APPROVER, content_hash=tickets.ticket(recorded).content_hash,
            reason="Sound.", signature=stolen,
        )  # fmt: skip
    report = handed_out(shop, tmp_path / "stranger", signed, recorded).judge_own()
    assert [(one["ticket"], one["signed"]) for one in report["approvals"]] == [(signed, True), (recorded, False)]
    assert list(findings(report)) == ["approval.wrong"]
    assert "its statement does not name the ticket of its entry" in findings(report)["approval.wrong"]


def _flipped(text: str) -> str:
    raw = bytearray(base64.b64decode(text))
    raw[32] ^= 4
    return base64.b64encode(bytes(raw)).decode()


def _other_key(folder: Path) -> str:
    key = folder / "other"
    if not key.exists():
        subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", str(key)], check=True)
    return " ".join(key.with_suffix(".pub").read_text().split()[:2])
