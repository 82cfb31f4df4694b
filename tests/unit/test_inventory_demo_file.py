"""The inventory of the demo is a file as a shop would have it: it imports without an error."""

from pathlib import Path

import quarterdeck
from quarterdeck.inventory.planning import RowKind, make_plan

FILE = Path(quarterdeck.__file__).parent / "entrypoints" / "demo" / "data" / "assets.csv"


class Cast:
    def person_of(self, email):
        name, _, domain = email.partition("@")
        return f"pe_{name}" if domain == "example.test" else None

    def email_of(self, person_id):
        return person_id.replace("pe_", "") + "@example.test"


def test_a_dozen_assets_import_without_an_error():
    made = make_plan(FILE.read_bytes(), None, (), Cast())
    assert made.errors == ()
    assert made.count(RowKind.ADD) >= 12
    assert not any("Ignored" in notice for notice in made.notices)


def test_the_shop_has_what_the_demo_needs():
    rows = {row.hostname: row for row in make_plan(FILE.read_bytes(), None, (), Cast()).rows}
    files = rows["files01"]
    assert files.fields.handles_cui
    assert files.fields.owner == "pe_casey"
    assert files.connection.elevation == "sudo"
    assert {row.fields.category for row in rows.values()} == {
        "cui_asset", "security_protection", "contractor_risk_managed", "specialized", "out_of_scope",
    }  # fmt: skip
    assert {row.fields.asset_kind for row in rows.values()} >= {"server", "workstation", "network", "printer"}
