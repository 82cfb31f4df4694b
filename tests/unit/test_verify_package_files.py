"""The files of a package: each has one spelling, and the writer refuses what the verifier would refuse."""

from dataclasses import replace
from io import BytesIO

import pytest
from tests.attack.package_fixture import BASE, LOG, Key, Ledger, small_ledger, work

from quarterdeck_verify import container, merkle, package, writer

SCOPE = package.Scope(
    kind="period",
    organisation="Acme Präzision",
    log=LOG,
    since="2026-11-01T00:00:00.000000Z",
    until=None,
    exported_at="2026-11-30T00:00:00.000000Z",
    tickets=(package.TicketHead("MT-2026-00001", 3, "a" * 64), package.TicketHead("MT-2026-00002", 1, "b" * 64)),
    ranges=(("MT-2025-00090", "MT-2025-00091"), ("MT-2026-00001", "MT-2026-00002")),
)
ROW = package.Withheld("c" * 64, 5, 7, "MT-2026-00001", "recording", "session.cast", "no_consent")


def test_scope_comes_back():
    data = package.make_scope(SCOPE)
    assert data.isascii()
    assert package.parse_scope(data) == SCOPE


@pytest.mark.parametrize(
    "changes",
    [
        {"since": "yesterday"},
        {"exported_at": None},
        {"organisation": 5},
        {"tickets": tuple(reversed(SCOPE.tickets))},
        {"tickets": SCOPE.tickets[:1] * 2},
        {"tickets": (package.TicketHead("MT-1", 1, "a" * 64),)},
        {"tickets": (package.TicketHead("MT-2026-00001", "1", "a" * 64),)},
        {"ranges": (("MT-2026-00003", "MT-2026-00001"),)},
        {"ranges": (("MT-2025-00003", "MT-2026-00004"),)},
        {"ranges": (("MT-2026-00001", "MT-2026-00002"), ("MT-2026-00004", "MT-2026-00005"))},
        {"ranges": tuple((f"MT-{year}-00001", f"MT-{year}-99999") for year in range(2000, 2020))},
    ],
)
def test_unsound_scopes_are_refused(changes):
    with pytest.raises(ValueError, match="spelling"):
        package.parse_scope(package.make_scope(replace(SCOPE, **changes)))
    with pytest.raises(ValueError, match="period"):
        package.make_scope(replace(SCOPE, kind="everything"))


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        ("2026-11-01T00:00:00.000000Z", "2026-12-01T00:00:00.000000Z", ["2026-11"]),
        ("2026-11-30T00:00:00.000000Z", "2026-12-01T00:00:00.000001Z", ["2026-11", "2026-12"]),
        ("2025-12-05T00:00:00.000000Z", "2026-02-01T00:00:00.000000Z", ["2025-12", "2026-01"]),
        (None, None, ["2026-11"]),
        ("2026-11-05T00:00:00.000000Z", "2026-11-05T00:00:00.000000Z", ["2026-11"]),
        ("2026-11-01T00:00:00.000000Z", "2026-11-01T00:00:00.000000Z", ["2026-11"]),
        ("2026-12-01T00:00:00.000000Z", "2026-11-01T00:00:00.000000Z", ["2026-12"]),
        ("9999-12-01T00:00:00.000000Z", "9999-12-31T00:00:00.000000Z", ["9999-12"]),
    ],
)
def test_months_of_a_period(since, until, expected):
    assert package.months(replace(SCOPE, since=since, until=until)) == expected


def test_withheld_rows_come_back_in_order():
    other = replace(ROW, seq=2, ticket="")
    assert package.parse_withheld(package.make_withheld([ROW, other])) == [other, ROW]
    for reason in ("", "because, well", "=cmd()", "a\nb", "ä"):
        with pytest.raises(ValueError, match="reason"):
            package.make_withheld([replace(ROW, reason=reason)])


def test_other_files_come_back():
    manifest = {"data/b": "b" * 64, "a": "a" * 64}
    assert package.make_manifest(manifest) == b"a" * 64 + b"  a\n" + b"b" * 64 + b"  data/b\n"
    assert package.parse_manifest(package.make_manifest(manifest)) == manifest
    info = {"Source-Organization": "Acme Präzision", "Bagging-Date": "2026-11-30"}
    assert package.parse_bag_info(package.make_bag_info(info)) == info
    steps = [package.ConsistencyStep(9, b"r" * 32, (b"p" * 32,)), package.ConsistencyStep(3, b"q" * 32, ())]
    assert package.parse_consistency(package.make_consistency(steps)) == steps[::-1]
    assert package.parse_proof_line(package.make_proof_line(4, [b"p" * 32])) == (4, [b"p" * 32])


