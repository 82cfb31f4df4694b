"""A real PostgreSQL server of the lab: private folder, Unix socket and loopback port, gone with the run.

Every test gets a database of its own, copied from one that all migrations made. The product logs in as an ordinary
role that owns its database and nothing else. fsync is off: what dies here are processes, never the machine.
"""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from django.core.management import call_command
from django.db import connections
from tests.ports import free_port

from quarterdeck import settings

NEEDED = ("initdb", "postgres")
NOT_HERE = "NOT PROVEN HERE: PostgreSQL's programs (initdb, postgres) are not installed; install postgresql"
NO_USER = "NOT PROVEN HERE: root may not run PostgreSQL and there is no user postgres or nobody to run it"
ROLE = "quarterdeck"
OPTIONS = (
    "fsync=off", "full_page_writes=off", "max_connections=60", "shared_buffers=16MB", "max_wal_senders=0",
    "wal_level=minimal", "autovacuum=off", "deadlock_timeout=200ms", "log_min_messages=fatal",
)  # fmt: skip


def programs() -> Path | None:
    """Folder of the server's programs: in the PATH, else where Debian puts the newest version."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: -float(path.parent.name))
    return next((one for one in folders if all((one / name).exists() for name in NEEDED)), None)


def server_user() -> pwd.struct_passwd | None:
    """Who runs the server: ourselves, or for root an ordinary user."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    known = {one.pw_name: one for one in pwd.getpwall()}
    return known.get("postgres") or known.get("nobody")


@dataclass
class Cluster:
    """A server on `port`; `admin` is its superuser, whom the product never is."""

    bin: Path
    user: pwd.struct_passwd
    folder: Path
    port: int = field(default_factory=free_port)
    password: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    process: subprocess.Popen[bytes] | None = None

    def run(self, *command: str) -> None:
        subprocess.run(command, check=True, capture_output=True, timeout=60, cwd=self.folder, **self._identity())

    def _identity(self) -> dict[str, object]:
        if os.geteuid() != 0:
            return {}
        return {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []}

    def make(self) -> None:
        secret = self.folder / "secret"
        secret.write_text(self.password)
        if os.geteuid() == 0:
            for path in (self.folder, secret):
                os.chown(path, self.user.pw_uid, self.user.pw_gid)
        self.run(
            str(self.bin / "initdb"), "-D", "data", "-U", "admin", "-A", "scram-sha-256", "--pwfile=secret", "-N",
            "-E", "UTF8", "--locale=C.UTF-8",
        )  # fmt: skip

    def start(self, *options: str) -> None:
        settings_ = (*OPTIONS, *options, "listen_addresses=127.0.0.1", f"unix_socket_directories={self.folder}")
        # A run that is killed takes its server along.
        bound = ["setpriv", "--pdeathsig", "INT"] if shutil.which("setpriv") else []
        command = [*bound, str(self.bin / "postgres"), "-D", "data", "-p", str(self.port)]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*command, *(word for one in settings_ for word in ("-c", one))],
                cwd=self.folder, stdout=log, stderr=log, **self._identity(),
            )  # fmt: skip
        self.wait_ready()

    def wait_ready(self, seconds: float = 20.0) -> None:
        """Poll with a real login until the server answers."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                psycopg.connect(self.conninfo(), connect_timeout=5).close()
                return
            except psycopg.OperationalError:
                assert self.process is not None
                assert self.process.poll() is None, (self.folder / "log").read_text()[-2000:]
                assert time.monotonic() < deadline, (self.folder / "log").read_text()[-2000:]
                time.sleep(0.05)

    def start_again(self) -> None:
        """Start after a kill; backends of the killed server may still hold its lock for a moment."""
        deadline = time.monotonic() + 20
        while True:
            try:
                self.start()
                return
            except AssertionError:
                if time.monotonic() > deadline:
                    raise

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)  # "fast": ends backends, then itself
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.send_signal(signal.SIGQUIT)
                self.process.wait(20)

    def backends(self, purpose: str = "") -> list[int]:
        """Process ids of the server's children, those only whose title has `purpose`."""
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [int(pid) for pid in children if purpose in _title(pid)]

    def kill_nine(self, pids: Sequence[int]) -> None:
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def conninfo(self, database: str = "postgres") -> str:
        return f"host=127.0.0.1 port={self.port} user=admin password={self.password} dbname={database}"

    def sql(self, *statements: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run statements as the superuser and return the last one's rows."""
        with psycopg.connect(self.conninfo(database), autocommit=True) as link:
            for statement in statements:
                cursor = link.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def url(self, database: str, query: str = "") -> str:
        """The QD_DATABASE_URL of a database, as the ordinary role."""
        return f"postgresql://{ROLE}:{self.password}@127.0.0.1:{self.port}/{database}{query}"

    def socket_url(self, database: str) -> str:
        host = str(self.folder).replace("/", "%2F")
        return f"postgresql://{ROLE}:{self.password}@{host}:{self.port}/{database}"


def _title(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """Make and start a server, stop it and remove its folder at the end; skips where none can run."""
    folder, user = programs(), server_user()
    if folder is None:
        pytest.skip(NOT_HERE)
    if user is None:
        pytest.skip(NO_USER)
    home = Path(tempfile.mkdtemp(prefix="qd-postgresql-"))
    cluster = Cluster(folder, user, home)
    try:
        cluster.make()
        cluster.start()
        cluster.sql(f"CREATE ROLE {ROLE} LOGIN PASSWORD '{cluster.password}'")
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def default_database(url: str) -> Iterator[None]:
    """Let "default" be the database of `url`, in this thread and in those that begin meanwhile."""
    kept_settings, kept = connections.settings["default"], connections["default"]
    made = connections.configure_settings({"default": settings._database(url)})
    connections.settings["default"] = made["default"]
    del connections["default"]
    try:
        yield
    finally:
        connections["default"].close()
        connections["default"].close_pool()
        connections.settings["default"] = kept_settings
        connections["default"] = kept


def migrated_template(cluster: Cluster) -> str:
    """Make a database by `migrate` and `createcachetable`, as `qd init` does; return its name."""
    name = "template_qd"
    cluster.sql(f"CREATE DATABASE {name} OWNER {ROLE}")
    with default_database(cluster.url(name)):
        call_command("migrate", verbosity=0)
        call_command("createcachetable", verbosity=0)
    return name


def copied_database(cluster: Cluster, template: str) -> str:
    """Copy a database; return the new one's name."""
    name = f"qd_{secrets.token_hex(4)}"
    cluster.sql(f"CREATE DATABASE {name} TEMPLATE {template} OWNER {ROLE}")
    return name


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    with running_cluster() as made:
        yield made


@pytest.fixture(scope="session")
def template(cluster: Cluster, django_db_blocker) -> str:
    with django_db_blocker.unblock():
        return migrated_template(cluster)


@pytest.fixture
def on_postgresql(cluster: Cluster, template: str, django_db_blocker) -> Iterator[str]:
    """This test's own database is the default one; yields its URL. What it commits stays committed."""
    url = cluster.url(copied_database(cluster, template))
    with django_db_blocker.unblock(), default_database(url):
        yield url
