"""Documentation that cannot lie: links resolve, commands exist, help texts are the programs' own."""

import os
import re
from pathlib import Path

import pytest
from tests.architecture.command_page import PAGE, command_page
from tests.architecture.layers import ROOT

from quarterdeck.config.api import Settings

TOP = ["README.md", "ARCHITECTURE.md", "THREAT_MODEL.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md"]
PAGES = [*(ROOT / name for name in TOP), *sorted((ROOT / "docs").rglob("*.md"))]
DIATAXIS = ("tutorial", "how-to", "reference", "explanation", "decisions")


def _prose(page: Path) -> str:
    return re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(), flags=re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_to_files_resolve(page):
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", _prose(page))
    missing = [target for target in targets if "://" not in target and not (page.parent / target).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_docs_say_what_is_not_what_would_be(page):
    assert re.findall(r"[^.\n]*\bwould\b[^.\n]*", _prose(page), re.IGNORECASE) == []


def test_docs_have_the_four_kinds_and_the_decisions():
    for kind in DIATAXIS:
        assert list((ROOT / "docs" / kind).glob("*.md")), f"docs/{kind} has no page"


def test_every_page_is_reached_from_the_index():
    index = (ROOT / "docs" / "index.md").read_text()
    pages = [page.relative_to(ROOT / "docs") for page in (ROOT / "docs").rglob("*.md") if page.name != "index.md"]
    assert [str(page) for page in pages if f"({page})" not in index] == []


def test_readme_starts_with_its_one_command_and_is_short():
    lines = (ROOT / "README.md").read_text().splitlines()
    assert "script/demo" in "\n".join(lines[:20])
    assert len(lines) <= 120


def test_commands_that_the_readme_shows_exist():
    blocks = re.findall(r"```(?:sh|console)\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    scripts = {word for block in blocks for word in re.findall(r"\bscript/[a-z]+", block)}
    assert scripts
    assert [name for name in scripts if not os.access(ROOT / name, os.X_OK)] == []


def test_the_reference_of_the_command_line_is_the_programs_own_help():
    assert PAGE.read_text() == command_page(), "run script/docs to write the page again"


def test_every_setting_is_described():
    page = (ROOT / "docs" / "reference" / "settings.md").read_text()
    assert [name for name in Settings.model_fields if f"`QD_{name.upper()}`" not in page] == []
    described = set(re.findall(r"`(QD_[A-Z_]+)`", page))
    known = {f"QD_{name.upper()}" for name in Settings.model_fields} | {"QD_CONFIG", "QD_TOKEN_FILE"}
    assert described <= known
