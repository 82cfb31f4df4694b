"""What a command line is taken for: the transfers of real clients, and nothing that a shell could do more with."""

import random
import subprocess

import pytest

from quarterdeck.entrypoints.gate.asked import Asked, asked_for
from quarterdeck.entrypoints.gate.wire import SFTP_MARKER
from quarterdeck.sessions.terms import Direction, Protocol, Work

TO, FROM = Direction.TO_TARGET, Direction.FROM_TARGET

# As OpenSSH's scp, rsync 3.5 and 3.2, PuTTY's pscp and Go programs were seen to ask.
TRANSFERS = [
    ("scp -t /tmp/x", Protocol.SCP, TO, ("/tmp/x",)),
    ("scp -r -p -t -- -x", Protocol.SCP, TO, ("-x",)),
    ("scp -r -d -f a b*", Protocol.SCP, FROM, ("a", "b*")),
    ("scp -v -t .", Protocol.SCP, TO, (".",)),
    ("scp -vt /tmp", Protocol.SCP, TO, ("/tmp",)),
    ("scp -f ~/notes", Protocol.SCP, FROM, ("~/notes",)),
    ("scp -t '/srv/a b/c'", Protocol.SCP, TO, ("/srv/a b/c",)),
    ("scp -t /srv/a\\ b", Protocol.SCP, TO, ("/srv/a b",)),
    ("scp -t /srv/caf\u00e9", Protocol.SCP, TO, ("/srv/caf\u00e9",)),
    ("rsync --server -logDtpre.iLsfxCIvu . /tmp/with\\ space/x", Protocol.RSYNC, TO, ("/tmp/with space/x",)),
    ("rsync --server --sender -logDtpre.iLsfxCIvu . it\\'s* b", Protocol.RSYNC, FROM, ("it's*", "b")),
    ("rsync --server -vlogDtprze.iLsfxCIvu --delete . /srv", Protocol.RSYNC, TO, ("/srv",)),
    ("rsync --server -e.LsfxCIvu --append . /srv", Protocol.RSYNC, TO, ("/srv",)),
    ("rsync --server -logDtpre.iLsfxCIvu --usermap=\\*:a --mkpath . /srv", Protocol.RSYNC, TO, ("/srv",)),
    ("rsync --server -blWogDtpre.iLsfxCIvu --backup-dir /x . /srv", Protocol.RSYNC, TO, ("/srv",)),
    ("rsync --server --sender -vlogDtpre.iLsfxCIvu --timeout=5 --bwlimit=100 . /srv", Protocol.RSYNC, FROM, ("/srv",)),
    ("rsync --server -vlogDtpre.iLsfxCIvu --log-format=%i . /srv", Protocol.RSYNC, TO, ("/srv",)),
    ("rsync --server -vlogDtpre31.14iLsfxCIvu . /srv", Protocol.RSYNC, TO, ("/srv",)),
]  # fmt: skip
COMMANDS = [
    "exec sftp-server", "/usr/lib/openssh/sftp-server", "sftp-server", "tar cf - /srv", "sh -c 'scp -t /tmp'", "scp",
    "scp a b:c", "scp -t", "scp -t a b", "scp -t -f a", "scp -f", "scp -t /tmp; sh", "scp -t /tmp && sh",
    "scp -t /tmp|sh", "scp -t $(id)", "scp -t `id`", "scp -t /tmp\nsh", "scp -t '/tmp;sh'", "scp -t \"/tmp\"",
    "scp -t /tmp\\;sh", "scp -t {a,b}", "scp -f a -S/x", "scp -t *", "scp -t '/tmp", "scp -t /tmp\\", "scp -t >x",
    "scp -t @{a=calc}", "scp -t x,@{a=calc}", "scp -o x -t y", "scp -S /bin/sh -t x", "A=b scp -t x", "'scp' -t x",
    "/tmp/scp -t x", "scp -t a\tb", "scp\t-t a", "scp -t \0", "SCP -t a", "rsync --server; sh",
    "rsync --server --daemon .", "rsync --server --sender --daemon . x", "rsync a b", "rsync --server",
    "rsync --server -slogDtpre.iLsfxCIvu", "rsync --server --sender -slogDtpre.iLsfxCIvu . x",
    "rsync --server -re.i --log-file=/x . y", "rsync --server -re.i --write-devices . /dev/sda",
    "rsync --server -re.i -B1 . x", "rsync --server -rB1e.i . x", "rsync --server -re.i --block-size=1 . x",
    "rsync --server -re.i --files-from /etc/x . y", "rsync --server -re.i . -x", "rsync --server -re.i . a b",
    "rsync --server -re.i .", "rsync --server -re.i . $(id)", "rsync --server -re.i --backup-dir . x",
    "rsync --server --config=/tmp/x . y", "rsync --server -re.i --rsh=sh . x", "rsync --server - . x",
    "rsync --server -e sh . x", "quarterdeck-subsystem-sftp -x", "", " ",
]  # fmt: skip


@pytest.mark.parametrize(("command", "protocol", "direction", "places"), TRANSFERS)
def test_what_real_clients_ask_for_is_a_transfer(command, protocol, direction, places):
    found = asked_for(command.encode(), tty=False)
    assert (found.work, found.protocol, found.direction, found.places) == (
        Work.TRANSFER, protocol, direction, places
    )  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_whatever_else_it_is_stays_a_command(command):
    assert asked_for(command.encode(), tty=False) == Asked(Work.COMMAND)


def test_terminal_shell_and_subsystem():
    assert asked_for(b"scp -t /tmp", tty=True) == Asked(Work.TERMINAL)
    assert asked_for(None, tty=False) == Asked(Work.COMMAND)
    assert asked_for(SFTP_MARKER.encode(), tty=False) == Asked(Work.TRANSFER, Protocol.SFTP)


def test_an_rsync_that_removes_what_it_sent_changes_the_target():
    assert asked_for(b"rsync --server --sender -re.i --remove-source-files . x", tty=False).changes_target
    assert not asked_for(b"rsync --server --sender -re.i . x", tty=False).changes_target


@pytest.mark.parametrize(
    ("command", "certain", "folder"),
    [("scp -t a", True, False), ("scp -t a/", True, True), ("scp -d -t a", True, True), ("scp -t .", True, True),
     ("scp -f a*", False, False), ("scp -f 'a*'", True, False), ("scp -f a b", False, False)],
)  # fmt: skip
def test_how_certain_a_place_is(command, certain, folder):
    found = asked_for(command.encode(), tty=False)
    assert (found.certain, found.folder) == (certain, folder)


def test_a_shell_finds_the_same_words_in_whatever_is_a_transfer():
    chance = random.Random(20261128)
    alphabet = "ab ~*'\\;$(){}&|\"`\n#=@/.-?[]!%^,:<>\t\u00e9"
    seen = 0
    while seen < 150:
        place = "".join(chance.choice(alphabet) for _ in range(chance.randint(1, 6)))
        found = asked_for(f"scp -f {place}".encode(), tty=False)
        if found.work is not Work.TRANSFER:
            continue
        seen += 1
        # With -f the shell expands no patterns; HOME is a tilde, so that one stays what it was.
        shell = subprocess.run(
            ["/bin/sh", "-f", "-c", f"printf '%s\\0' {place}"],
            capture_output=True, check=True, env={"HOME": "~", "PATH": "/usr/bin:/bin"},
        )  # fmt: skip
        words = shell.stdout.decode().split("\0")[:-1]
        assert [word for word in words if word != "--"] == list(found.places)
