"""Documentation that cannot lie: links resolve, commands exist, help texts are the programs' own."""

import argparse
import os
import re
from pathlib import Path

import pytest
from tests.architecture.command_page import PAGE, command_page
from tests.architecture.layers import ROOT

from quarterdeck.config.api import Settings
from quarterdeck.entrypoints.cli.main import parser as command_line

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


def _headings(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as the places that show Markdown make them."""
    titles = re.findall(r"^#+ +(.+?) *#*$", re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_to_headings_resolve(page):
    links = re.findall(r"\]\(([^)#\s]*)#([^)]+)\)", _prose(page))
    here = [(page.parent / target if target else page, anchor) for target, anchor in links if "://" not in target]
    assert [(str(target), anchor) for target, anchor in here if anchor not in _headings(target)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_pictures_are_there_and_say_what_they_show(page):
    for words, target in re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", _prose(page)):
        assert words, f"{target} has no words for who cannot see it"
        assert (page.parent / target).stat().st_size > 0


def _known(words: list[str]) -> tuple[str, argparse.ArgumentParser | None]:
    """Follow the words of a command; return the first that `qd` does not know, and the parser of the verb."""
    parser = command_line()
    for word in words:
        verbs = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
        if not verbs:
            break
        if word not in verbs[0].choices:
            return word, None
        parser = verbs[0].choices[word]
    return "", parser


@pytest.mark.parametrize("page", [page for page in PAGES if page != PAGE], ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_that_a_page_shows_exist(page):
    """Every `qd verb` in code, and in blocks every option that stands with it, is one that `qd` knows."""
    text = page.read_text()
    blocks = re.findall(r"```(?:sh|console)?\n(.*?)```", text, re.DOTALL)
    inline = re.findall(r"`(qd [^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    lines = [line.partition(" #")[0] for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    for line in [*inline, *(line for line in lines if re.match(r" *\$? *(sudo )?qd [a-z]", line))]:
        said = line[line.index("qd ") + 3 :].split()
        unknown, parser = _known([word for word in said if re.fullmatch(r"[a-z][a-z-]*", word)])
        assert not unknown, f"`{line.strip()}`: qd has no {unknown}"
        options = {option for action in parser._actions for option in action.option_strings}
        own = {action.dest for action in parser._actions} & {"rest"}  # a process of its own parses the rest
        wrong = [word for word in said if word.startswith("--") and word.partition("=")[0] not in options]
        assert own or not wrong, f"`{line.strip()}`: no option {wrong}"


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
