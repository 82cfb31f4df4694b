"""An open ticket on a target whose account is raised by sudo, and the channels that lead there."""

from tests.access_shop import Place, Shop, approved_ticket, authorise, make_shop
from tests.access_signer import NearSigner, near_signer
from tests.lab.loopback_sshd import GATE
from tests.lab.raised_target import ACCOUNT, RaisedTarget

from quarterdeck.access import api as access
from quarterdeck.adapters.elevation_channel import SshElevationChannel
from quarterdeck.evidence.api import act
from quarterdeck.kernel.actors import system
from quarterdeck.kernel.clock import SystemClock
from quarterdeck.tickets import api as tickets

TICKER = system("ticker")
CLOCK = SystemClock()


class Raised:
    """An open ticket on a target whose account is raised by sudo, and the channels that lead there."""

    def __init__(self, target: RaisedTarget, *, hours: float = 4.0, opened: bool = True) -> None:
        self.target = target
        at = target.server.destination
        place = Place(at.address, at.port, ACCOUNT, at.host_identity, ("/etc/quarterdeck-elevate",), "sudo")
        self.shop: Shop = make_shop(CLOCK, {"web01": place})
        authorise(self.shop, "sam")
        approved_ticket(self.shop, hours=hours)
        if opened:
            self.open()
        self.signer: NearSigner = near_signer(target.lab.folder / "signer", CLOCK, gate_address=GATE)
        self.channel = SshElevationChannel(self.signer, actor=TICKER, clock=CLOCK)

    def open(self) -> None:
        with act(self.shop.actor("sam"), CLOCK) as current:
            tickets.open_ticket(current, self.shop.ticket)

    def end(self) -> None:
        with act(self.shop.actor("sam"), CLOCK) as current:
            tickets.end_work(current, self.shop.ticket)

    def rule(self) -> access.SudoRuleView:
        (found,) = access.sudo_rules(self.shop.ticket)
        return found

    @property
    def name(self) -> str:
        return access.rule_name(self.shop.ticket)
