"""A ledger set back and what the sealer says of it on PostgreSQL: tests/app/test_restored_ledger once more there."""

import pytest
from tests.app import test_restored_ledger
from tests.sealer_process import running_sealer
from tests.shop import FAST_HASHER


@pytest.fixture(autouse=True)
def _there(settings, on_postgresql: str) -> None:
    settings.PASSWORD_HASHERS = FAST_HASHER


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "sealer"


@pytest.fixture
def sealer(folder, clock):
    with running_sealer(folder, clock, restoring=True) as client:
        yield client


globals().update({name: found for name, found in vars(test_restored_ledger).items() if name.startswith("test_")})
