"""Attacks that leave out or forge (attacks.md rows 6 and 8): holes, dropped sessions, forged views and lists."""

import hashlib
import json

import pytest
from tests.attack.package_fixture import (
    TICKETS,
    Key,
    codes,
    judge,
    judge_world,
    make_world,
    pack,
    remanifest,
    small_ledger,
    unpack,
)

from quarterdeck_verify import encrypted, entry, package, report


@pytest.fixture(scope="module")
def world():
    return make_world()


def slice_lines(members):
    bodies = members[package.ENTRIES].splitlines()
    return list(zip(bodies, members[package.PROOFS].splitlines(), strict=True))


def with_lines(world, lines, key=None):
    """The package with these entries and proofs; every manifest fits; signed again where the key was stolen."""
    members = unpack(world.data)
    members[package.ENTRIES] = b"".join(body + b"\n" for body, _ in lines)
    members[package.PROOFS] = b"".join(proof + b"\n" for _, proof in lines)
    return pack(remanifest(members, key))


def wrong(found):
    return {(finding.where, finding.code) for finding in found.findings}


@pytest.mark.parametrize("stolen", [False, True], ids=["no key", "package key stolen"])
def test_each_missing_entry_is_noticed(world, tmp_path, stolen):
    lines = slice_lines(unpack(world.data))
    for place in range(len(lines)):
        data = with_lines(world, lines[:place] + lines[place + 1 :], world.key if stolen else None)
        found = judge_world(world, tmp_path, data)
        assert found.exit_code == 1, place
        assert codes(found) & {"export.entries", "export.missing"}, place
        ticket = json.loads(lines[place][0])["ticket"]
        assert ticket is None or (ticket, "ticket.hole") in wrong(found), place


def test_a_dropped_session_is_named(world, tmp_path):
    lines = [line for line in slice_lines(unpack(world.data)) if b'"event":"session.' not in line[0]]
    found = judge_world(world, tmp_path, with_lines(world, lines, world.key))
    assert {(ticket, "ticket.hole") for ticket in TICKETS} <= wrong(found)
    text = report.as_text(found, "package.zip")
    assert "MT-2026-00001: Its entries 4 to 5 are missing before ledger entry 16." in text
    assert "session.cast: No entry of the package names this file." in text


def test_a_dropped_ticket_is_named(world, tmp_path):
    lines = [line for line in slice_lines(unpack(world.data)) if TICKETS[1].encode() not in line[0]]
    found = judge_world(world, tmp_path, with_lines(world, lines, world.key))
    assert (TICKETS[1], "scope.tickets") in wrong(found)
    assert found.tickets.missing == ("MT-2026-00002", "MT-2026-00003")


@pytest.mark.parametrize("keep", range(0, 21, 3))
def test_a_truncated_slice(world, tmp_path, keep):
    lines = slice_lines(unpack(world.data))[:keep]
    assert "export.missing" in codes(judge_world(world, tmp_path, with_lines(world, lines, world.key)))


def test_reordered_and_doubled_entries(world, tmp_path):
    lines = slice_lines(unpack(world.data))
    for changed in ([*lines[:4], lines[5], lines[4], *lines[6:]], [*lines[:5], *lines[4:]]):
        found = judge_world(world, tmp_path, with_lines(world, changed, world.key))
        assert "entry.order" in codes(found)


def test_an_edited_entry(world, tmp_path):
    lines = slice_lines(unpack(world.data))
    lines[3] = (lines[3][0].replace(b"pe_iris", b"pe_avery"), lines[3][1])
    found = judge_world(world, tmp_path, with_lines(world, lines, world.key))
    assert {("entry 3", "entry.unproven"), ("entry 4", "entry.chain"), (TICKETS[0], "ticket.chain")} <= wrong(found)


def test_an_entry_with_the_proof_of_another(world, tmp_path):
    lines = slice_lines(unpack(world.data))
    lines[3] = (lines[3][0], lines[4][1])
    assert "proof.other" in codes(judge_world(world, tmp_path, with_lines(world, lines, world.key)))
    lines[3] = (lines[3][0], package.make_proof_line(3, package.parse_proof_line(lines[4][1])[1]))
    assert ("entry 3", "entry.unproven") in wrong(judge_world(world, tmp_path, with_lines(world, lines, world.key)))


