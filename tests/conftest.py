"""What every test gets: a data folder of its own, a clock that stands still, and no network beyond this machine.

Folders set the rules: unit and property open no socket, lab and e2e use real servers, the rest may talk to loopback.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_socket
from django.conf import settings
from pytest_django.fixtures import _set_suffix_to_test_databases
from tests.append_only import allow_tests_to_empty_the_database
from tests.clock import StillClock

from quarterdeck.config.api import load
from quarterdeck.evidence.watch import forget

TESTS = Path(__file__).resolve().parent
REAL_SERVERS = ("lab", "e2e")
NO_SOCKETS = ("unit", "property", "architecture")

os.umask(0o077)
allow_tests_to_empty_the_database()


def _folder(path: Path) -> str:
    relative = path.resolve().relative_to(TESTS)
    return relative.parts[0] if len(relative.parts) > 1 else ""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses real servers after its folder."""
    for item in items:
        folder = _folder(item.path)
        if folder in REAL_SERVERS:
            item.add_marker(getattr(pytest.mark, folder))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Close the network for the test, as far as its folder says."""
    folder = _folder(item.path)
    if folder in NO_SOCKETS:
        pytest_socket.disable_socket(allow_unix_socket=True)
    elif folder not in REAL_SERVERS:
        pytest_socket.socket_allow_hosts(["127.0.0.1", "::1", "localhost"], allow_unix_socket=True)


@pytest.fixture(scope="session")
def django_db_modify_db_settings_xdist_suffix(request: pytest.FixtureRequest) -> None:
    """Give each worker its own database: SQLite's is in the worker's memory already, PostgreSQL's gets a suffix."""
    worker = getattr(request.config, "workerinput", {}).get("workerid", "")
    if worker and not settings.DATABASES["default"]["ENGINE"].endswith("sqlite"):
        _set_suffix_to_test_databases(suffix=worker)


@pytest.fixture(autouse=True)
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty data folder of this test alone, named to this process and its children by QD_DATA_DIR."""
    folder = tmp_path_factory.mktemp("quarterdeck", numbered=True) / "data"
    folder.mkdir(mode=0o700)
    before = {name: value for name, value in os.environ.items() if name.startswith("QD_")}
    for name in before:
        if not name.startswith("QD_TEST_"):
            del os.environ[name]
    os.environ["QD_DATA_DIR"] = str(folder)
    load.cache_clear()
    forget()
    yield folder
    for name in [name for name in os.environ if name.startswith("QD_")]:
        del os.environ[name]
    os.environ.update(before)
    load.cache_clear()


@pytest.fixture
def clock() -> StillClock:
    """A clock that stands at Monday 2026-11-23 14:00 UTC until the test moves it."""
    return StillClock()


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Name long texts by their length: a fresh key in a test's name makes two workers collect different tests."""
    del config
    return f"{argname}-{len(val)}" if isinstance(val, str | bytes) and len(val) > 40 else None
