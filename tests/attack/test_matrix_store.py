"""The detection matrix of evidence.md section 2.5 on the live store, every cell, as `qd ledger verify` fills it.

`Y` is caught, `-` is not. The columns, each with what stands left of it: the log alone; the signatures of the
checkpoints in the store, by whatever key they carry; the signer pinned from elsewhere; the sealer's memory;
checkpoints that others hold of 64, 128 and 192 entries; and one of the newest entry. What no column catches is
explained in THREAT_MODEL.md.
"""

from collections.abc import Callable

import pytest
from tests.append_only import database_in_hand
from tests.attack import forged_ledger as forged
from tests.attack.forged_ledger import FILED, HELD, NEWEST, OLD, SIZE, Store, forge
from tests.attack.package_fixture import Key, Ledger

from quarterdeck.config.api import load
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import LedgerReport, Outside
from quarterdeck.evidence.models import Checkpoint, LedgerEntry, LedgerHead, LedgerTile
from quarterdeck.evidence.rows import insert_rows
from quarterdeck.kernel.clock import SystemClock
from quarterdeck_verify import checkpoint, entry, merkle, signers, trust

pytestmark = pytest.mark.django_db
KEY, OWN = Key.p256(), Key.p256()
GENUINE = forged.genuine(KEY)
PINS = signers.parse(KEY.allowed())
COLUMNS = ("log", "signatures", "pinned key", "sealer", "held by others", "newest held")

Attack = Callable[[int], Store]
ATTACKS: dict[str, Attack] = {
    "edit an old entry": lambda level: forge(GENUINE, forged.edited(OLD), level),
    "edit an old entry, checkpoints left": lambda level: forge(GENUINE, forged.edited(OLD), level, drop=False),
    "edit the newest entry": lambda level: forge(GENUINE, forged.edited(NEWEST), level),
    "delete an entry": lambda level: forge(GENUINE, forged.without(OLD), level),
    "delete an entry, checkpoints left": lambda level: forge(GENUINE, forged.without(OLD), level, drop=False),
    "cut past an anchor": lambda level: forge(GENUINE, forged.cut_to(150), level),
    "cut after the last anchor": lambda level: forge(GENUINE, forged.cut_to(195), level),
    "reorder": lambda level: forge(GENUINE, forged.reordered, level),
    "reorder, checkpoints left": lambda level: forge(GENUINE, forged.reordered, level, drop=False),
    "swap a file and its hash": lambda level: forge(GENUINE, forged.swapped, level),
    "delete a file": lambda level: forged.without_file(GENUINE),
    "roll back past an anchor": lambda level: forged.rolled_back(GENUINE, 150, level),
    "roll back after the last anchor": lambda level: forged.rolled_back(GENUINE, 195, level),
    "replace the key, sign anew": lambda level: forge(GENUINE, forged.edited(OLD), max(level, 1), key=OWN),
}
MATRIX = {
    "edit an old entry":                   ("YYYYYY", "---YYY", "----YY"),
    "edit an old entry, checkpoints left": ("YYYYYY", "-YYYYY", "----YY"),
    "edit the newest entry":               ("YYYYYY", "---Y-Y", "-----Y"),
    "delete an entry":                     ("YYYYYY", "---YYY", "----YY"),
    "delete an entry, checkpoints left":   ("YYYYYY", "-YYYYY", "----YY"),
    "cut past an anchor":                  ("YYYYYY", "---YYY", "----YY"),
    "cut after the last anchor":           ("YYYYYY", "---Y-Y", "-----Y"),
    "reorder":                             ("YYYYYY", "---YYY", "----YY"),
    "reorder, checkpoints left":           ("YYYYYY", "-YYYYY", "----YY"),
    "swap a file and its hash":            ("YYYYYY", "---YYY", "----YY"),
    "delete a file":                       ("YYYYYY", "YYYYYY", "YYYYYY"),
    "roll back past an anchor":            ("---YYY", "---YYY", "----YY"),
    "roll back after the last anchor":     ("---Y-Y", "---Y-Y", "-----Y"),
    "replace the key, sign anew":          ("--YYYY", "--YYYY", "--YYYY"),
}  # fmt: skip


