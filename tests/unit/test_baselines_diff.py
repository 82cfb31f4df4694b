"""The difference of two manifests: added, removed, changed, touched, and never silent about what was not measured."""

import io

import pytest

from quarterdeck.baselines import manifest
from quarterdeck.baselines.diff import Change, ChangeKind, NotComparable, compare, posture_changes, settle
from quarterdeck.baselines.manifest import Reader

ROOT = "/srv type=dir uid=0 gid=0 mode=0755 time=1.000000000 ctime=1.000000000 inode=1"


def file(
    name: str, *, sha: str = "a", mode: str = "0644", time: int = 1, ctime: int = 1, inode: int = 9, more: str = ""
) -> str:
    return (
        f"/srv/{name} type=file uid=0 gid=0 mode={mode} nlink=1 size=3 time={time}.000000000 sha256digest={sha * 64}"
        f"{more} ctime={ctime}.000000000 inode={inode}"
    )


def changes(before: list[str], after: list[str]) -> list[Change]:
    readers = []
    for lines in (before, after):
        target = io.BytesIO()
        manifest.write([b"/srv"], sorted(f".{line}\n".encode() for line in lines), target)
        readers.append(Reader(io.BytesIO(target.getvalue())))
    return settle(compare(*readers))


def told(before: list[str], after: list[str]) -> dict[str, tuple[str, tuple[str, ...]]]:
    return {change.path.decode(): (change.kind.value, change.facts) for change in changes(before, after)}


def test_nothing_differs_from_itself():
    assert told([ROOT, file("a")], [ROOT, file("a")]) == {}


def test_added_removed_and_changed_are_found_with_their_facts():
    before = [ROOT, file("a"), file("b"), file("d")]
    after = [ROOT, file("b", sha="b", mode="0755"), file("c"), file("d")]
    assert told(before, after) == {
        "/srv/a": ("removed", ()),
        "/srv/b": ("changed", ("mode", "sha256digest")),
        "/srv/c": ("added", ()),
    }


def test_inode_and_change_time_alone_are_a_touch():
    assert told([ROOT, file("a")], [ROOT, file("a", ctime=5, inode=7)]) == {"/srv/a": ("touched", ("ctime", "inode"))}


def test_a_modification_time_that_moved_alone_is_a_change_of_a_file():
    assert told([ROOT, file("a")], [ROOT, file("a", time=5, ctime=5)])["/srv/a"][0] == "changed"


def test_a_folder_whose_time_moved_for_a_new_file_is_only_touched():
    moved = ROOT.replace("time=1.", "time=2.")
    assert told([ROOT], [moved, file("a")]) == {"/srv": ("touched", ("ctime", "time")), "/srv/a": ("added", ())}


def test_a_folder_whose_time_moved_for_no_visible_reason_is_a_change():
    assert told([ROOT], [ROOT.replace("time=1.", "time=2.")]) == {"/srv": ("changed", ("ctime", "time"))}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("/srv/a error=EACCES", "/srv/a error=EACCES"),
        ("/srv/a error=EACCES", file("a")),
        (file("a"), "/srv/a error=unstable"),
        ("", "/srv/a error=EIO"),
    ],
)
def test_what_could_not_be_measured_on_either_side_is_unreadable(before, after):
    found = told([ROOT, *filter(None, [before])], [ROOT, *filter(None, [after])])
    assert found["/srv/a"][0] == "unreadable"


def test_a_file_that_became_a_link_is_a_change_of_type():
    link = "/srv/a type=link uid=0 gid=0 mode=0777 link=/etc time=1.000000000 ctime=1.000000000 inode=9"
    assert "type" in told([ROOT, file("a")], [ROOT, link])["/srv/a"][1]


def test_baselines_of_different_folders_are_not_compared():
    readers = []
    for root in (b"/srv", b"/opt"):
        target = io.BytesIO()
        manifest.write([root], [b"." + root + b" error=ENOENT\n"], target)
        readers.append(Reader(io.BytesIO(target.getvalue())))
    with pytest.raises(NotComparable):
        list(compare(*readers))


def test_a_change_names_both_sides():
    change = changes([ROOT, file("a")], [ROOT, file("a", mode="4755")])[0]
    assert change.before is not None
    assert change.after is not None
    assert (change.before["mode"], change.after["mode"], change.kind) == (b"0644", b"4755", ChangeKind.CHANGED)


def test_posture_changes_include_facts_that_can_no_longer_be_read():
    before = {"kernel": {"value": "1"}, "fips": {"value": "1"}, "gone": {"value": "x"}, "package_files": {"value": {}}}
    after = {"kernel": {"value": "1"}, "fips": {"error": "EACCES"}}
    assert posture_changes(before, after) == ["fips", "gone"]
