"""Two whole installations witness each other over HTTP, as an MSP and its customer; then one machine is rolled back."""

import hashlib
import shutil
import sqlite3
import time

import httpx
import pytest
from tests.app.test_cli_installation import Installation, ended

from quarterdeck_verify import cosignature

pytestmark = pytest.mark.slow
PARTS = ("data", "data-sealer", "data-signer")


def ask(installation, query):
    path = installation.folder / "data" / "db.sqlite3"
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        return connection.execute(query).fetchall()


def until(question, what, seconds=60):
    deadline = time.monotonic() + seconds
    while not (answer := question()):
        assert time.monotonic() < deadline, what
        time.sleep(0.1)
    return answer


def receipts(installation):
    rows = "SELECT checkpoint_id, receipt FROM evidence_anchorreceipt WHERE channel = 'witness' ORDER BY 1 DESC"
    return ask(installation, rows)


def newest_is_cosigned(installation):
    rows = receipts(installation)
    size = ask(installation, "SELECT max(size) FROM evidence_checkpoint")[0][0]
    return rows if rows and rows[0][0] == size else []


@pytest.fixture
def pair(tmp_path):
    """Customer and MSP, each with its own log, each other's witness; both have been started once for their keys."""
    found = []
    for name in ("customer", "msp"):
        (tmp_path / name).mkdir()
        one = Installation(tmp_path / name, QD_LEDGER_ORIGIN=f"{name}.example/ledger")
        one.init()
        running = one.up()
        until(lambda one=one: ask(one, "SELECT size FROM evidence_checkpoint"), "nothing was sealed")
        assert ended(running) == 0
        found.append(one)
    keys = [one.qd("ledger", "key", "--witness").stdout.split() for one in found]
    for one, other, (log, witness) in ((found[0], found[1], keys[1]), (found[1], found[0], keys[0])):
        one.environment["QD_WITNESSED_LOGS"] = log
        one.environment["QD_WITNESSES"] = f"independent {other.environment['QD_URL']}/witness {witness}"
    return found


def test_two_instances_hold_each_other(pair):
    customer, msp = pair
    running = [one.up() for one in pair]
    try:
        for one, other in ((customer, msp), (msp, customer)):
            (size, receipt), *_ = until(lambda one=one: newest_is_cosigned(one), "not cosigned")
            key = cosignature.parse_key(other.qd("ledger", "key", "--witness").stdout.split()[1])
            body = bytes(ask(one, f"SELECT body FROM evidence_checkpoint WHERE size = {size}")[0][0])  # noqa: S608
            (line,) = cosignature.parse_lines(receipt.encode() + b"\n")
            assert cosignature.cosigned_at(line, key, body)
        before = [ask(one, "SELECT count(*) FROM evidence_ledgerentry") for one in pair]
        customer.qd("ledger", "rotate-key")
        until(lambda: newest_is_cosigned(customer), "the checkpoint after the change of keys was not cosigned")
        after = ask(msp, "SELECT count(*) FROM evidence_ledgerentry")
        assert after == before[1], "witnessing makes no entries, so two witnesses make no endless news"
        origin = hashlib.sha256(b"customer.example/ledger").hexdigest()
        served = httpx.get(f"{msp.environment['QD_URL']}/witness/{origin}/checkpoint")
        assert (served.status_code, served.headers["Cache-Control"]) == (200, "no-store")
        text, lines = cosignature.split_note(served.content)
        assert cosignature.parse_text(text).origin == "customer.example/ledger"
        assert [line.name for line in lines] == ["customer.example/ledger", "msp.example/witness"]
        url = f"{msp.environment['QD_URL']}/witness/add-checkpoint"
        assert httpx.get(url).status_code == 405
        assert httpx.post(url, content=b"rubbish").status_code == 400
        assert httpx.post(url, content=b"x" * 300_000).status_code == 413
    finally:
        assert [ended(process) for process in running] == [0, 0]


def test_a_whole_machine_that_is_rolled_back_shows_at_the_witness(pair, tmp_path):
    """Database, sealer and keys together are put back: nothing on the machine itself can tell (attacks.md row 15)."""
    customer, msp = pair
    for part in PARTS:
        shutil.copytree(customer.folder / part, tmp_path / "kept" / part, ignore=shutil.ignore_patterns("*.sock"))
    running = [one.up() for one in pair]
    try:
        until(lambda: newest_is_cosigned(customer), "not cosigned")
        customer.qd("ledger", "rotate-key")
        until(lambda: newest_is_cosigned(customer), "not cosigned")
        assert ended(running[0]) == 0
        for part in PARTS:
            shutil.rmtree(customer.folder / part)
            shutil.copytree(tmp_path / "kept" / part, customer.folder / part)
        running[0] = customer.up()
        log = customer.folder / "data" / "logs" / "ticker.log"
        until(lambda: "older than what others hold" in log.read_text(), "the witness was not asked")
        assert receipts(customer) == []
        told = until(lambda: ask(customer, "SELECT kind FROM evidence_sealingtrouble"), "no page says it")
        assert told == [("witness:msp.example/witness",)]
        assert "may begin anew" in msp.qd("ledger", "witness-forget", "customer.example/ledger").stdout
        until(lambda: newest_is_cosigned(customer), "not cosigned after the witness was told", seconds=90)
        until(lambda: not ask(customer, "SELECT kind FROM evidence_sealingtrouble"), "the page goes on saying it")
        assert ask(msp, "SELECT count(*) FROM evidence_ledgerentry WHERE event = 'witness.log_forgotten'") == [(1,)]
    finally:
        assert [ended(process) for process in running] == [0, 0]