def install(store: Store) -> None:
    """Write the rows, head, tiles, checkpoints and files as the attacker left them."""
    rows = []
    for seq, body, leaf in store.rows:
        told = entry.decode(body)
        rows.append((seq, told["event_id"], told["event"], told["ticket"], told["ticket_seq"], told["actor"]["id"],
                     told["object"]["type"], told["object"]["id"], leaf, body))  # fmt: skip
    frontier = merkle.Frontier()
    for _, _, leaf in store.rows:
        frontier.append(leaf)
    with database_in_hand():
        assert insert_rows(rows, SystemClock().now())
        LedgerHead.objects.create(id=1, size=store.head, tip=store.rows[-1][2], frontier=frontier.serialise())
        assert not LedgerTile.objects.exists(), "below 256 entries there is no full tile"
        for size, signed in store.checkpoints.items():
            root = checkpoint.parse(signed.body).root.hex()
            Checkpoint.objects.create(size=size, root=root, body=signed.body, sshsig=signed.sshsig, note=b"",
                                      key_id="x", reason="news", at=SystemClock().now())  # fmt: skip
    for sha256, content in store.files.items():
        path = load().objects_dir / sha256[:2] / sha256
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def held(*sizes: int) -> list[trust.Anchor]:
    return [trust.read_anchor(f"mail of {size}", GENUINE.checkpoints[size].body) for size in sizes]


def of_the_log_alone(report: LedgerReport) -> list[str]:
    return [problem for problem in report.problems if not problem.startswith("checkpoint")]


def verify(store: Store) -> list[list[str]]:
    """What is wrong, for each column."""
    plain = evidence.verify_ledger(outside=Outside(files=True))
    brought = (
        Outside(PINS, files=True),
        Outside(PINS, memory=store.memory, files=True),
        Outside(PINS, held(*HELD), files=True),
        Outside(PINS, held(*HELD, SIZE), files=True),
    )
    return [of_the_log_alone(plain), plain.problems, *(evidence.verify_ledger(outside=one).problems for one in brought)]


@pytest.mark.parametrize("level", [0, 1, 2], ids=["edits", "computes hashes", "holds the key"])
@pytest.mark.parametrize("attack", ATTACKS)
def test_every_cell(attack: str, level: int) -> None:
    store = ATTACKS[attack](level)
    install(store)
    found = verify(store)
    caught = "".join("Y" if problems else "-" for problems in found)
    assert caught == MATRIX[attack][level], dict(zip(COLUMNS, found, strict=True))


def test_the_genuine_store_is_whole() -> None:
    install(GENUINE)
    assert verify(GENUINE) == [[]] * len(COLUMNS)
    report = evidence.verify_ledger(outside=Outside(PINS, held(*HELD), files=True))
    assert (report.covered, report.files, report.checkpoints) == (192, 20, 4)


@pytest.mark.parametrize(
    ("attack", "level", "said"),
    [
        ("edit an old entry", 0, f"entry {OLD}: its bytes do not fit its leaf hash"),
        ("delete an entry", 0, f"entry {OLD + 1}: entry {OLD} is missing before it"),
        ("edit an old entry, checkpoints left", 1, "checkpoint 64 does not fit the entries before it"),
        ("replace the key, sign anew", 1, "a key that is not among the pinned signers"),
        ("edit the newest entry", 2, "mail of 200: the first 200 entries are not those that it saw"),
        ("cut past an anchor", 2, "mail of 192: it saw 192 entries, 150 are here: entries were removed"),
        ("delete a file", 2, f"entry {FILED}: its file session.cast ("),
    ],
)
def test_what_is_caught_is_named(attack: str, level: int, said: str) -> None:
    store = ATTACKS[attack](level)
    install(store)
    problems = evidence.verify_ledger(outside=Outside(PINS, held(*HELD, SIZE), files=True)).problems
    assert any(said in problem for problem in problems), problems


def test_a_file_that_an_entry_says_was_destroyed_is_not_missing() -> None:
    """Who removes the file without such an entry is found; the entry itself names the file as its object."""
    ledger = Ledger()
    ledger.add("session.ended", files=[("recording", "a.cast", b"x")])
    [sha256] = ledger.files
    gone = forged.seal(ledger.bodies, {}, KEY)
    ledger.add("artifact.disposed", thing=sha256)
    told = forged.seal(ledger.bodies, {}, KEY)
    install(gone)
    assert evidence.verify_ledger(outside=Outside(files=True)).problems == [
        f"entry 0: its file a.cast ({sha256}) is missing"
    ]
    with database_in_hand():
        for model in (LedgerEntry, LedgerHead, Checkpoint):
            model.objects.all().delete()
    install(told)
    assert evidence.verify_ledger(outside=Outside(files=True)).problems == []
