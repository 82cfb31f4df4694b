"""Files through the gate: one is brought and hashed on the way; the vendor takes none from a server with CUI."""

import hashlib
import subprocess
import time

from quarterdeck.entrypoints.demo.shop import SERVER, Shop
from quarterdeck.entrypoints.demo.stage import DemoFailed

SEAL_SECONDS = 20.0


def copy_files(shop: Shop) -> str:
    """Bring a file with scp, then try to take one; the ticket's usual allowance keeps CUI on the site."""
    home = shop.stage.folder / "home"
    sent, arrived, taken = home / "release-notes.txt", shop.stage.folder / "on-files01.txt", home / "share.conf"
    sent.write_text("Raises the connection limit of the share to 200.\n" * 2000)
    brought = _scp(shop, str(sent), f"{SERVER}:{arrived}")
    if brought.returncode != 0 or arrived.read_bytes() != sent.read_bytes():
        raise DemoFailed(f"the file did not arrive: {brought.stderr}")
    refused = _scp(shop, f"{SERVER}:{shop.stage.tree}/share.conf", str(taken))
    if refused.returncode == 0 or taken.exists():
        raise DemoFailed("a file left a server with CUI for the vendor's laptop")
    digest = hashlib.sha256(sent.read_bytes()).hexdigest()
    told = _told(shop)
    if not any(file["sha256"] == digest for file in told) or not any(file["state"] == "refused" for file in told):
        raise DemoFailed(f"the recordings do not tell of both files: {told}")
    return f"one file arrived, SHA-256 {digest[:16]}... in its recording; one was not let out, which is recorded too"


def _scp(shop: Shop, *places: str) -> subprocess.CompletedProcess[str]:
    config = shop.stage.folder / "home" / ".ssh" / "config"
    return subprocess.run(
        ["scp", "-F", str(config), *places],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        env=shop.stage.environment,
    )


def _told(shop: Shop) -> list[dict[str, str]]:
    """Return the files of both transfers once their recordings are sealed."""
    iris = shop.api("iris")
    deadline = time.monotonic() + SEAL_SECONDS
    while time.monotonic() < deadline:
        transfers = [one for one in iris.call("GET", f"/sessions?ticket={shop.ticket}") if one["work"] == "transfer"]
        if len(transfers) == 2 and all(one["recording"] for one in transfers):
            return [file for one in transfers for file in iris.call("GET", f"/sessions/{one['id']}/files")["files"]]
        time.sleep(0.2)
    raise DemoFailed("the transfers were not sealed in time")
