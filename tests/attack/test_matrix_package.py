"""The detection matrix of evidence.md section 2.5 on the package, every cell: the verifier against three attackers.

`Y` is caught: ALTERED, or, where anchors were brought, anything but INTACT. `-` is not. The columns: what the
package says of itself without its signatures; its signatures by whatever key they carry; the pinned signer;
checkpoints that others hold of 64, 128 and 192 entries; and one of the newest entry. What is not caught is explained
in THREAT_MODEL.md.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.attack import forged_ledger as forged
from tests.attack.forged_ledger import FILED, HELD, NEWEST, OLD, SIZE, TICKET, Store, forge
from tests.attack.package_fixture import Key, Ledger, pack, remanifest, unpack, whole_slice

from quarterdeck_verify import checkpoint, entry, package, signers, trust, writer
from quarterdeck_verify.verification import Report, Verdict, verify

KEY, OWN = Key.p256(), Key.p256()
GENUINE = forged.genuine(KEY)
PINS = signers.parse(KEY.allowed())
COLUMNS = ("package alone", "signatures", "pinned key", "held by others", "newest held")
OF_SIGNATURES = ("signature.", "signer.", "anchor.contradicts")


def exported(store: Store, key: Key) -> bytes:
    """A package of everything in a store, made as the exporter makes it and signed by `key`."""
    ledger = Ledger(store.bodies(), [leaf for _, _, leaf in store.rows], minute=SIZE)
    prepared, sealed = whole_slice(ledger, key, [held for held in (*HELD, SIZE) if held <= len(ledger.leaves)])
    sign = key.sign(package.PACKAGE_NAMESPACE)
    return writer.build_package(prepared, sealed, artifacts=store.files, sign=sign, bagging_date="2026-11-30")


PACKAGE = exported(GENUINE, KEY)
EARLIER = {size: exported(forged.rolled_back(GENUINE, size, 2), KEY) for size in (150, 195)}


def by_hand(change: forged.Change) -> bytes:
    """L0: lines of the slice and files changed inside the package, nothing computed anew."""
    members, files = unpack(PACKAGE), dict(GENUINE.files)
    lines = members[package.ENTRIES].splitlines()
    before = [entry.decode(line) for line in lines]
    after = change([dict(told) for told in before[:-1]], files)
    kept = {told["seq"] for told in after}
    proofs = [line for line, told in zip(members[package.PROOFS].splitlines(), before, strict=True)
              if told["seq"] in kept or told is before[-1]]  # fmt: skip
    members[package.ENTRIES] = b"".join(entry.encode(told) + b"\n" for told in [*after, before[-1]])
    members[package.PROOFS] = b"".join(line + b"\n" for line in proofs)
    for told in after:
        for position, item in enumerate(told["artifacts"]):  # type: ignore[arg-type,var-annotated]
            path = package.artifact_path(told["ticket"], told["seq"], position, item["name"])  # type: ignore[arg-type]
            members[path] = files[item["sha256"]]
    return pack(members)


def computed(change: forged.Change) -> bytes:
    """L1: everything computed anew around the old signatures, which nobody without the key can replace."""
    members, genuine = unpack(exported(forge(GENUINE, change, 1), OWN)), unpack(PACKAGE)
    for name in (package.SIGNATURE, package.CHECKPOINT_SIGNATURE, package.SIGNERS):
        members[name] = genuine[name]
    return pack(remanifest(members))


def tampered(change: forged.Change) -> Callable[[int], bytes]:
    def attack(level: int) -> bytes:
        if level == 0:
            return by_hand(change)
        return computed(change) if level == 1 else exported(forge(GENUINE, change, 2), KEY)

    return attack


def without_file(level: int) -> bytes:
    [path] = [name for name in unpack(PACKAGE) if name.startswith(f"{package.ARTIFACTS}{TICKET}_{FILED}-")]
    members = {name: data for name, data in unpack(PACKAGE).items() if name != path}
    if level == 0:
        return pack(members)
    return pack(remanifest(members, KEY if level == 2 else None))


ATTACKS: dict[str, Callable[[int], bytes]] = {
    "edit an old entry": tampered(forged.edited(OLD)),
    "edit the newest entry": tampered(forged.edited(NEWEST)),
    "delete an entry": tampered(forged.without(OLD)),
    "cut past an anchor": tampered(forged.cut_to(150)),
    "cut after the last anchor": tampered(forged.cut_to(195)),
    "reorder": tampered(forged.reordered),
    "swap a file and its hash": tampered(forged.swapped),
    "delete a file": without_file,
    "hand out the package of an earlier day": lambda level: EARLIER[150],
    "hand out one that is newer than the anchors": lambda level: EARLIER[195],
    "replace the key, sign anew": lambda level: exported(forge(GENUINE, forged.edited(OLD), 1, key=OWN), OWN),
}
MATRIX = {
    "edit an old entry":                           ("YYYYY", "-YYYY", "---YY"),
    "edit the newest entry":                       ("YYYYY", "-YYYY", "----Y"),
    "delete an entry":                             ("YYYYY", "-YYYY", "---YY"),
    "cut past an anchor":                          ("YYYYY", "-YYYY", "---YY"),
    "cut after the last anchor":                   ("YYYYY", "-YYYY", "----Y"),
    "reorder":                                     ("YYYYY", "-YYYY", "---YY"),
    "swap a file and its hash":                    ("YYYYY", "-YYYY", "---YY"),
    "delete a file":                               ("YYYYY", "YYYYY", "YYYYY"),
    "hand out the package of an earlier day":      ("---YY", "---YY", "---YY"),
    "hand out one that is newer than the anchors": ("----Y", "----Y", "----Y"),
    "replace the key, sign anew":                  ("--YYY", "--YYY", "--YYY"),
}  # fmt: skip


def judged(data: bytes, folder: Path) -> list[Report]:
    path = folder / "package.zip"
    path.write_bytes(data)
    kept = {size: checkpoint.parse(GENUINE.checkpoints[size].body) for size in (*HELD, SIZE)}
    anchors = [trust.Anchor(f"mail of {size}", (one,)) for size, one in kept.items()]
    return [verify(path), verify(path, PINS), verify(path, PINS, anchors[:-1]), verify(path, PINS, anchors)]


def cells(found: list[Report]) -> str:
    plain, pinned, *anchored = found
    alone = any(not finding.code.startswith(OF_SIGNATURES) for finding in plain.findings)
    altered = [alone, *(one.verdict is Verdict.ALTERED for one in (plain, pinned))]
    return "".join("Y" if caught else "-" for caught in [*altered, *(one.exit_code != 0 for one in anchored)])


@pytest.mark.parametrize("level", [0, 1, 2], ids=["edits", "computes hashes", "holds the key"])
@pytest.mark.parametrize("attack", ATTACKS)
def test_every_cell(attack: str, level: int, tmp_path: Path) -> None:
    found = judged(ATTACKS[attack](level), tmp_path)
    told = {name: (one.verdict, list(one.findings)) for name, one in zip(COLUMNS[1:], found, strict=True)}
    assert cells(found) == MATRIX[attack][level], told


def test_the_genuine_package_is_intact(tmp_path: Path) -> None:
    *_, anchored, newest = found = judged(PACKAGE, tmp_path)
    assert cells(found) == "-----"
    assert "It covers 192 of 201 entries" in anchored.checks["anchored"].sentence
    assert "It covers 200 of 201 entries" in newest.checks["anchored"].sentence


@pytest.mark.parametrize(
    ("attack", "level", "where", "said"),
    [
        ("edit an old entry", 0, f"entry {OLD}", "It is not in the ledger that the checkpoint signs."),
        ("delete an entry", 0, TICKET, f"Its entry {OLD // 2 + 1} is missing before ledger entry {OLD + 2}."),
        ("swap a file and its hash", 0, f"entry {FILED}", "It is not in the ledger that the checkpoint signs."),
        ("swap a file and its hash", 1, package.SIGNATURE, f"It does not sign {package.TAG_MANIFEST}."),
        ("delete a file", 2, f"{package.ARTIFACTS}{TICKET}_{FILED}-0_session.cast", f"Entry {FILED} names this file"),
        ("edit an old entry", 2, "mail of 64: checkpoint of 64 entries", "it was rewritten"),
        ("replace the key, sign anew", 1, package.SIGNATURE, "a key that is not among the pinned signers"),
    ],
)
def test_what_is_caught_is_named(attack: str, level: int, where: str, said: str, tmp_path: Path) -> None:
    *_, newest = judged(ATTACKS[attack](level), tmp_path)
    told = [finding for finding in newest.findings if finding.where == where]
    assert any(said in finding.sentence for finding in told), list(newest.findings)


def test_a_package_of_an_earlier_day_is_not_called_altered(tmp_path: Path) -> None:
    """It is genuine; that the ledger went on since, or was set back, is what the newer anchor makes the report say."""
    *_, anchored, _ = judged(EARLIER[150], tmp_path)
    assert anchored.verdict is Verdict.UNANCHORED
    assert "mail of 192: checkpoint of 192 entries is newer than the package" in anchored.checks["anchored"].sentence


def test_dropping_the_proof_from_a_held_size_is_no_way_out(tmp_path: Path) -> None:
    """L2 rewrites what lies after 128 and leaves out the proof from 192, which would contradict."""
    forged_ = forge(GENUINE, forged.edited(150), 2)
    members = unpack(exported(forged_, KEY))
    steps = package.parse_consistency(members[package.CONSISTENCY])
    members[package.CONSISTENCY] = package.make_consistency(step for step in steps if step.size == 128)
    _, _, anchored, _ = judged(pack(remanifest(members, KEY)), tmp_path)
    assert anchored.verdict is Verdict.UNANCHORED
    assert replace(anchored.checks["anchored"]).sentence.startswith("Entries from 128 on were seen by an anchor")
