"""Retention, holds, disposal and redaction on PostgreSQL: every test of tests/app/test_retention once more there."""

import pytest
from tests.app import test_retention
from tests.clock import StillClock
from tests.package_shop import PackageShop
from tests.shop import FAST_HASHER
from tests.ticket_yard import build_yard


@pytest.fixture
def shop(settings, on_postgresql: str, clock: StillClock) -> PackageShop:
    settings.PASSWORD_HASHERS = FAST_HASHER
    return PackageShop(build_yard(clock), None)  # type: ignore[arg-type]


globals().update({
    name: found for name, found in vars(test_retention).items()
    if name.startswith("test_") and "shop" in found.__annotations__
})  # fmt: skip
