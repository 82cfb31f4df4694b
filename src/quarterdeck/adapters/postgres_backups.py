"""PostgreSQL's own backups: dumps in custom format and base backups, taken, verified, and dumps restored for a drill.

A dump is taken in a snapshot that the server exports, and the ordered rows of every table are hashed in the same
snapshot; the digests lie beside the dump. So a drill compares rows with rows of the same moment, however busy the
database was. The password comes from a file in PostgreSQL's own form (`PGPASSFILE`), never from an argument.
"""

import hashlib
import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from quarterdeck.adapters.command_place import Here, Ran, find_program, succeeded
from quarterdeck.adapters.credential_file import read_credential
from quarterdeck.adapters.scratch import hash_file
from quarterdeck.backups.api import Digest, ProductFailed, Restored, Snapshot, Source, Verification
from quarterdeck.kernel.ids import new_id

_STAMP = re.compile(r"-(\d{8}T\d{6}Z)", re.ASCII)
_TABLES = """SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg_toast%'
 ORDER BY 1"""
_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"


class PgDump:
    """Fulfils BackupProduct, SnapshotMaker and Restorer with pg_dump, pg_restore and psql."""

    def __init__(self, *, timeout: float = 3600.0) -> None:
        self._timeout = timeout

    def latest_snapshot(self, source: Source) -> Snapshot | None:
        """Return the newest dump of the source's database in its folder."""
        return _newest(source, f"{_database(source)}-*.dump")

    def verify(self, source: Source, snapshot: Snapshot) -> Verification:
        """List the dump and read all its data; the digest that was taken with it must still hold."""
        dump = Path(source.path, snapshot.id)
        listed = self._here(source).run(["pg_restore", "--list", str(dump)])
        if listed.status != 0 or b"TABLE DATA" not in listed.out:
            return Verification(False, f"The dump can't be listed: {listed.last_line}", listed.log)
        known = _beside(dump)
        if known and known.get("dump") != hash_file(dump):
            return Verification(False, "The dump is not the file that was written.", listed.log)
        read = self._here(source).run(["pg_restore", "--file=/dev/null", str(dump)])
        if read.status != 0:
            return Verification(False, f"The dump can't be read through: {read.last_line}", listed.log + read.log)
        return Verification(True, "The dump was listed and read through.", listed.log + read.log)

    def take(self, source: Source, name: str, now: datetime) -> Snapshot:
        """Dump the database in custom format, with the digests of its rows beside it."""
        del name
        dump = Path(source.path, f"{_database(source)}-{now:%Y%m%dT%H%M%SZ}.dump")
        part = dump.with_suffix(".part")
        with self._exported(source) as exported:
            words = ["pg_dump", "-Fc", f"--snapshot={exported}", f"--file={part}", f"--dbname={source.repository}"]
            try:
                succeeded(self._here(source).run(words), "dump the database")
                rows = self._rows(source, source.repository, exported)
            except ProductFailed:
                part.unlink(missing_ok=True)
                raise
        part.chmod(0o600)
        told = {"dump": hash_file(part), "rows": rows}
        dump.with_suffix(".rows.json").write_text(json.dumps(told, sort_keys=True))
        part.rename(dump)
        return Snapshot(dump.name, now, dump.stat().st_size, encrypted=None)

    def look(self, source: Source, snapshot: str) -> Verification:
        """Verify the dump."""
        return self.verify(source, Snapshot(snapshot, datetime.min.replace(tzinfo=UTC), 0, encrypted=None))

    def revert(self, source: Source, snapshot: str, now: datetime) -> Verification:
        """Refuse: a database is not put back behind its users' backs, a playbook or a person restores a dump."""
        del source, snapshot, now
        raise ProductFailed("A dump is restored by a runbook of its own; it is no snapshot to go back to.")

    def restore(self, source: Source, snapshot: Snapshot, scratch: str) -> Restored:
        """Restore the dump into a new database of the scratch server, hash its rows, drop it."""
        name = f"qd_drill_{new_id('x').lower()}"
        here = self._here(source)
        succeeded(self._sql(source, scratch, f'CREATE DATABASE "{name}" TEMPLATE template0'), "make a scratch database")
        there = f"{scratch.rpartition('/')[0]}/{name}"
        try:
            words = ["pg_restore", "--no-owner", "--no-privileges", "--exit-on-error", f"--dbname={there}"]
            done = succeeded(here.run([*words, str(Path(source.path, snapshot.id))]), "restore the dump")
            rows = self._rows(source, there, "")
        finally:
            dropped = self._sql(source, scratch, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        succeeded(dropped, f"drop the scratch database {name}; drop it by hand, it holds real data")
        return Restored({table: Digest(sha256) for table, sha256 in rows.items()}, done.log)

    def source_digests(self, source: Source, snapshot: Snapshot) -> Mapping[str, Digest]:
        """Return the rows' digests at the moment of the dump; of a dump that we did not take, as they are now."""
        known = _beside(Path(source.path, snapshot.id)).get("rows")
        rows = known if isinstance(known, dict) else self._rows(source, source.repository, "")
        return {str(table): Digest(str(sha256)) for table, sha256 in rows.items()}

    @contextmanager
    def _exported(self, source: Source) -> Iterator[str]:
        """Hold a snapshot of the database open and give its name."""
        process = subprocess.Popen(
            [find_program("psql"), *_QUIET, f"--dbname={source.repository}"],
            env={**_environment(source), "PATH": "/usr/bin:/bin"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        with process:
            try:
                if process.stdin is None or process.stdout is None:
                    raise ProductFailed("psql can't be spoken to.")
                process.stdin.write(f"{_BEGIN}\nSELECT pg_export_snapshot();\n".encode())
                process.stdin.flush()
                exported = process.stdout.readline().decode().strip()
                if not re.fullmatch(r"[0-9A-F-]{5,40}", exported):
                    raise ProductFailed("The database can't be reached, or gives no snapshot to dump in.")
                yield exported
            except BrokenPipeError:
                raise ProductFailed("The database can't be reached.") from None
            finally:
                process.kill()

    def _rows(self, source: Source, database: str, exported: str) -> dict[str, str]:
        """Return the SHA-256 of each table's rows, ordered by their text."""
        listed = succeeded(self._sql(source, database, _TABLES), "list the tables")
        begin = f"{_BEGIN} SET TRANSACTION SNAPSHOT '{exported}';" if exported else _BEGIN
        found: dict[str, str] = {}
        for table in listed.out.decode().splitlines():
            query = f'{begin} COPY (SELECT * FROM {table} AS t ORDER BY t::text COLLATE "C") TO STDOUT; COMMIT;'  # noqa: S608  quoted by the server
            rows = succeeded(self._sql(source, database, query), f"read {table}")
            found[table] = hashlib.sha256(rows.out).hexdigest()
        return found

    def _sql(self, source: Source, database: str, query: str) -> Ran:
        return self._here(source).run(["psql", *_QUIET, f"--dbname={database}"], stdin=f"{query};\n".encode())

    def _here(self, source: Source) -> Here:
        return Here(_environment(source), self._timeout)


_QUIET = ("--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--no-password", "--set=ON_ERROR_STOP=1")


class PgBaseBackup:
    """Fulfils BackupProduct and SnapshotMaker with pg_basebackup and pg_verifybackup."""

    def __init__(self, *, timeout: float = 3600.0) -> None:
        self._timeout = timeout

    def latest_snapshot(self, source: Source) -> Snapshot | None:
        """Return the newest base backup in the source's folder that has a manifest."""
        return _newest(source, "base-*/backup_manifest")

    def verify(self, source: Source, snapshot: Snapshot) -> Verification:
        """Check every file of the base backup against its manifest, and that its log of changes can be read."""
        done = Here(timeout=self._timeout).run(["pg_verifybackup", str(Path(source.path, snapshot.id))])
        if done.status != 0:
            return Verification(False, f"pg_verifybackup found errors: {done.last_line}", done.log)
        return Verification(True, "pg_verifybackup found every file as its manifest says.", done.log)

    def take(self, source: Source, name: str, now: datetime) -> Snapshot:
        """Take a base backup with SHA-256 in its manifest."""
        del name
        folder = Path(source.path, f"base-{now:%Y%m%dT%H%M%SZ}")
        words = [
            "pg_basebackup", f"--pgdata={folder}", "--format=plain", "--manifest-checksums=SHA256", "--checkpoint=fast",
            "--wal-method=stream", "--no-password", f"--dbname={source.repository}",
        ]  # fmt: skip
        succeeded(Here(_environment(source), self._timeout).run(words), "take a base backup")
        return Snapshot(folder.name, now, _size(folder), encrypted=None)

    def look(self, source: Source, snapshot: str) -> Verification:
        """Verify the base backup."""
        return self.verify(source, Snapshot(snapshot, datetime.min.replace(tzinfo=UTC), 0, encrypted=None))

    def revert(self, source: Source, snapshot: str, now: datetime) -> Verification:
        """Refuse: putting a whole server back is a recovery procedure of its own."""
        del source, snapshot, now
        raise ProductFailed("A base backup is restored by a runbook of its own; it is no snapshot to go back to.")


def _environment(source: Source) -> dict[str, str]:
    read_credential(source.credential_file)
    return {"PGPASSFILE": source.credential_file, "PGCONNECT_TIMEOUT": "20", "LC_ALL": "C", "PGCLIENTENCODING": "UTF8"}


def _database(source: Source) -> str:
    return source.repository.rpartition("/")[2]


def _newest(source: Source, pattern: str) -> Snapshot | None:
    folder = Path(source.path)
    if not folder.is_dir():
        raise ProductFailed(f"There is no folder {folder} on this server.")
    found = []
    for path in folder.glob(pattern):
        top = path.relative_to(folder).parts[0]
        stamp = _STAMP.search(top)
        told = datetime.strptime(stamp[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) if stamp else None
        # A file that was written later than its name says is no older backup: the earlier of both counts.
        written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        found.append((min(told, written) if told else written, top))
    if not found:
        return None
    taken, newest = max(found)
    return Snapshot(newest, taken, _size(folder / newest), encrypted=None)


def _size(path: Path) -> int:
    return sum(one.lstat().st_size for one in path.rglob("*")) if path.is_dir() else path.stat().st_size


def _beside(dump: Path) -> dict[str, object]:
    try:
        told = json.loads(dump.with_suffix(".rows.json").read_text())
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}
