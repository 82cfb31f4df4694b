"""Backup products on another host: the SSH runner against a real sshd, with qemu-img and borg at its far end."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.lab.loopback_sshd import ACCOUNT, SSHD
from tests.ports import free_port
from tests.waiting import wait_for

from quarterdeck.adapters.borg import Borg
from quarterdeck.adapters.command_place import OverSsh, place_of
from quarterdeck.adapters.qcow2_snapshot import Qcow2
from quarterdeck.backups.api import Product, ProductFailed, Source, check_source

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ODD = "a b'c\"d $(touch /tmp/never) `id` \\ ;|&\n\x01é *"


@dataclass(frozen=True)
class Host:
    """A backup host: its sshd, the key of the product's account, and the pinned host key beside it."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def account(self) -> str:
        return f"{ACCOUNT}@127.0.0.1:{self.port}"

    @property
    def key(self) -> Path:
        return self.folder / "pass.key"

    def known(self, name: str) -> Path:
        return self.folder / name

    def place(self, **named: float) -> OverSsh:
        return OverSsh(self.account, str(self.key), **named)

    def pin(self, public: str) -> None:
        for name in ("pass.key.known_hosts", "pass.known_hosts"):
            self.known(name).write_text(f"[127.0.0.1]:{self.port} {public}")


def keygen(path: Path) -> str:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path.with_name(path.name + ".pub").read_text()


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    port = free_port()
    public = keygen(tmp_path / "host_key")
    (tmp_path / "authorized").write_text(keygen(tmp_path / "pass.key"))
    (tmp_path / "pass").write_text("correct horse\n")
    (tmp_path / "pass").chmod(0o600)
    (tmp_path / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {tmp_path}/host_key\nPidFile none\nStrictModes no\nUsePAM no\n"
        f"AuthorizedKeysFile {tmp_path}/authorized\nPasswordAuthentication no\nPermitRootLogin prohibit-password\n"
    )
    os.makedirs("/run/sshd", exist_ok=True)
    process = subprocess.Popen([SSHD, "-D", "-e", "-f", str(tmp_path / "sshd_config")], stderr=subprocess.DEVNULL)
    made = Host(tmp_path, port, process)
    made.pin(public)

    def answers() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    try:
        wait_for(answers, what="sshd of the backup host answers")
        yield made
    finally:
        process.terminate()
        process.wait(timeout=10)


def test_words_status_and_input_arrive_as_they_are(host: Host) -> None:
    assert host.place().run(["printf", "%s", ODD]).out.decode() == ODD
    assert not Path("/tmp/never").exists()
    ran = host.place().run(["sh", "-c", "cat; echo no >&2; exit 3"], stdin=b"from here")
    assert (ran.status, ran.out, ran.last_line) == (3, b"from here", "no")
    assert host.place().run(["sh", "-c", "echo $SSH_AUTH_SOCK"]).out == b"\n"


def test_a_host_that_shows_another_key_is_not_asked(host: Host) -> None:
    host.pin(keygen(host.folder / "other"))
    with pytest.raises(ProductFailed, match="could not be reached over SSH"):
        host.place().run(["true"])
    host.known("pass.key.known_hosts").unlink()
    with pytest.raises(ProductFailed, match="could not be reached over SSH"):
        host.place().run(["true"])


def test_a_key_that_others_can_read_or_that_opens_nothing_is_refused(host: Host) -> None:
    host.key.chmod(0o644)
    with pytest.raises(ProductFailed, match="can be read by others"):
        host.place().run(["true"])
    host.key.unlink()
    keygen(host.key)
    with pytest.raises(ProductFailed, match="could not be reached over SSH"):
        host.place().run(["true"])


def test_a_line_that_breaks_and_a_program_that_hangs_are_no_answer(host: Host) -> None:
    with pytest.raises(ProductFailed, match="could not be reached over SSH"):
        host.place().run(["sh", "-c", "kill -9 $PPID; sleep 5"])
    with pytest.raises(ProductFailed, match="did not finish"):
        host.place(timeout=0.5).run(["sleep", "60"])


@pytest.mark.skipif(shutil.which("qemu-img") is None, reason="qemu-img is not installed")
def test_a_qcow2_snapshot_on_another_host_is_made_read_back_and_gone_back_to(host: Host) -> None:
    image = host.folder / "vm.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(image), "8M"], check=True)
    source = Source("", "as_1", Product.QCOW2, str(image), str(host.key), timedelta(hours=24), host=host.account)
    assert check_source(source).allowed
    maker = Qcow2(place_of)
    made = maker.take(source, "before", NOW)
    assert maker.look(source, made.id).verified
    assert maker.revert(source, made.id, NOW).verified
    assert not maker.look(source, "never").verified


@pytest.mark.skipif(shutil.which("borg") is None, reason="borg is not installed")
def test_a_borg_repository_on_another_host_is_checked_over_the_pinned_line(host: Host) -> None:
    repository = f"ssh://{ACCOUNT}@127.0.0.1:{host.port}{host.folder}/repo"
    (host.folder / "data").mkdir()
    (host.folder / "data" / "plan").write_text("drawing\n")
    here = {"BORG_PASSPHRASE": "correct horse", "BORG_BASE_DIR": str(host.folder / "borg"), "PATH": os.environ["PATH"]}
    for words in (["init", "-e", "repokey"], ["create"]):
        target = f"{host.folder}/repo" + ("" if words[0] == "init" else "::now")
        what = [] if words[0] == "init" else [str(host.folder / "data")]
        subprocess.run(["borg", *words, target, *what], env=here, check=True, capture_output=True)
    source = Source(
        "", "as_1", Product.BORG, repository, str(host.folder / "pass"), timedelta(hours=24), host=socket.gethostname()
    )
    assert check_source(source).allowed
    newest = Borg().latest_snapshot(source)
    assert newest is not None
    assert newest.encrypted
    assert Borg().verify(source, newest).verified
    host.pin(keygen(host.folder / "other"))
    with pytest.raises(ProductFailed):
        Borg().latest_snapshot(source)
