"""What `qd` writes into and reads out of a ticket meets a real server: the example as printed, names for ids."""

import tomllib

import pytest
from tests.api_caller import Caller
from tests.shop import FAST_HASHER
from tests.ticket_yard import build_yard

from quarterdeck.entrypoints.cli.naming import Names
from quarterdeck.entrypoints.cli.server import Failed
from quarterdeck.entrypoints.cli.ticket_file import example, read_ticket, with_ids
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.clock import SystemClock
from quarterdeck.tickets.api import TicketAsset
from quarterdeck.workflows import request

pytestmark = pytest.mark.django_db


@pytest.fixture
def yard(settings):
    settings.PASSWORD_HASHERS = FAST_HASHER
    return build_yard(SystemClock())


class ServerOf:
    """The server as `qd` calls it, over Django's test client."""

    def __init__(self, caller):
        self._caller = caller

    def get(self, path, **query):
        return self._caller.call("get", path).json()


def test_the_example_passes_as_printed(yard, tmp_path):
    (tmp_path / "ticket.toml").write_text(example(SystemClock().now().astimezone()))
    answer = Caller(yard.shop, "iris").call("post", "/tickets", read_ticket(tmp_path / "ticket.toml"))
    assert answer.status_code == 200, answer.content
    assert answer.json()["state"] == "draft"
    assert answer.json()["notice_hours"] == 0


def test_the_example_filled_in_with_names_can_be_approved(yard, tmp_path):
    caller = Caller(yard.shop, "iris")
    text = example(SystemClock().now().astimezone()).replace("technicians = [] ", 'technicians = ["max@example.test"] ')
    text = text.replace("items = [] ", 'items = ["patch procedure"] ')
    text += '\n[[assets]]\nasset = "FS01.example.test"\n'
    text = f'escort = "erin@example.test"\nagreement = "{yard.agreement}"\n' + text
    (tmp_path / "ticket.toml").write_text(text)
    body = with_ids(read_ticket(tmp_path / "ticket.toml"), Names(ServerOf(caller)))
    assert body["assets"] == [{"asset": yard.server, "connection": yard.connection}]
    number = caller.call("post", "/tickets", body).json()["number"]
    assert caller.call("post", f"/tickets/{number}/submit").status_code == 200
    holds = caller.call("get", f"/tickets/{number}").json()["hold_points"]
    unmet = [hold for hold in holds if hold["before"] == "approve" and hold["state"] == "failed"]
    assert unmet == []


def test_a_name_that_is_not_listed_names_the_near_ones(yard):
    names = Names(ServerOf(Caller(yard.shop, "iris")))
    with pytest.raises(Failed, match=r"no asset 'fs1.example.test'. Did you mean fs01.example.test"):
        names.asset("fs1.example.test")
    assert names.of(yard.server) == "fs01.example.test"
    assert names.of(yard.tool) == "Patch procedure"
    assert names.of("as_unknown") == "as_unknown"


def test_the_server_refuses_a_field_that_it_does_not_know(yard):
    body = {key: str(value) for key, value in tomllib.loads("rsk = 'low'").items()}
    answer = Caller(yard.shop, "iris").call("post", "/tickets", body)
    assert answer.status_code == 422
    assert b"rsk" in answer.content


def test_work_over_a_connection_without_account_waits_for_one(yard):
    caller = Caller(yard.shop, "iris")
    asset = inventory.add_asset(
        inventory.AssetFields(hostname="pc01", category="contractor_risk_managed", owner=yard.shop.ids["iris"]),
        actor=yard.actor("iris"), clock=yard.clock,
    )  # fmt: skip
    link = inventory.set_connection(
        asset.id, inventory.ConnectionFields("192.0.2.7", ""), actor=yard.actor("iris"), clock=yard.clock
    )
    view = request.request(yard.actor("iris"), yard.clock, yard.content(assets=(TicketAsset(asset.id, link.id),)))
    holds = caller.call("get", f"/tickets/{view.number}").json()["hold_points"]
    assert "The connection to pc01 names no account." in {hold["sentence"] for hold in holds}
