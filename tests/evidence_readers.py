"""Which views hand out bytes of evidence, found in the source: whatever reads an artifact, itself or through others.

A new one shows in tests/attack/test_evidence_readers.py, which wants to know who may see it.
"""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1] / "src" / "quarterdeck" / "entrypoints"
# What gives bytes, words or hashes of evidence.
READS = frozenset(
    {
        "open_artifact", "read_artifact", "stream_artifact", "open_recording", "read_commands", "take_package",
        "export_baseline", "read_texts", "hashed_file", "kept_back", "compare_log", "start_watching", "stream",
        "read_report",
    }
)  # fmt: skip
_VIEWS = ("page(", "router.", "api.")


def evidence_views() -> set[str]:
    """Return `web.module.function` and `api.module.function` of every view that gives evidence."""
    calls: dict[str, set[str]] = {}
    views: set[str] = set()
    for file in (file for kind in ("web", "api") for file in sorted((ROOT / kind).glob("*.py"))):
        tree, module = ast.parse(file.read_text()), f"{file.parent.name}.{file.stem}"
        imported = _imported(tree)
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                name = f"{module}.{node.name}"
                calls[name] = _named(node, module, imported)
                if any(ast.unparse(one).startswith(_VIEWS) for one in node.decorator_list):
                    views.add(name)
    reading = {name for name, named in calls.items() if named & READS}
    while more := {name for name, named in calls.items() if name not in reading and named & reading}:
        reading |= more
    return reading & views


def _imported(tree: ast.Module) -> dict[str, str]:
    """Return what the names that come from other modules of the entrypoints stand for."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("quarterdeck.entrypoints."):
            place = (node.module or "").removeprefix("quarterdeck.entrypoints.")
            found |= {one.asname or one.name: f"{place}.{one.name}" for one in node.names}
    return found


def _named(function: ast.AST, module: str, imported: dict[str, str]) -> set[str]:
    named: set[str] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Attribute):
            named.add(node.attr)
            if isinstance(node.value, ast.Name) and node.value.id in imported:
                named.add(f"{imported[node.value.id]}.{node.attr}")
        elif isinstance(node, ast.Name):
            named |= {node.id, imported.get(node.id, f"{module}.{node.id}")}
    return named
