"""Random trees and random changes on disk: the difference of two baselines is exactly what was done."""

import io
import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quarterdeck.baselines import manifest
from quarterdeck.baselines.diff import ChangeKind, compare, settle
from quarterdeck.baselines.manifest import Reader
from quarterdeck.baselines.target.files import record
from quarterdeck.baselines.target.walk import walk_root

names = st.binary(min_size=1, max_size=12).filter(lambda raw: not {0, 47} & set(raw) and raw not in (b".", b".."))
trees = st.dictionaries(
    st.lists(names, min_size=1, max_size=3).map(tuple), st.binary(max_size=300), min_size=1, max_size=12
)
actions = st.sampled_from(["edit", "same size, old time", "chmod", "remove", "none", "touch"])


def baseline(root: bytes) -> bytes:
    lines = sorted(record(path, problem) for path, problem in walk_root(root, {root}))
    target = io.BytesIO()
    manifest.write([root], lines, target)
    return target.getvalue()


def build(root: bytes, tree: dict[tuple[bytes, ...], bytes]) -> list[bytes]:
    made = []
    for parts, content in tree.items():
        path = os.path.join(root, *parts)
        if os.path.lexists(path):
            continue
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            continue
        Path(os.fsdecode(path)).write_bytes(content)
        made.append(path)
    return made


def act(action: str, path: bytes) -> bool:
    """Do something to a file; return whether it must be found."""
    name = Path(os.fsdecode(path))
    seen = name.stat()
    if action == "edit":
        name.write_bytes(name.read_bytes() + b"!")
    elif action == "same size, old time":
        content = name.read_bytes()
        if not content:
            return False
        name.write_bytes(bytes([content[0] ^ 1]) + content[1:])
        os.utime(name, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    elif action == "chmod":
        name.chmod(seen.st_mode ^ 0o100)
    elif action == "remove":
        name.unlink()
    elif action == "touch":
        os.utime(name, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    return action not in ("none", "touch")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(trees, st.lists(actions, min_size=12, max_size=12), names)
def test_the_difference_is_exactly_what_was_done(tree, done, added):
    folder = tempfile.mkdtemp(prefix="trees-")
    try:
        root = os.fsencode(folder)
        made = build(root, tree)
        before = baseline(root)
        assert before == baseline(root)
        wanted = {path for path, action in zip(made, done, strict=False) if act(action, path)}
        new = os.path.join(root, added + b"-new")
        if not os.path.lexists(new):
            Path(os.fsdecode(new)).write_bytes(b"new")
            wanted.add(new)
        found = settle(compare(Reader(io.BytesIO(before)), Reader(io.BytesIO(baseline(root)))))
        assert {change.path for change in found if change.kind is not ChangeKind.TOUCHED} == wanted
        assert {change.path for change in found if change.kind is ChangeKind.ADDED} <= {new}
    finally:
        shutil.rmtree(folder)