def test_a_proof_or_an_entry_without_partner(world, tmp_path):
    for name in (package.ENTRIES, package.PROOFS):
        members = unpack(world.data)
        members[name] = members[name].rsplit(b"\n", 2)[0] + b"\n"
        found = judge_world(world, tmp_path, pack(remanifest(members, world.key)))
        assert "slice.uneven" in codes(found)


@pytest.mark.parametrize(
    "name", [package.REPORT, package.SCOPE, package.WITHHELD, "data/tickets/MT-2026-00001/timeline.csv"]
)
@pytest.mark.parametrize("stolen", [False, True], ids=["no key", "package key stolen"])
def test_a_forged_view_around_a_genuine_slice(world, tmp_path, name, stolen):
    key = world.key if stolen else None
    forged = unpack(world.data)
    forged[name] = forged[name].replace(b"2026", b"2025").replace(b"Two", b"Ten") + b"\n"
    found = judge_world(world, tmp_path, pack(remanifest(forged, key)))
    assert (name, "view.forged") in wrong(found)
    listed = package.parse_manifest(forged[package.VIEWS])
    listed[name] = hashlib.sha256(forged[name]).hexdigest()
    forged[package.VIEWS] = package.make_manifest(listed)
    found = judge_world(world, tmp_path, pack(remanifest(forged, key)))
    assert (package.VIEWS, "export.views") in wrong(found)


def test_a_view_that_is_added_or_left_out(world, tmp_path):
    members = unpack(world.data) | {"data/summary.html": b"<p>MET</p>"}
    assert ("data/summary.html", "view.unrecorded") in wrong(
        judge_world(world, tmp_path, pack(remanifest(members, world.key)))
    )
    members = unpack(world.data)
    name = "data/tickets/MT-2026-00001/timeline.csv"
    del members[name]
    assert (name, "view.missing") in wrong(judge_world(world, tmp_path, pack(remanifest(members, world.key))))


def recordings(world):
    return sorted(name for name in unpack(world.data) if name.endswith("session.cast"))


def test_a_recording_that_is_removed_swapped_or_renamed(world, tmp_path):
    first, second, _ = recordings(world)
    members = unpack(world.data)
    removed = {name: data for name, data in members.items() if name != first}
    swapped = members | {first: members[second], second: members[first]}
    renamed = removed | {first.replace("session", "cession"): members[first]}
    for changed, code in ((removed, "artifact.missing"), (swapped, "artifact.changed"), (renamed, "artifact.unknown")):
        found = judge_world(world, tmp_path, pack(remanifest(changed, world.key)))
        assert code in codes(found)
        assert first.removesuffix("session.cast") in report.as_text(found, "x")


def test_a_recording_that_is_declared_withheld_afterwards(world, tmp_path):
    [first, *_] = recordings(world)
    members = unpack(world.data)
    content = members.pop(first)
    sha256 = hashlib.sha256(content).hexdigest()
    row = package.Withheld(sha256, len(content), 5, TICKETS[0], "recording", "session.cast", "no_consent")
    assert first == package.artifact_path(row.ticket, row.seq, 0, row.name)
    members[package.WITHHELD] = package.make_withheld([row])
    found = judge_world(world, tmp_path, pack(remanifest(members, world.key)))
    assert wrong(found) == {(package.WITHHELD, "view.forged")}


def test_an_honestly_withheld_recording_is_said_and_intact(tmp_path):
    ledger = small_ledger()
    sha256s = [sha for sha, content in ledger.files.items() if TICKETS[1].encode() in content]
    withheld = make_world(ledger, withheld=dict.fromkeys(sha256s, "no_consent"))
    found = judge_world(withheld, tmp_path)
    assert found.exit_code == 0
    text = report.as_text(found, "x")
    assert "session.cast (MT-2026-00002): no_consent" in text
    assert "Files that are withheld: 1." in text


def test_an_exporter_that_leaves_out_an_entry_itself(tmp_path):
    """Who runs the exporter can record any slice; the tickets' own numbers still show the hole."""
    dishonest = make_world(leave_out=[4])
    found = judge_world(dishonest, tmp_path)
    assert wrong(found) >= {(TICKETS[0], "ticket.hole")}


