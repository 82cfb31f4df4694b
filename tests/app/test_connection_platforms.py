"""The platform of a connection: chosen on the page, over REST and in the CSV; sealed and approved."""

import pytest
from tests.access_shop import Place, Shop, approved_ticket, authorise, make_shop
from tests.append_only import database_in_hand

from quarterdeck.baselines import api as baselines
from quarterdeck.entrypoints.api.inventory_schemas import ConnectionIn
from quarterdeck.entrypoints.web.asset_forms import ConnectionForm
from quarterdeck.entrypoints.web.drift_facts import posture_name
from quarterdeck.entrypoints.web.ways import way_words
from quarterdeck.evidence.api import act
from quarterdeck.inventory import api as inventory
from quarterdeck.inventory.api import AssetKind, ConnectionFields, Platform
from quarterdeck.inventory.columns import connection_cells
from quarterdeck.kernel.clock import SystemClock
from quarterdeck.kernel.decision import Refused
from quarterdeck.tickets import api as tickets

pytestmark = pytest.mark.django_db
TYPED = {"address": "192.0.2.9", "port": "22", "target_account": "maint", "elevation": "none", "host_identity": ""}


def shop(platform: str = "unix", roots: tuple[str, ...] = ("/etc",)) -> Shop:
    made = make_shop(SystemClock(), {"web01": Place(watched_roots=roots, platform=platform)})
    authorise(made, "sam")
    return made


def by_hand(column: str, value: str, connection_id: str) -> None:
    """Write what nobody recorded, as somebody with the database could."""
    statements = {
        "platform": "UPDATE inventory_connection SET platform = %s WHERE id = %s",
        "salt": "UPDATE inventory_connection SET salt = %s WHERE id = %s",
    }
    with database_in_hand() as cursor:
        cursor.execute(statements[column], [value, connection_id])


def change(made: Shop, **fields: object) -> None:
    asset, link = made.asset, inventory.connection(made.connection)
    said = {name: getattr(link.fields, name) for name in ConnectionFields.__dataclass_fields__} | fields
    inventory.set_connection(
        asset, ConnectionFields(**said), connection_id=link.id, actor=made.actor("iris"), clock=made.clock
    )


def test_the_page_offers_the_platforms_and_unix_is_what_nobody_chose() -> None:
    form = ConnectionForm({**TYPED, "watched_roots": "/etc"})
    assert form.is_valid(), form.errors
    assert form.connection().platform == Platform.UNIX
    chosen = ConnectionForm({**TYPED, "platform": "windows", "watched_roots": "/C:/Windows/System32/drivers"})
    assert chosen.is_valid()
    assert inventory.check_connection(chosen.connection()).allowed
    assert "transcripts" in str(chosen.fields["platform"].help_text)


@pytest.mark.parametrize(
    ("platform", "roots", "elevation", "code"),
    [
        ("windows", ("/etc",), "none", "watched_roots.drive"),
        ("unix", ("/C:/Windows",), "none", "watched_roots.no_drive"),
        ("junos", ("/etc",), "none", "watched_roots.device"),
        ("windows", ("/C:/Data",), "sudo", "elevation.platform"),
        ("windows", ("/C:/a b",), "none", "watched_roots.grammar"),
        ("windows", ("/C:/../x",), "none", "watched_roots.grammar"),
        ("amiga", (), "none", "platform.choice"),
    ],
)
def test_what_does_not_go_together_is_named(platform: str, roots: tuple[str, ...], elevation: str, code: str) -> None:
    fields = ConnectionFields("192.0.2.9", "maint", elevation=elevation, watched_roots=roots, platform=platform)
    assert code in inventory.check_connection(fields).codes or any(
        one.startswith("platform.") for one in inventory.check_connection(fields).codes
    )


def test_rest_and_csv_carry_it() -> None:
    body = ConnectionIn(address="192.0.2.9", target_account="maint", platform=Platform.CISCO_IOS)
    assert body.fields().platform == Platform.CISCO_IOS
    assert connection_cells(body.fields())["platform"] == "cisco_ios"
    made = shop()
    view = inventory.asset(made.asset)
    assert "unix" not in way_words(view.connections[0])
    change(made, platform="windows", watched_roots=("/C:/Data",))
    assert way_words(inventory.connection(made.connection)).endswith("Windows")
    assert view.asset_kind is AssetKind.SERVER


def test_rows_and_approvals_of_unix_are_as_before_and_a_changed_platform_voids_the_approval() -> None:
    made = shop()
    number = approved_ticket(made)
    frozen = inventory.frozen_asset(made.asset, made.connection)
    assert "platform" not in str(frozen)
    assert inventory.check_row(made.asset, made.connection).allowed
    by_hand("platform", "windows", made.connection)
    assert inventory.check_row(made.asset, made.connection).codes == ("connection.unsealed",)
    by_hand("platform", "unix", made.connection)
    change(made, platform="windows", watched_roots=("/C:/Data",))
    assert "'platform': 'windows'" in str(inventory.frozen_asset(made.asset, made.connection))
    with pytest.raises(Refused), act(made.actor("sam"), made.clock) as opening:
        tickets.open_ticket(opening, number)


def test_each_platform_has_its_program_and_no_other() -> None:
    hashes = {one: baselines.program_for(one) for one in Platform}
    assert len(set(hashes.values())) == len(Platform)
    assert baselines.is_installed(baselines.fallback_sha256(), Platform.UNIX, "none")
    for one in Platform:
        if one is not Platform.UNIX:
            assert not baselines.is_installed(baselines.collector_sha256(), one, "none")
            assert not baselines.is_installed(baselines.fallback_sha256(), one, "none")
    made = shop("fortios", ())
    assert baselines.program_at(made.connection) == baselines.family_sha256("fortios")
    assert baselines.program_at("co_nothing") == baselines.collector_sha256()


def test_marks_of_secrets_are_stable_for_a_connection_and_differ_between_connections() -> None:
    made = shop("cisco_ios", ())
    mark = inventory.secret_marks(made.connection)
    assert mark("public") == inventory.secret_marks(made.connection)("public") != mark("private")
    assert "public" not in mark("public")
    by_hand("salt", "0" * 32, made.connection)
    assert inventory.secret_marks(made.connection)("public") != mark("public")
    assert posture_name("hotfixes") == "Updates"
