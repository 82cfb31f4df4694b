"""The demo's own shop, whole and running, for tests that walk through it; each visit is a tab that is watched.

A tab fails its test on errors in the console, on anything the content policy stopped, on requests to other hosts and
on answers of 500 and more. The browser is the one of all e2e tests.
"""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from tests.e2e.harbour.building import Harbour, open_harbour
from tests.e2e.harbour.tab import Tab, open_tab

Visit = Callable[..., Tab]


@pytest.fixture(scope="session")
def shop() -> Iterator[Harbour]:
    """The whole running shop; it takes half a minute to build and ends with the run.

    Its folder is short: sockets live in it, whose paths may not be long.
    """
    with tempfile.TemporaryDirectory(prefix="qd-e2e-") as folder, open_harbour(Path(folder)) as harbour:
        yield harbour


@pytest.fixture
def visit(browser: Browser, shop: Harbour) -> Iterator[Visit]:
    """Open a tab of a person: `visit("avery", phone=True, dark=True)`; without a name, of nobody."""
    tabs: list[Tab] = []

    def come(key: str = "", **how: bool) -> Tab:
        tabs.append(open_tab(browser, shop, key, **how))
        return tabs[-1]

    yield come
    problems = [problem for tab in tabs for problem in tab.problems]
    for tab in tabs:
        tab.page.context.close()
    assert not problems, "\n".join(problems)
