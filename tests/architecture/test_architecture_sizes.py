"""Sizes of design section 3: module at most 400 lines (tests 600), function 50, class 250, adapter 250."""

import ast
from pathlib import Path

import pytest
from tests.architecture.layers import ROOT, sources

TESTS = sorted((ROOT / "tests").rglob("*.py"))


def _lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def _too_long(path: Path, kinds: tuple[type[ast.AST], ...], limit: int) -> list[str]:
    tree = ast.parse(path.read_text())
    return [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name} has {node.end_lineno - node.lineno + 1} lines"
        for node in ast.walk(tree)
        if isinstance(node, kinds) and node.end_lineno - node.lineno + 1 > limit
    ]


def test_modules_have_at_most_400_lines():
    wrong = [f"{path.relative_to(ROOT)}: {_lines(path)}" for path in sources() if _lines(path) > 400]
    assert wrong == []


def test_test_modules_have_at_most_600_lines():
    wrong = [f"{path.relative_to(ROOT)}: {_lines(path)}" for path in TESTS if _lines(path) > 600]
    assert wrong == []


@pytest.mark.parametrize(("kinds", "limit"), [((ast.FunctionDef, ast.AsyncFunctionDef), 50), ((ast.ClassDef,), 250)])
def test_functions_and_classes_are_small(kinds, limit):
    wrong = [line for path in sources() for line in _too_long(path, kinds, limit)]
    assert wrong == []


def test_adapters_have_at_most_250_lines():
    wrong = [path.name for path in sources() if path.parent.name == "adapters" and _lines(path) > 250]
    assert wrong == []
