"""The proof: package, the verifier that stands alone, a tampered copy, and what the assessor keeps."""

import csv
import hashlib
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

from quarterdeck.entrypoints.demo.shop import Shop
from quarterdeck.entrypoints.demo.stage import DemoFailed
from quarterdeck_verify.bundle import build_zipapp

PACKAGE_SECONDS = 120
INTACT, ALTERED, UNANCHORED = 0, 1, 3
KEPT = "kept.checkpoint"
PASSPHRASE = "passphrase"  # noqa: S105  a file name


def export(shop: Shop, out: Path) -> str:
    """Casey consents that recordings leave, Iris orders the package and gets its passphrase, Quinn downloads it."""
    shop.api("casey").step_up()
    shop.api("casey").call("POST", f"/packages/consent/{shop.ticket}")
    shop.api("iris").step_up()
    order = shop.api("iris").call("POST", "/packages", {"ticket": shop.ticket, "recipient": "passphrase"})
    (out / PASSPHRASE).write_text(order["passphrase"])
    (out / PASSPHRASE).chmod(0o600)
    deadline = time.monotonic() + PACKAGE_SECONDS
    while order["state"] not in {"done", "failed"} and time.monotonic() < deadline:
        time.sleep(0.2)
        order = shop.api("iris").call("GET", f"/packages/{order['id']}")
    if order["state"] != "done":
        raise DemoFailed(f"the package was not made: {order}")
    shop.package = order["id"]
    content = shop.api("quinn").call("GET", f"/packages/{order['id']}/download")
    (out / "package.zip").write_bytes(content)
    with zipfile.ZipFile(out / "package.zip") as archive:
        report = next(name for name in archive.namelist() if name.endswith("data/report.html"))
        (out / "report.html").write_bytes(archive.read(report))
    return f"{order['file_name']}, {len(content) // 1024} kB"


def keep_anchor(shop: Shop, out: Path) -> str:
    """What others hold: the checkpoint that Avery was mailed, and the line that pins the sealing key."""
    deadline = time.monotonic() + PACKAGE_SECONDS
    while not (kept := shop.stage.mailbox.attachments(shop.people["avery"].email, KEPT)):
        if time.monotonic() > deadline:
            raise DemoFailed("no checkpoint was mailed to the approver")
        time.sleep(0.2)
    (out / KEPT).write_bytes(kept[-1])
    signers = shop.stage.qd("ledger", "key")
    (out / "allowed_signers").write_text(signers)
    build_zipapp(out / "verify.pyz")
    return f"{len(kept)} checkpoints were mailed to Avery while the work went on"


def verify(shop: Shop, out: Path) -> str:
    """The stand-alone verifier says INTACT with pin and anchor, and will not say so without them."""
    with_both = _run(out, "package.zip", "--signers", "allowed_signers", "--anchor", KEPT)
    _expect(with_both, INTACT, "the package with pin and anchor")
    _expect(_run(out, "package.zip"), UNANCHORED, "the package without pin and anchor")
    _expect(_run(out, "package.zip", "--anchor", KEPT), UNANCHORED, "the package without a pin")
    return "INTACT with pin and outside anchor (exit 0); UNANCHORED without (exit 3)"


def other_tools(shop: Shop, out: Path) -> str:
    """`sha256sum` and `ssh-keygen` accept it too, without a line of our code."""
    folder = out / "unpacked"
    shutil.rmtree(folder, ignore_errors=True)
    with zipfile.ZipFile(out / "package.zip") as archive:
        archive.extractall(folder)
    bag = next(folder.iterdir())
    signer = (out / "allowed_signers").read_text().split()[0]
    for manifest in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
        subprocess.run(["sha256sum", "--quiet", "-c", manifest], cwd=bag, check=True, timeout=60)
    for name, namespace in (
        ("tagmanifest-sha256.txt", "quarterdeck-package"),
        ("data/ledger/checkpoint", "quarterdeck-checkpoint"),
    ):
        with (bag / name).open("rb") as message:
            subprocess.run(
                [
                    *("ssh-keygen", "-Y", "verify", "-f", str(out / "allowed_signers"), "-I", signer),
                    *("-n", namespace, "-s", f"{bag / name}.sig"),
                ],
                stdin=message,
                check=True,
                capture_output=True,
                timeout=60,
            )
    _expect(_run(out, str(bag), "--signers", "allowed_signers", "--anchor", KEPT), INTACT, "the unpacked folder")
    opened = _open_recording(bag, out)
    shutil.rmtree(folder)
    return f"sha256sum -c and ssh-keygen -Y verify accept it; openssl opens {opened} encrypted files as sealed"


def _open_recording(bag: Path, out: Path) -> int:
    """Open every encrypted file with OpenSSL and the passphrase; returns how many have the hash that is listed."""
    with (bag / "data" / "encrypted.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    for row in rows:
        command = ["openssl", "cms", "-decrypt", "-binary", "-inform", "DER", "-in", str(bag / "data" / row["file"])]
        command += ["-inkey", str(bag / "data" / "encrypted" / "locked-key.pem"), "-passin", f"file:{out / PASSPHRASE}"]
        opened = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
        if hashlib.sha256(opened).hexdigest() != row["sha256"]:
            raise DemoFailed(f"{row['file']} opens to something else than what was sealed")
    return len(rows)


def tamper(shop: Shop, out: Path) -> str:
    """One byte changed anywhere is named."""
    content = bytearray((out / "package.zip").read_bytes())
    at = content.index(b"max connections")
    content[at] ^= 1
    altered = out / "altered.zip"
    altered.write_bytes(content)
    try:
        done = _run(out, "altered.zip", "--signers", "allowed_signers", "--anchor", KEPT)
        _expect(done, ALTERED, "a copy with one byte changed")
    finally:
        altered.unlink()
    line = next((line for line in done.stdout.splitlines() if "data/" in line), done.stdout.splitlines()[0])
    return f"ALTERED (exit 1): {line.strip()[:160]}"


def _run(out: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", "verify.pyz", *arguments],
        cwd=out,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def _expect(done: subprocess.CompletedProcess[str], code: int, what: str) -> None:
    if done.returncode != code:
        raise DemoFailed(f"{what}: exit {done.returncode} instead of {code}\n{done.stdout}{done.stderr}")
