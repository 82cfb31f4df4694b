"""A shop with assets, tools and authorisations, ready for tickets: what app tests of tickets begin with."""

from dataclasses import dataclass, replace
from datetime import timedelta

from tests.clock import StillClock
from tests.shop import Shop, found_shop

from quarterdeck.evidence import api as evidence
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.actors import OPERATOR
from quarterdeck.kernel.windows import Window
from quarterdeck.personnel import api as personnel
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import Action, Content, MaintenanceType, Method, TicketAsset
from quarterdeck.tools import api as tools
from quarterdeck.workflows import approve, request

HOST_KEY = (
    "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEmKSENjQEezOmxkZM"
    "y7opKgwFB9nkt5YRrYMjNuG5N87uRgg6CLrbo5wAdT/y6v0mKV0U2w0WZ2YB/++Tpockg="
)


@dataclass
class Yard:
    """Ids of what stands in the yard, and shortcuts through the life of a ticket."""

    shop: Shop
    clock: StillClock
    server: str
    connection: str
    printer: str
    tool: str
    agreement: str
    cui: bool = True

    def actor(self, key: str):
        return self.shop.actor(key)

    def content(self, **changes: object) -> Content:
        now = self.clock.now()
        plain = Content(
            title="Patch the file server",
            maintenance_type=MaintenanceType.CORRECTIVE,
            action=Action.PATCH,
            method=Method.SSH,
            plan="Install the vendor's fix for the share service and restart it.",
            impact="Shares are gone for two minutes; nobody else is affected.",
            rollback="Put the saved configuration back and restart the service.",
            window=Window(now + timedelta(minutes=5), now + timedelta(hours=2)),
            assets=(TicketAsset(self.server, self.connection),),
            technicians=(self.shop.ids["max"],),
            escort=self.shop.ids["erin"],
            agreement_id=self.agreement,
            items=(self.tool,),
        )
        return replace(plain, **changes)

    def submitted(self, **changes: object) -> tickets.TicketView:
        emergency = bool(changes.pop("emergency", False))
        view = request.request(self.actor("iris"), self.clock, self.content(**changes), emergency=emergency)
        return request.submit(self.actor("iris"), self.clock, view.number)

    def scheduled(self, **changes: object) -> tickets.TicketView:
        view = self.submitted(**changes)
        deciders = (("avery", "approver"), ("casey", "cui_owner"))
        for key, role in deciders if self.cui else deciders[:1]:
            view = approve.approve(
                self.actor(key), self.clock, view.number, role=tickets.ApprovalRole(role),
                content_hash=view.content_hash, reason="Plan and rollback are sound.",
            )
        return view


def build_yard(clock: StillClock, *, cui: bool = True) -> Yard:
    """Found the shop and its policy; enter a server, of CUI or not, a printer, a tool, an agreement, authorisations."""
    shop = found_shop(clock)
    shop.enrol(*shop.ids)
    with evidence.act(OPERATOR, clock) as act:
        tickets.adopt_policy(act)
    iris = shop.actor("iris")
    server = inventory.add_asset(
        inventory.AssetFields(
            hostname="fs01.example.test", category="cui_asset" if cui else "contractor_risk_managed",
            owner=shop.ids["casey"], handles_cui=cui,
            category_reason="Holds drawings." if cui else "Manuals and public price lists.", asset_kind="server",
        ),
        actor=iris, clock=clock,
    )  # fmt: skip
    connection = inventory.set_connection(
        server.id,
        inventory.ConnectionFields(
            address="127.0.0.1", port=2200, target_account="maint", host_identity=HOST_KEY, elevation="sudo",
            watched_roots=("/etc",),
        ),
        actor=iris, clock=clock,
    )  # fmt: skip
    printer = inventory.add_asset(
        inventory.AssetFields(
            hostname="printer-2.example.test", category="contractor_risk_managed", owner=shop.ids["iris"],
            asset_kind="printer",
        ),
        actor=iris, clock=clock,
    )  # fmt: skip
    tool = tools.list_item(
        tools.ItemFields(
            kind=tools.ItemKind.TECHNIQUE, name="Patch procedure", version="3", sha256="ab" * 32,
            source="own procedures", owner=shop.ids["iris"], review_due=(clock.now() + timedelta(days=90)).date(),
        ),
        actor=iris, clock=clock,
    )  # fmt: skip
    agreement = personnel.add_agreement(
        "Harbor MSP", "SOW-7", permitted_actions=["any"], methods=["any"], valid_from=clock.now() - timedelta(days=30),
        valid_until=clock.now() + timedelta(days=300), actor=iris, clock=clock, nda=True,
    )
    personnel.authorise(
        shop.ids["max"], actions=["any"], valid_from=clock.now() - timedelta(days=1),
        valid_until=clock.now() + timedelta(days=90), actor=iris, clock=clock, agreement_id=agreement.id,
        competence="Linux servers", access_authorised=True,
    )
    return Yard(shop, clock, server.id, connection.id, printer.id, tool.id, agreement.id, cui)
