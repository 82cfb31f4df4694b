"""Files through the gate with the clients that people have: what arrives, and what the recording says of it."""

import hashlib
import secrets
import subprocess
from pathlib import Path

import pytest
from tests.lab.gate_lab import TargetSshd, Terminal, answers, gate_lab, needs_terminal, wait_for

from quarterdeck.sessions.terms import Change, Direction, Files, Unhashed, files_in

TO, FROM = Direction.TO_TARGET, Direction.FROM_TARGET


@pytest.fixture(scope="module")
def lab():
    with gate_lab() as running:
        yield running


@pytest.fixture
def there(tmp_path):
    """A folder on the target; the lab's target is this machine."""
    folder = tmp_path / "there"
    folder.mkdir()
    return folder


@pytest.fixture
def here(tmp_path):
    folder = tmp_path / "here"
    folder.mkdir()
    return folder


def copy(lab, ticketed, *words, check=True, timeout=60):
    """Run scp with these words; `target:` is the target behind the gate."""
    argv = ["scp", "-F", str(lab.config(ticketed)), *map(str, words)]
    return subprocess.run(argv, check=check, timeout=timeout, capture_output=True)


def sftp(lab, ticketed, batch, *, check=True, timeout=60):
    argv = ["sftp", "-q", "-b", "-", "-F", str(lab.config(ticketed)), "target"]
    return subprocess.run(argv, input=batch.encode(), check=check, timeout=timeout, capture_output=True)


def rsync(lab, ticketed, *words, check=True):
    argv = ["rsync", "-e", f"ssh -F {lab.config(ticketed)}", *map(str, words)]
    return subprocess.run(argv, check=check, timeout=60, capture_output=True)


def files_of(entry) -> Files:
    return files_in(Path(entry["recording"]).read_bytes().splitlines(keepends=True))


def sealed_files(lab, ticketed):
    return files_of(lab.sealed(ticketed)[0])


def said(files: Files):
    """Return direction, path, size, hash of each transfer, in the order in which it began."""
    return [(one.direction, one.path, one.size, one.sha256) for one in (seen.transfer for seen in files.transfers)]


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def random_file(path: Path, size: int) -> Path:
    path.write_bytes(secrets.token_bytes(size))
    return path


@pytest.mark.parametrize("protocol", ["-s", "-O"])
@pytest.mark.parametrize("size", [0, 1, 300_000, 5_000_000])
def test_scp_brings_a_file_and_fetches_it_back(lab, here, there, protocol, size):
    source = random_file(here / "source", size)
    up, down = lab.grant(), lab.grant()
    copy(lab, up, protocol, source, f"target:{there}/name")
    copy(lab, down, protocol, f"target:{there}/name", here / "back")
    assert (here / "back").read_bytes() == source.read_bytes()
    for ticketed, direction in ((up, TO), (down, FROM)):
        entry = lab.sealed(ticketed)[0]
        assert said(files_of(entry)) == [(direction, f"{there}/name", size, digest(source))]
        last = files_of(entry).transfers[0].transfer
        assert (last.closed, last.whole, last.failed) == (True, True, 0)
        assert entry["files"][direction.value] == 1
        assert entry["files"][f"bytes_{direction.value}"] == size
        assert entry["streams"]["stdin"]["sha256"] == entry["streams"]["stdout"]["sha256"] == ""
        assert entry["reason"] == "completed"


