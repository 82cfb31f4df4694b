"""What changed since it was shown: plain words and names, long texts line by line, never the bare document."""

import pytest
from tests.shop import FAST_HASHER
from tests.ticket_yard import Yard, build_yard
from tests.web_visitor import sign_in, text_of

from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.clock import SystemClock
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import Action, Allowance, Risk
from quarterdeck.workflows import request as requesting

pytestmark = pytest.mark.django_db(transaction=True)
RAW = ("[&#x27;", "{&#x27;", "[&quot;", "{&quot;", ">True<", ">False<", ">true<", ">false<", "pe_", "as_", "co_", "it_")


@pytest.fixture
def yard(settings: object) -> Yard:
    settings.PASSWORD_HASHERS = FAST_HASHER  # type: ignore[attr-defined]
    return build_yard(SystemClock())


def _difference(answer: object) -> str:
    return answer.content.decode().partition('<dl class="diff">')[2].partition("</dl>")[0]  # type: ignore[attr-defined]


def test_an_edit_is_told_by_field_with_names(yard):
    ticket = yard.submitted(plan="Stop the service.\nInstall the fix.\nStart it.")
    avery = sign_in(yard.shop, "avery")
    avery.get(f"/tickets/{ticket.number}/decide/")
    changed = yard.content(
        title="Another title", window=ticket.window, plan="Stop the service.\nInstall the second fix.\nStart it.",
        technicians=(yard.shop.ids["erin"],), items=(), risk=Risk.HIGH, action=Action.CONFIGURE,
        expected_paths=("/etc/app",), allowance=Allowance(terminal=False),
    )  # fmt: skip
    requesting.edit(yard.actor("iris"), yard.clock, ticket.number, changed, version=ticket.version)
    requesting.freeze_again(yard.actor("iris"), yard.clock, ticket.number)
    page = avery.get(f"/tickets/{ticket.number}/decide/")
    shown = _difference(page)
    assert not [raw for raw in RAW if raw in shown]
    told = text_of(page)
    assert "Technicians Before: Max Technician Now: Erin Escort" in told
    assert "Before: Install the fix. Now: Install the second fix." in told
    assert "Risk Before: moderate Now: high" in told
    assert "Paths that may change Now: /etc/app" in told
    assert "Tools, techniques and mechanisms Before: Patch procedure 3" in told


def test_a_register_that_moved_is_told_by_the_asset_and_its_part(yard):
    ticket = yard.submitted()
    fields = inventory.connection(yard.connection).fields
    kept = {name: getattr(fields, name) for name in fields.__dataclass_fields__}
    inventory.set_connection(
        yard.server, inventory.ConnectionFields(**kept | {"address": "10.9.9.9", "watched_roots": ("/srv",)}),
        actor=yard.actor("iris"), clock=yard.clock, connection_id=yard.connection,
    )  # fmt: skip
    page = sign_in(yard.shop, "iris").get(f"/tickets/{ticket.number}/")
    shown = _difference(page)
    assert not [raw for raw in RAW if raw in shown]
    host = inventory.asset(yard.server).hostname
    assert f"{host}: connection, address" in text_of(page)
    assert "Now: 10.9.9.9" in text_of(page)
    assert "watched folders" in text_of(page)
    assert tickets.changes_since_frozen(ticket.number)
