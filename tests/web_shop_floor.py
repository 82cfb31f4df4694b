"""A yard in real time with closed tickets, for app tests of pages: the pages take the time from the machine's clock."""

from datetime import timedelta

from tests.package_shop import PackageShop
from tests.ticket_yard import Yard, build_yard

from quarterdeck.kernel.clock import SystemClock
from quarterdeck.kernel.windows import Window


class RealClock(SystemClock):
    """The machine's clock; being moved by the helpers of still time changes nothing."""

    def advance(self, **by: float) -> None:
        """Stay where time is."""


def floor(sealer: object = None) -> PackageShop:
    """Return the shop; a sealer is only wanted where packages are made."""
    return PackageShop(build_yard(RealClock()), sealer)  # type: ignore[arg-type]


def running_window(yard: Yard) -> Window:
    """Return a window that began five minutes ago."""
    now = yard.clock.now()
    return Window(now - timedelta(minutes=5), now + timedelta(hours=2))


def closed(shop: PackageShop, **changes: object) -> str:
    """Return the number of a ticket on the CUI server from draft to closed, with one recording."""
    return shop.closed(window=running_window(shop.yard), **changes)