@pytest.mark.parametrize("protocol", ["-s", "-O"])
def test_a_whole_tree_goes_both_ways(lab, here, there, protocol):
    tree = here / "a tree"
    (tree / "caf\u00e9" / "empty").mkdir(parents=True)
    made = {"one": 10, "caf\u00e9/two words": 70_000, "caf\u00e9/-x": 0}
    for name, size in made.items():
        random_file(tree / name, size)
    up, down = lab.grant(), lab.grant()
    copy(lab, up, protocol, "-r", "-p", tree, f"target:{there}/")
    name = "a\\ tree" if protocol == "-O" else "a tree"
    copy(lab, down, protocol, "-r", f"target:{there}/{name}", here / "back")
    expected = {(f"{there}/a tree/{name}", size, digest(tree / name)) for name, size in made.items()}
    for ticketed, direction in ((up, TO), (down, FROM)):
        files = sealed_files(lab, ticketed)
        assert {(path, size, sha256) for _, path, size, sha256 in said(files)} == expected
        assert {seen.transfer.direction for seen in files.transfers} == {direction}
    changes = [seen.change for seen in sealed_files(lab, up).changes]
    folders = {one.path for one in changes if one.change in (Change.FOLDER_MADE, Change.FOLDER_SENT)}
    assert folders >= {f"{there}/a tree", f"{there}/a tree/caf\u00e9", f"{there}/a tree/caf\u00e9/empty"}
    for name in made:
        assert (here / "back" / name).read_bytes() == (tree / name).read_bytes()


def test_what_is_done_in_sftp_is_told_step_by_step(lab, here, there):
    source = random_file(here / "source", 40_000)
    half = here / "half"
    half.write_bytes(source.read_bytes()[:15_000])
    (there / "half").write_bytes(half.read_bytes())
    ticketed = lab.grant()
    sftp(
        lab,
        ticketed,
        f"mkdir {there}/d\nput {source} {there}/d/a\nget {there}/d/a {here}/b\nrename {there}/d/a {there}/d/c\n"
        f"chmod 600 {there}/d/c\nln -s {there}/d/c {there}/d/link\nrm {there}/d/link\nreput {source} {there}/half\n"
        f"reget {there}/d/c {half}\n-rm {there}/none\nrm {there}/d/c\nrmdir {there}/d\nexit\n",
    )
    files = sealed_files(lab, ticketed)
    whole = digest(source)
    assert said(files) == [
        (TO, f"{there}/d/a", 40_000, whole),
        (FROM, f"{there}/d/a", 40_000, whole),
        (TO, f"{there}/half", 25_000, ""),
        (FROM, f"{there}/d/c", 25_000, ""),
    ]
    assert [seen.transfer.unhashed for seen in files.transfers[2:]] == [Unhashed.RESUMED, Unhashed.RESUMED]
    assert (there / "half").read_bytes() == half.read_bytes() == source.read_bytes()
    changes = [(one.change, one.path, one.to, one.detail, one.done) for one in (seen.change for seen in files.changes)]
    told = [one for one in changes if one[0] not in (Change.TIMES, Change.TRUNCATED)]
    assert [one for one in told if one[:2] != (Change.PERMISSIONS, f"{there}/d/a")] == [
        (Change.FOLDER_MADE, f"{there}/d", "", "", True),
        (Change.RENAMED, f"{there}/d/a", f"{there}/d/c", "", True),
        (Change.PERMISSIONS, f"{there}/d/c", "", "0600", True),
        (Change.LINKED, f"{there}/d/c", f"{there}/d/link", "", True),
        (Change.REMOVED, f"{there}/d/link", "", "", True),
        (Change.REMOVED, f"{there}/none", "", "", False),
        (Change.REMOVED, f"{there}/d/c", "", "", True),
        (Change.FOLDER_REMOVED, f"{there}/d", "", "", True),
    ]
    assert lab.sealed(ticketed)[0]["files"]["not_hashed"] == 2


