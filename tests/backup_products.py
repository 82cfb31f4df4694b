"""Backup products for tests: a small one on a folder that really copies and checks, and the real restic."""

import hashlib
import json
import os
import shutil
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import gettempdir

from quarterdeck.adapters.borg import Borg
from quarterdeck.adapters.restic import Restic
from quarterdeck.backups.api import BackupProduct, Depth, Product, ProductFailed, Snapshot, Source, Verification

PASSWORD = "correct horse battery staple"


class FolderProduct:
    """Fulfils BackupProduct on a folder: `<repository>/<host>/<moment>/` with the files and a list of digests."""

    def backup(self, source: Source, content: Path, taken_at: datetime) -> str:
        target = self._folder(source) / f"{taken_at:%Y%m%dT%H%M%S.%fZ}"
        shutil.copytree(content, target / "files")
        digests = {str(p.relative_to(target)): _digest(p) for p in target.rglob("*") if p.is_file()}
        (target / "list.json").write_text(json.dumps({"password": _digest_of(PASSWORD), "files": digests}))
        return target.name

    def latest_snapshot(self, source: Source) -> Snapshot | None:
        self._open(source)
        folder = self._folder(source)
        names = sorted(os.listdir(folder)) if folder.is_dir() else []
        if not names:
            return None
        size = sum(p.stat().st_size for p in (folder / names[-1] / "files").rglob("*") if p.is_file())
        taken = datetime.strptime(names[-1], "%Y%m%dT%H%M%S.%fZ").replace(tzinfo=UTC)
        return Snapshot(names[-1], taken, size, encrypted=False)

    def verify(self, source: Source, snapshot: Snapshot) -> Verification:
        self._open(source)
        folder = self._folder(source) / snapshot.id
        listed = json.loads((folder / "list.json").read_text())["files"]
        bad = [name for name, digest in listed.items() if _digest(folder / name) != digest]
        return Verification(not bad, f"{len(bad)} files are damaged." if bad else "", b"checked\n")

    def _folder(self, source: Source) -> Path:
        return Path(source.repository) / source.host

    def _open(self, source: Source) -> None:
        if not Path(source.repository).is_dir():
            raise ProductFailed("The repository is gone.")
        if Path(source.credential_file).read_text().strip() != PASSWORD:
            raise ProductFailed("The password is wrong.")


def _digest(path: Path) -> str:
    return _digest_of(path.read_bytes() if path.is_file() else b"")


def _digest_of(content: bytes | str) -> str:
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()


class Setup(ABC):
    """One product with an empty repository, a folder to back up, and ways to fill and to damage it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.content = folder / "content"
        self.content.mkdir()
        for number in range(5):
            (self.content / f"file{number}").write_bytes(os.urandom(20_000))
        self.repository = folder / "repository"
        self.credential = folder / "credential"
        self.credential.write_text(PASSWORD + "\n")
        self.credential.chmod(0o600)

    @property
    @abstractmethod
    def product(self) -> BackupProduct:
        """Return the product."""

    def source(self, host: str = "fs01.example.test", **changes: object) -> Source:
        plain = {
            "id": "bs_x", "asset": "as_x", "product": Product.RESTIC, "repository": str(self.repository),
            "credential_file": str(self.credential), "max_age": timedelta(hours=24), "host": host, "depth": Depth.ALL,
        }  # fmt: skip
        return Source(**(plain | changes))  # type: ignore[arg-type]

    @abstractmethod
    def backup(self, host: str, taken_at: datetime) -> None:
        """Take a backup of the folder in the name of `host`."""

    def damage(self) -> None:
        """Change one byte of stored data."""
        files = [p for p in self._data().rglob("*") if p.is_file() and p.name != "list.json"]
        target = max(files, key=lambda p: p.stat().st_size)
        target.chmod(0o600)
        content = bytearray(target.read_bytes())
        content[len(content) // 3] ^= 1
        target.write_bytes(bytes(content))

    def _data(self) -> Path:
        return self.repository


class FolderSetup(Setup):
    """The small product."""

    product = FolderProduct()  # type: ignore[assignment]

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.repository.mkdir()

    def backup(self, host: str, taken_at: datetime) -> None:
        FolderProduct().backup(self.source(host), self.content, taken_at)


class ResticSetup(Setup):
    """The real restic."""

    product = Restic(timeout=120)  # type: ignore[assignment]

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._restic(["init"])

    def backup(self, host: str, taken_at: datetime) -> None:
        moment = f"{taken_at.astimezone():%Y-%m-%d %H:%M:%S}"
        self._restic(["backup", "--host", host, "--time", moment, str(self.content)])

    def _data(self) -> Path:
        return self.repository / "data"

    def _restic(self, words: Sequence[str]) -> None:
        environment = {
            "PATH": os.environ["PATH"],
            "TMPDIR": gettempdir(),
            "RESTIC_REPOSITORY": str(self.repository),
            "RESTIC_PASSWORD": PASSWORD,
        }
        subprocess.run(
            ["restic", "--no-cache", "--quiet", *words], env=environment, check=True, timeout=120, capture_output=True
        )


class BorgSetup(Setup):
    """The real borg, its repository encrypted with the passphrase."""

    product = Borg(timeout=120)  # type: ignore[assignment]

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._borg(["init", "--encryption=repokey-blake2", str(self.repository)])

    def source(self, host: str = "fs01.example.test", **changes: object) -> Source:
        return super().source(host, **({"product": Product.BORG} | changes))

    def backup(self, host: str, taken_at: datetime) -> None:
        moment = f"{taken_at:%Y-%m-%dT%H:%M:%S}"
        name = f"{self.repository}::{host}-{taken_at:%Y%m%dT%H%M%S}"
        # A borg archive carries the name of the machine that made it: this one answers as `host`.
        words = ["unshare", "--uts", "sh", "-c", 'hostname "$0" && exec borg "$@"', host]
        self._run([*words, "create", f"--timestamp={moment}", name, str(self.content)])

    def _data(self) -> Path:
        return self.repository / "data"

    def _borg(self, words: Sequence[str]) -> None:
        self._run(["borg", *words])

    def _run(self, words: Sequence[str]) -> None:
        environment = {
            "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin",
            "BORG_PASSPHRASE": PASSWORD,
            "BORG_BASE_DIR": str(self.folder / "borg-home"),
            "TZ": "UTC",
        }
        subprocess.run(words, env=environment, check=True, timeout=120, capture_output=True)
