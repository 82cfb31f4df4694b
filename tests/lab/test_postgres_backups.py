"""PostgreSQL's backups for real: a dump taken, listed and drilled row by row, a base backup checked by its manifest."""

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp

import psycopg
import pytest
from tests.lab.postgres_lab import NOT_HERE, Cluster, programs, server_user

from quarterdeck.adapters.postgres_backups import PgBaseBackup, PgDump
from quarterdeck.backups.api import Depth, Product, ProductFailed, Source, came_back, compare

NOW = datetime.now(UTC).replace(microsecond=0)  # noqa: TID251  files are stamped with the machine's clock


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    bin_, user = programs(), server_user()
    if bin_ is None or user is None:
        pytest.skip(NOT_HERE)
    folder = Path(mkdtemp(prefix="pgdrill-"))
    folder.chmod(0o755)
    made = Cluster(bin_, user, folder)
    try:
        made.make()
        made.start("max_wal_senders=4", "wal_level=replica")
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder)


@pytest.fixture
def shop(cluster: Cluster, tmp_path: Path) -> Source:
    with psycopg.connect(cluster.conninfo(), autocommit=True) as admin:
        admin.execute("DROP DATABASE IF EXISTS shop WITH (FORCE)")
        admin.execute("CREATE DATABASE shop")
    with psycopg.connect(cluster.conninfo(), dbname="shop", autocommit=True) as made:
        made.execute('CREATE TABLE "Parts list" (id int primary key, name text, weight numeric)')
        made.execute("""INSERT INTO "Parts list" SELECT n, 'part ' || n, n / 7.0 FROM generate_series(1, 500) n""")
        made.execute("CREATE SCHEMA sales; CREATE TABLE sales.orders (at timestamptz, note text)")
        made.execute("INSERT INTO sales.orders VALUES ('2026-11-23 09:00Z', E'two\\nlines'), (NULL, NULL)")
    credential = tmp_path / "pgpass"
    credential.write_text(f"127.0.0.1:{cluster.port}:*:admin:{cluster.password}\n")
    credential.chmod(0o600)
    dumps = tmp_path / "dumps"
    dumps.mkdir()
    address = f"postgresql://admin@127.0.0.1:{cluster.port}/shop"
    return Source(
        "bs_x", "as_x", Product.PG_DUMP, address, str(credential), timedelta(hours=24), path=str(dumps), depth=Depth.ALL
    )


def scratch(source: Source) -> str:
    return source.repository.replace("/shop", "/postgres")


def execute(cluster: Cluster, statement: str) -> None:
    with psycopg.connect(cluster.conninfo(), dbname="shop", autocommit=True) as made:
        made.execute(statement)


def test_a_dump_is_taken_listed_and_read_through(shop: Source) -> None:
    assert PgDump().latest_snapshot(shop) is None
    taken = PgDump().take(shop, "MT-2026-00001", NOW)
    found = PgDump().latest_snapshot(shop)
    assert found == taken
    verified = PgDump().verify(shop, found)
    assert verified.verified, verified.sentence
    assert b"TABLE DATA" in verified.log
    dump = Path(shop.path, taken.id)
    assert dump.stat().st_mode & 0o077 == 0
    content = bytearray(dump.read_bytes())
    content[-40] ^= 1
    dump.write_bytes(content)
    assert not PgDump().verify(shop, found).verified, "one flipped byte"


def test_a_drill_restores_the_dump_compares_rows_and_drops_the_scratch_database(cluster: Cluster, shop: Source) -> None:
    taken = PgDump().take(shop, "MT-2026-00001", NOW)
    execute(cluster, """DELETE FROM "Parts list" WHERE id = 7""")
    restored = PgDump().restore(shop, taken, scratch(shop))
    expected = PgDump().source_digests(shop, taken)
    assert set(expected) == {'public."Parts list"', "sales.orders"}
    compared = compare(restored.digests, expected, taken.taken_at)
    assert compared.same == 2, "rows of the same moment are compared, though the database moved on"
    assert came_back(compared).allowed
    with psycopg.connect(cluster.conninfo()) as admin:
        names = [row[0] for row in admin.execute("SELECT datname FROM pg_database")]
    assert not [name for name in names if name.startswith("qd_drill")]


def test_a_dump_without_digests_is_held_against_the_database_as_it_is_now(cluster: Cluster, shop: Source) -> None:
    taken = PgDump().take(shop, "MT-2026-00001", NOW)
    Path(shop.path, taken.id).with_suffix(".rows.json").unlink()
    execute(cluster, """UPDATE "Parts list" SET name = 'other' WHERE id = 7""")
    restored = PgDump().restore(shop, taken, scratch(shop))
    compared = compare(restored.digests, PgDump().source_digests(shop, taken), taken.taken_at)
    assert compared.different == ('public."Parts list"',)
    assert not came_back(compared).allowed


def test_a_dump_that_cannot_be_restored_leaves_no_database_behind(cluster: Cluster, shop: Source) -> None:
    taken = PgDump().take(shop, "MT-2026-00001", NOW)
    dump = Path(shop.path, taken.id)
    dump.write_bytes(dump.read_bytes()[:-600])
    with pytest.raises(ProductFailed, match="could not restore"):
        PgDump().restore(shop, taken, scratch(shop))
    with psycopg.connect(cluster.conninfo()) as admin:
        names = [row[0] for row in admin.execute("SELECT datname FROM pg_database")]
    assert not [name for name in names if name.startswith("qd_drill")]


def test_a_database_that_does_not_let_us_in_is_a_sentence_without_the_password(shop: Source) -> None:
    Path(shop.credential_file).write_text("*:*:*:admin:wrong horse\n")
    with pytest.raises(ProductFailed) as failed:
        PgDump().take(shop, "x", NOW)
    assert "horse" not in str(failed.value)
    assert os.listdir(shop.path) == []


def test_a_base_backup_is_taken_and_a_flipped_byte_in_it_is_found(shop: Source) -> None:
    product = PgBaseBackup()
    assert product.latest_snapshot(shop) is None
    taken = product.take(shop, "MT-2026-00001", NOW)
    found = product.latest_snapshot(shop)
    assert found is not None
    assert found.id == taken.id
    verified = product.verify(shop, found)
    assert verified.verified, verified.sentence
    path = Path(shop.path, taken.id, "global", "pg_filenode.map")
    content = bytearray(path.read_bytes())
    content[10] ^= 1
    path.write_bytes(content)
    assert not product.verify(shop, found).verified