def test_rsync_goes_both_ways_and_is_said_to_be_not_hashed(lab, here, there):
    source = here / "tree"
    source.mkdir()
    random_file(source / "a", 100_000)
    up, down = lab.grant(), lab.grant()
    rsync(lab, up, "-a", f"{source}/", f"target:{there}/into")
    rsync(lab, down, "-az", "--delete", f"target:{there}/into/", f"{here}/back/")
    assert (here / "back" / "a").read_bytes() == (source / "a").read_bytes()
    for ticketed, direction, place in ((up, TO, f"{there}/into"), (down, FROM, f"{there}/into/")):
        (seen,) = sealed_files(lab, ticketed).transfers
        last = seen.transfer
        assert (last.direction, last.path, last.unhashed) == (direction, place, Unhashed.NOT_FOLLOWED)
        assert last.size > 100_000
        assert last.closed
        entry = lab.sealed(ticketed)[0]
        assert entry["files"]["not_hashed"] == 1
        assert entry["streams"]["stdout"]["sha256"]


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["-s", "-O"])
def test_200_mb_up_and_down_have_the_hash_of_sha256sum(lab, here, there, protocol):
    source = random_file(here / "big", 200 << 20)
    expected = subprocess.run(["sha256sum", source], capture_output=True, check=True).stdout.split()[0].decode()
    up, down = lab.grant(), lab.grant()
    copy(lab, up, protocol, source, f"target:{there}/big", timeout=240)
    copy(lab, down, protocol, f"target:{there}/big", here / "back", timeout=240)
    for ticketed, direction in ((up, TO), (down, FROM)):
        assert said(sealed_files(lab, ticketed)) == [(direction, f"{there}/big", 200 << 20, expected)]
    assert digest(here / "back") == expected


NO_DOWN = {"from_target": False}
NO_UP = {"to_target": False}


@pytest.mark.parametrize("protocol", ["-s", "-O"])
def test_a_file_that_must_not_leave_does_not_leave(lab, here, there, protocol):
    random_file(there / "secret", 50_000)
    ticketed = lab.grant(allowance=NO_DOWN)
    result = copy(lab, ticketed, protocol, f"target:{there}/secret", here / "got", check=False)
    assert result.returncode != 0
    assert b"ermission denied" in result.stderr
    assert not (here / "got").exists() or (here / "got").read_bytes() == b""
    entry = lab.sealed(ticketed)[0]
    (seen,) = files_of(entry).transfers
    assert (seen.transfer.path, seen.transfer.refused, seen.transfer.size) == (f"{there}/secret", True, 0)
    assert (entry["files"]["refused"], entry["files"]["from_target"]) == (1, 0)
    assert entry["streams"].get("stdout", {"size": 0})["size"] < 5_000
    copy(lab, ticketed, protocol, random_file(here / "up", 9), f"target:{there}/up")


@pytest.mark.parametrize("protocol", ["-s", "-O"])
def test_a_file_that_must_not_arrive_does_not_arrive(lab, here, there, protocol):
    ticketed = lab.grant(allowance=NO_UP)
    result = copy(lab, ticketed, protocol, random_file(here / "tool", 50_000), f"target:{there}/tool", check=False)
    assert result.returncode != 0
    assert not (there / "tool").exists()
    (seen,) = sealed_files(lab, ticketed).transfers
    assert (seen.transfer.direction, seen.transfer.refused) == (TO, True)
    random_file(there / "log", 9)
    copy(lab, ticketed, protocol, f"target:{there}/log", here / "log")


def test_without_files_to_the_target_nothing_there_is_changed(lab, there):
    (there / "kept").write_text("as it was")
    (there / "kept").chmod(0o644)
    ticketed = lab.grant(allowance=NO_UP)
    sftp(
        lab,
        ticketed,
        f"-rm {there}/kept\n-rename {there}/kept {there}/x\n-chmod 777 {there}/kept\n-mkdir {there}/d\n"
        f"-ln {there}/kept {there}/hard\n-rmdir {there}\nls {there}\n",
    )
    assert sorted(one.name for one in there.iterdir()) == ["kept"]
    assert (there / "kept").stat().st_mode & 0o777 == 0o644
    files = sealed_files(lab, ticketed)
    assert [seen.transfer.refused for seen in files.transfers] == [True] * 6
    assert files.changes == ()