def test_an_exporter_that_cuts_the_end_of_a_closed_ticket(tmp_path):
    """The month's seal knows how many entries each ticket had."""
    dishonest = make_world(leave_out=[16])
    found = judge_world(dishonest, tmp_path)
    assert "Entry 20 counts 6 entries of MT-2026-00001; the package has fewer." in report.as_text(found, "x")


def test_an_exporter_that_leaves_out_a_ticket_says_so(tmp_path):
    for ranges in ([("MT-2026-00001", "MT-2026-00004")], []):
        found = judge_world(make_world(tickets=TICKETS[:2], ranges=ranges), tmp_path)
        assert found.exit_code == 0
        text = report.as_text(found, "x")
        assert "2 of 4 tickets of the period, 2 not included: MT-2026-00003, MT-2026-00004." in text


def test_an_exporter_that_names_fewer_tickets_is_told_on(tmp_path):
    """Without the month's seal only the exporter says how many tickets there are, and the report says that."""
    dishonest = make_world(tickets=TICKETS[:1], ranges=[(TICKETS[0], TICKETS[0])], leave_out=[20])
    found = judge_world(dishonest, tmp_path)
    assert found.tickets.missing == ()
    assert "exporter does not name: 2026-11 is not sealed" in report.as_text(found, "x")
    sealed = judge_world(make_world(tickets=TICKETS[:1], ranges=[(TICKETS[0], TICKETS[0])]), tmp_path)
    assert "1 of 4 tickets" in report.as_text(sealed, "x")
    assert "not sealed" not in report.as_text(sealed, "x")


def test_an_entry_back_dated_by_the_owner_of_the_ledger(tmp_path):
    ledger = small_ledger()
    back = ledger.add("ticket.approved", TICKETS[2], ts="2026-11-02T08:00:30.000000Z")
    found = judge_world(make_world(ledger), tmp_path)
    assert (f"entry {back}", "entry.time") in wrong(found)


def test_a_wrong_count_in_a_closing_entry(tmp_path):
    ledger = small_ledger()
    ledger.add("ticket.closed", TICKETS[2], {"count": 4, "head": "0" * 64})
    found = judge_world(make_world(ledger), tmp_path)
    assert (TICKETS[2], "ticket.head") in wrong(found)


def test_an_entry_that_is_no_entry(world, tmp_path):
    for place, (body, proof) in enumerate(slice_lines(unpack(world.data))[:3]):
        lines = slice_lines(unpack(world.data))
        lines[place] = (body.replace(b'"v":1', b'"v":1.0'), proof)
        found = judge_world(world, tmp_path, with_lines(world, lines, world.key))
        assert (f"{package.ENTRIES} line {place + 1}", "entry.malformed") in wrong(found)
        lines[place] = (body, proof.replace(b'"seq"', b'"SEQ"'))
        found = judge_world(world, tmp_path, with_lines(world, lines, world.key))
        assert (f"{package.PROOFS} line {place + 1}", "proof.malformed") in wrong(found)


def test_an_endless_line(world, tmp_path):
    for name in (package.ENTRIES, package.PROOFS):
        members = unpack(world.data) | {name: b"[" * (5 << 20)}
        found = judge_world(world, tmp_path, pack(remanifest(members, world.key)))
        assert codes(found) & {"entry.malformed", "proof.malformed"}
        assert name in report.as_text(found, "x")


def test_files_too_large_to_be_genuine(world, tmp_path):
    for name in (package.CHECKPOINT, package.BAG_INFO, package.SIGNATURE):
        found = judge_world(world, tmp_path, pack(unpack(world.data) | {name: bytes(3 << 20)}))
        assert (name, "member.too_large") in wrong(found)


def test_an_entry_of_another_log(world, tmp_path):
    lines = slice_lines(unpack(world.data))
    lines[2] = (lines[2][0].replace(b"quarterdeck.example", b"quarterdeck.exemple"), lines[2][1])
    found = judge_world(world, tmp_path, with_lines(world, lines, world.key))
    assert ("entry 2", "entry.log") in wrong(found)


def test_the_export_of_another_package(world, tmp_path):
    members = unpack(world.data)
    members[package.BAG_INFO] = members[package.BAG_INFO].replace(b"ACME-2026-11", b"ACME-2026-12")
    data = pack(remanifest(members, world.key), base="MA-EVIDENCE-ACME-2026-12")
    assert codes(judge_world(world, tmp_path, data)) == {"export.other"}


