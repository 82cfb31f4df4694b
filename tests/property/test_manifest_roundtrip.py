"""Any name and any facts go through the manifest unharmed; any text is either canonical or refused."""

import io

from hypothesis import example, given, settings
from hypothesis import strategies as st

from quarterdeck.baselines import manifest
from quarterdeck.baselines.manifest import Entry, ManifestError, Reader, escape, format_entry, parse_line, unescape
from quarterdeck.baselines.target import files

names = st.binary(min_size=1, max_size=40).filter(lambda raw: not {0, 47} & set(raw) and raw not in (b".", b".."))
paths = st.lists(names, min_size=1, max_size=5).map(lambda parts: b"/" + b"/".join(parts))
numbers = st.integers(0, 10**12).map(lambda number: b"%d" % number)
times = st.tuples(st.integers(-(10**11), 10**11), st.integers(0, 10**9 - 1)).map(lambda pair: b"%d.%09d" % pair)
digests = st.binary(min_size=32, max_size=32).map(lambda raw: raw.hex().encode())


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    kind = draw(st.sampled_from([b"file", b"dir", b"link", b"fifo"]))
    facts = {"type": kind, "uid": draw(numbers), "gid": draw(numbers), "mode": b"%04o" % draw(st.integers(0, 0o7777))}
    failed = draw(st.booleans())
    if kind == b"file":
        facts |= {"nlink": draw(numbers), "size": draw(numbers)}
    elif kind == b"link":
        facts["link"] = escape(draw(st.binary(max_size=60).filter(lambda raw: 0 not in raw)))
    facts["time"] = draw(times)
    if kind == b"file" and not failed:
        facts["sha256digest"] = draw(digests)
    for name in sorted(draw(st.sets(names, max_size=3))):
        facts[f"xattr.{escape(name).decode()}"] = b"sha256:" + draw(digests)
    facts |= {"ctime": draw(times), "inode": draw(numbers)}
    if failed:
        facts["error"] = draw(st.sampled_from([b"EACCES", b"unstable"]))
    return Entry(draw(paths), facts)


@given(st.binary(max_size=200))
@example(b"new\nline\\033\x7f\xff")
def test_escaping_is_reversible_plain_and_the_same_on_both_sides(raw):
    spelled = escape(raw)
    assert unescape(spelled) == raw
    assert all(33 <= byte <= 126 and byte not in b"#*?[]'\"<>&;|$`(){}=" for byte in spelled)
    assert files.escape(raw) == spelled


@given(entries())
def test_every_entry_comes_back_as_it_was(entry):
    again = parse_line(format_entry(entry))
    assert again.path == entry.path
    assert again.facts == entry.facts


@settings(max_examples=300)
@given(st.one_of(st.binary(max_size=120), entries().flatmap(lambda entry: _mutants(format_entry(entry)))))
def test_a_line_is_canonical_or_refused(line):
    try:
        entry = parse_line(line)
    except ManifestError:
        return
    assert format_entry(entry) == line


def _mutants(line: bytes) -> st.SearchStrategy[bytes]:
    return st.tuples(st.integers(0, len(line) - 1), st.binary(max_size=3)).map(
        lambda change: line[: change[0]] + change[1] + line[change[0] + 1 :]
    )


@given(st.lists(entries(), max_size=12, unique_by=lambda entry: entry.path))
def test_a_whole_manifest_is_read_as_it_was_written(found):
    lines = sorted([b". error=EIO\n", *(format_entry(entry) for entry in found)])
    target = io.BytesIO()
    totals = manifest.write([b"/"], lines, target)
    assert totals.entries == len(found) + 1
    read = {entry.path: entry.facts for entry in Reader(io.BytesIO(target.getvalue())).entries()}
    assert read == {b"/": {"error": b"EIO"}} | {entry.path: entry.facts for entry in found}


@settings(max_examples=200)
@given(st.binary(max_size=300))
def test_no_text_makes_the_reader_fail_in_another_way(text):
    for start in (b"", manifest.head([b"/srv"])):
        try:
            list(Reader(io.BytesIO(start + text)).entries())
        except ManifestError:
            continue