@pytest.mark.parametrize(("allowance", "up"), [(NO_DOWN, False), (NO_UP, True)])
def test_rsync_against_the_allowed_direction_is_refused_before_anything_is_dialled(lab, here, there, allowance, up):
    random_file(there / "a", 1000)
    random_file(here / "b", 1000)
    ticketed = lab.grant(allowance=allowance, port=1)  # nothing answers there
    words = (f"{here}/b", f"target:{there}/b") if up else (f"target:{there}/a", f"{here}/a")
    result = rsync(lab, ticketed, "-a", *words, check=False)
    assert b"The ticket does not allow files" in result.stderr
    assert not (here / "a").exists()
    assert not (there / "b").exists()
    entry = lab.sealed(ticketed)[0]
    assert (entry["reason"], entry["files"]["refused"]) == ("not_allowed", 1)


def test_rsync_that_removes_what_it_fetched_needs_both_directions(lab, here, there):
    random_file(there / "a", 10)
    ticketed = lab.grant(allowance=NO_UP)
    result = rsync(lab, ticketed, "-a", "--remove-source-files", f"target:{there}/a", f"{here}/a", check=False)
    assert b"does not allow files to the target" in result.stderr
    assert (there / "a").exists()


@pytest.mark.parametrize(
    ("allowance", "command", "words"),
    [
        ({"command": False}, "id", b"does not allow single commands"),
        ({"command": False}, "exec /usr/lib/openssh/sftp-server", b"does not allow single commands"),
        ({"command": False}, "tar cf - /etc/hostname", b"does not allow single commands"),
        ({"command": False}, "rsync --server; sh", b"does not allow single commands"),
        ({"to_target": False, "from_target": False}, "scp -t /tmp/x", b"does not allow files either way"),
        ({"rsync": False}, "rsync --server -re.iLsfxCIvu . /tmp/x", b"does not allow rsync"),
    ],
)
def test_a_class_that_the_ticket_does_not_allow_is_refused_with_a_sentence(lab, allowance, command, words):
    ticketed = lab.grant(allowance=allowance)
    result = lab.run(ticketed, command)
    assert result.returncode == 255
    assert words in result.stderr
    assert result.stdout == b""
    assert not [entry for entry in lab.books.journal("began") if entry["serial"] == ticketed.serial]


def test_sftp_without_files_either_way_is_refused_with_a_sentence_that_sftp_shows(lab, there):
    result = sftp(lab, lab.grant(allowance={"to_target": False, "from_target": False}), "ls\n", check=False)
    assert result.returncode != 0
    assert b"The ticket does not allow files either way." in result.stderr


@needs_terminal
def test_a_terminal_that_the_ticket_does_not_allow_is_refused(lab):
    with Terminal(lab.ssh(lab.grant(allowance={"terminal": False}), options=("-tt",))) as terminal:
        terminal.expect(rb"does not allow a terminal")
        assert terminal.status() == 255


@pytest.fixture
def bare(lab):
    """A target whose sshd has no SFTP."""
    target = TargetSshd(lab.folder, asset="bare01", more="")
    wait_for(lambda: answers(target.port), what="the target's answer")
    yield target
    target.stop()


def test_a_target_without_sftp_is_told_so_in_sftp_and_scp_of_old_works(lab, bare, here, there):
    place = {"asset": "bare01", "port": bare.port, "host_identity": bare.host_identity}
    ticketed = lab.grant(**place)
    result = sftp(lab, ticketed, "ls\n", check=False)
    assert b"bare01 offers no SFTP. Copy with `scp -O`" in result.stderr
    assert lab.sealed(ticketed)[0]["reason"] == "target_refused"
    copy(lab, lab.grant(**place), "-O", random_file(here / "a", 100), f"target:{there}/a")
    assert (there / "a").read_bytes() == (here / "a").read_bytes()


def test_an_sftp_that_asks_for_nothing_ends_well(lab):
    ticketed = lab.grant()
    assert lab.run(ticketed, "sftp", options=("-s",)).returncode == 0
    assert lab.sealed(ticketed)[0]["reason"] == "completed"