@pytest.mark.parametrize("heads", [None, "none", [None], [{"ticket": TICKETS[0]}], [{"count": True, "head": "x"}]])
def test_a_seal_of_the_month_that_cannot_be_read(tmp_path, heads):
    ledger = small_ledger()
    seq = ledger.add("period.sealed", data={"period": "2026-12", "heads": heads})
    found = judge_world(make_world(ledger), tmp_path)
    assert wrong(found) == {(f"entry {seq}", "entry.malformed")}


def test_ticket_entries_that_stand_twice(tmp_path):
    """A ledger whose owner restarted a ticket's numbers."""
    ledger = small_ledger()
    ledger.tickets[TICKETS[0]].clear()
    ledger.add("ticket.submitted", TICKETS[0])
    found = judge_world(make_world(ledger), tmp_path)
    assert (TICKETS[0], "ticket.order") in wrong(found)


def test_one_file_with_two_sizes(tmp_path):
    ledger = small_ledger()
    body = entry.decode(ledger.bodies[5])
    assert body["artifacts"]
    ledger.add("backup.verified", TICKETS[2], files=[("proof", "x.json", b"two sizes")])
    changed = entry.decode(ledger.bodies[-1])
    changed["artifacts"] = [body["artifacts"][0] | {"size": 1}]
    ledger.bodies[-1] = entry.encode(changed)
    ledger.leaves[-1] = ledger.tickets[TICKETS[2]][-1] = entry.leaf_hash(ledger.bodies[-1])
    found = judge_world(make_world(ledger), tmp_path)
    assert (f"entry {len(ledger.leaves) - 3}", "entry.artifact") in wrong(found)


def test_a_recording_said_to_be_encrypted_that_is_nowhere(tmp_path):
    """An exporter that leaves a file out under the better-sounding reason is found out."""
    ledger = small_ledger()
    sha256s = [sha256 for sha256, data in ledger.files.items() if data.startswith(b'{"version":2')][:1]
    made = make_world(ledger, withheld=dict.fromkeys(sha256s, "encrypted"))
    found = judge_world(made, tmp_path)
    assert {finding.code for finding in found.findings} == {"encrypted.missing"}
    assert ([row.sha256 for row in found.encrypted], found.withheld) == (sha256s, [])


@pytest.mark.parametrize("path", ["encrypted/one.cms", "other/one.cms", "encrypted/short.cms"])
def test_one_file_does_not_stand_for_two_recordings_nor_a_short_one_for_a_long(tmp_path, path):
    ledger = small_ledger()
    sha256s = [sha256 for sha256, data in ledger.files.items() if data.startswith(b'{"version":2')][:2]
    assert len(sha256s) == 2
    named = [path] * 2 if path == "encrypted/one.cms" else [path, f"{path}2"]
    rows = [f"{name},CMS,1,1,{sha256},9,0,,recording,x" for name, sha256 in zip(named, sha256s, strict=True)]
    content = b"x" * (3 if "short" in path else 1_000_000)
    views = dict.fromkeys(dict.fromkeys(named), content) | {
        "encrypted.csv": "\n".join([",".join(encrypted.HEADER), *rows, ""]).encode()
    }
    found = judge_world(make_world(ledger, withheld=dict.fromkeys(sha256s, "encrypted"), views=views), tmp_path)
    assert [finding.code for finding in found.findings if finding.code == "encrypted.missing"] == [
        "encrypted.missing"
    ] * 2


def test_a_file_withheld_that_no_entry_names(world, tmp_path):
    members = unpack(world.data)
    row = package.Withheld("f" * 64, 5, 5, TICKETS[0], "recording", "other.cast", "no_consent")
    members[package.WITHHELD] = package.make_withheld([row])
    found = judge_world(world, tmp_path, pack(remanifest(members, world.key)))
    assert (package.WITHHELD, "withheld.unknown") in wrong(found)


def test_no_key_at_all_is_also_a_wrong_signature(world, tmp_path):
    found = judge(pack(remanifest(unpack(world.data) | {package.REPORT: b"x"})), tmp_path)
    assert {"signature.wrong", "view.forged"} <= codes(found)
    found = judge(pack(remanifest(unpack(world.data) | {package.REPORT: b"x"}, Key.p256())), tmp_path)
    assert codes(found) == {"view.forged"}
