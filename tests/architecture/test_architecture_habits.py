"""Habits that no linter checks: no save() override, no signal, telling names, docstrings, whole shelves."""

import ast
import re
from pathlib import Path

from tests.architecture.layers import ROOT, SOURCE, layers, sources

VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "core", "services", "extras"}
CAPTURES = {"access", "sessions", "baselines", "backups", "runs", "activity", "attachments"}
APPS = {"assessor", "tickets", "inventory", "personnel", "tools", "evidence"} | CAPTURES
SHELF = {"api.py", "apps.py", "models.py", "README.md", "migrations"}


def _trees() -> list[tuple[Path, ast.Module]]:
    return [(path, ast.parse(path.read_text())) for path in sources()]


def _where(path: Path, node: ast.stmt) -> str:
    return f"{path.relative_to(ROOT)}:{node.lineno}"


def test_no_save_or_delete_is_overridden_on_a_model():
    wrong = [
        _where(path, item)
        for path, tree in _trees()
        if path.name == "models.py" or "models" in path.parts
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for item in node.body
        if isinstance(item, ast.FunctionDef) and item.name in {"save", "delete", "full_clean"}
    ]
    assert wrong == []


def test_no_module_connects_a_signal():
    pattern = re.compile(r"django\.db\.models\.signals|\.connect\(\s*\w+\s*,\s*sender=|@receiver\b")
    wrong = [str(path.relative_to(ROOT)) for path in sources() if pattern.search(path.read_text())]
    assert wrong == []


def test_no_module_has_a_vague_name():
    names = [path.parent.name if path.name == "__init__.py" else path.stem for path in sources()]
    assert [name for name in names if name in VAGUE] == []


def test_every_module_says_what_it_owns():
    wrong = [str(path.relative_to(ROOT)) for path, tree in _trees() if tree.body and not ast.get_docstring(tree)]
    assert wrong == []


def test_no_type_is_ignored_without_its_code():
    pattern = re.compile(r"#\s*type:\s*ignore(?!\[)")
    wrong = [str(path.relative_to(ROOT)) for path in sources() if pattern.search(path.read_text())]
    assert wrong == []


def test_nothing_is_left_to_be_done():
    pattern = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    wrong = [str(path.relative_to(ROOT)) for path in sources() if pattern.search(path.read_text())]
    assert wrong == []


def test_every_app_has_its_shelf():
    folders = {app: SOURCE / "quarterdeck" / app for app in APPS}
    missing = {app: {name for name in SHELF if not (folder / name).exists()} for app, folder in folders.items()}
    assert {app: sorted(names) for app, names in missing.items() if names} == {}


def test_the_list_of_apps_is_complete():
    with_models = {path.parent.name for path in (SOURCE / "quarterdeck").glob("*/models.py")}
    assert with_models == APPS
    assert set().union(*layers()) >= APPS


def test_readmes_of_apps_are_short():
    long = {app: len((SOURCE / "quarterdeck" / app / "README.md").read_text().splitlines()) for app in APPS}
    assert {app: lines for app, lines in long.items() if lines > 20} == {}


def test_migrations_of_the_ledger_rewrite_nothing():
    folder = SOURCE / "quarterdeck" / "evidence" / "migrations"
    text = "".join(path.read_text() for path in folder.glob("0*.py"))
    statements = re.findall(r"\b(UPDATE|DELETE)\s+\w*(?:ledger_entry|entry)\b(?!.*RAISE)", text)
    assert statements == []