@pytest.mark.parametrize("value", ["", "a\nb", "a\x1b[2Jb", "x" * 301])
def test_bag_information_holds_plain_lines_only(value):
    with pytest.raises(ValueError, match="bag-info"):
        package.make_bag_info({"Source-Organization": value})


def request(ledger, **changes):
    base = {
        "base": BASE,
        "kind": "ticket",
        "organisation": "Acme",
        "log": LOG,
        "exported_at": "2026-11-30T00:00:00.000000Z",
        "entries": list(ledger.bodies),
        "views": {"report.html": b"<p>x</p>"},
    }
    return writer.Request(**(base | changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"base": "has space"},
        {"base": "../up"},
        {"views": {}},
        {"views": {"report.html": b"", "ledger/entries.jsonl": b""}},
        {"views": {"report.html": b"", "artifacts/x": b""}},
        {"views": {"report.html": b"", "views.sha256": b""}},
        {"withheld": {"f" * 64: "no_consent"}},
        {"kind": "all"},
        {"exported_at": "now"},
        {"entries": [b"{}"]},
    ],
)
def test_the_writer_refuses_malformed_requests(changes):
    with pytest.raises(ValueError, match=r"\w"):
        writer.prepare(request(small_ledger(), **changes))


def sealed(ledger, last, key, **changes):
    size = len(ledger.leaves)
    node = merkle.leaf_nodes(ledger.leaves.__getitem__)
    body = ledger.checkpoint()
    base = {
        "exported_entry": ledger.bodies[last],
        "proofs": [merkle.inclusion_proof(node, seq, size) for seq in range(size)],
        "checkpoint": body,
        "checkpoint_signature": key.sign(package.CHECKPOINT_NAMESPACE)(body),
        "allowed_signers": key.allowed(),
    }
    return writer.Sealed(**(base | changes))


def test_the_writer_refuses_parts_that_do_not_belong_together():
    ledger, key = Ledger(), Key.ed25519()
    work(ledger, "MT-2026-00001")
    prepared = writer.prepare(request(ledger))
    last = ledger.add("package.exported", data=dict(prepared.exported_data))
    good = sealed(ledger, last, key)
    options = {"sign": key.sign(package.PACKAGE_NAMESPACE), "bagging_date": "2026-11-30"}
    assert writer.build_package(prepared, good, artifacts=ledger.files, **options)
    assert writer.build_package(prepared, good, artifacts=ledger.files, **options | {"sign": lambda _: b"x"})
    wrong_entry = replace(good, exported_entry=ledger.bodies[0])
    wrong_anchor = replace(good, anchors={"../x": b""})
    wrong_proofs = replace(good, proofs=good.proofs[1:])
    for bad in (wrong_entry, wrong_anchor, wrong_proofs):
        with pytest.raises(ValueError, match=r"\w"):
            writer.build_package(prepared, bad, artifacts=ledger.files, **options)
    with pytest.raises(ValueError, match="not what was announced"):
        writer.build_package(prepared, good, artifacts=dict.fromkeys(ledger.files, b"other"), **options)


def test_the_same_export_gives_the_same_bytes():
    ledger, key = Ledger(), Key.ed25519()
    work(ledger, "MT-2026-00001")
    prepared = writer.prepare(request(ledger))
    last = ledger.add("package.exported", data=dict(prepared.exported_data))
    parts = sealed(ledger, last, key)
    sign = key.sign(package.PACKAGE_NAMESPACE)
    packages = []
    for _ in range(2):
        out = BytesIO()
        writer.write_package(
            out,
            prepared,
            parts,
            open_artifact=lambda sha256: BytesIO(ledger.files[sha256]),
            sign=sign,
            bagging_date="2026-11-30",
        )
        packages.append(out.getvalue())
    assert packages[0] == packages[1]


def test_paths_of_artifacts_are_safe_at_their_longest():
    base = "B" * 50
    assert package.is_base_name(base)
    assert not package.is_base_name(base + "B")
    assert container.is_safe_path(f"{base}/" + package.artifact_path("MT-2026-00001", 10**10 - 1, 999, "n" * 100))
