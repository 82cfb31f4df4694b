"""The Windows collector: its script as it is sent, its command, and its output as transcripts tell it."""

import base64
import io
import json
import re

import pytest
from tests import windows_transcript as made

from quarterdeck.baselines import posture_rules, rules
from quarterdeck.baselines.comparing import collapse, file_line, package_owners, posture_lines
from quarterdeck.baselines.diff import compare
from quarterdeck.baselines.manifest import ManifestError, Reader, export_mtree, export_sha256sums
from quarterdeck.baselines.receiver import BadOutput, Received
from quarterdeck.baselines.rules import DriftClass, Severity
from quarterdeck.baselines.windows import receive_windows, windows_bytes, windows_command, windows_sha256

ROOT = "/C:/Watched"
ASKED = ["manifest", ROOT]
FOLDER = made.record("C:\\Watched", kind="D", attributes="00000010")
FILE = made.record("C:\\Watched\\a.txt", streams="Zone.Identifier:26")


def received(data: bytes, arguments: list[str] = ASKED) -> tuple[Received, bytes]:
    target = io.BytesIO()
    return receive_windows(io.BytesIO(data), target, arguments=arguments), target.getvalue()


def scanned(*records: str) -> bytes:
    return received(made.printed(made.manifest(ASKED, [FOLDER, *records])))[1]


def test_the_script_is_ascii_with_plain_newlines_so_that_every_code_page_keeps_its_hash() -> None:
    source = windows_bytes()
    assert source.isascii()
    assert b"\r" not in source
    assert source.endswith(b"\n")
    # The bootstrap joins lines with a newline each: what it hashes is what was sent.
    assert b"".join(line + b"\n" for line in source.decode().encode().split(b"\n")[:-1]) == source


def test_the_script_writes_nothing_on_the_target() -> None:
    text = windows_bytes().decode()
    writing = (
        r"(?:Set|Add)-Content|Out-File|(?:New|Set|Remove)-Item\b|Add-Type|WriteAll|Export-|FileMode\]::Create"
    )
    assert re.search(writing, text) is None
    assert not re.search(r"^[^#\n]*[^-=]> ?\S", text.replace("2>", ""), re.MULTILINE)


def test_the_command_is_encoded_and_names_hash_and_arguments() -> None:
    command = windows_command(windows_sha256(), ["manifest", "/C:/Program%20Files/Acme"])
    words = command.split(" ")
    assert words[0] == "powershell.exe"
    program = base64.b64decode(words[-1]).decode("utf-16-le")
    assert windows_sha256() in program
    assert program.endswith("$h 'manifest' '/C:/Program%20Files/Acme'")
    assert len(command) < 8192


@pytest.mark.parametrize(
    "arguments",
    [["manifest", "/etc"], ["manifest", "/C:/a';calc;'"], ["checks", "/C:/"], ["manifest", "/C:/../x"],
     ["texts", "/C:/x"],
     ["posture", "since=1;calc"], ["manifest", "/C:/a\nb"], ["manifest", *(f"/C:/{'a' * 240}{n}" for n in range(20))]],
)  # fmt: skip
def test_a_call_outside_the_grammar_is_not_made(arguments: list[str]) -> None:
    with pytest.raises(ValueError, match=r"not allowed|too many"):
        windows_command(windows_sha256(), arguments)


def test_a_scan_is_a_manifest_with_access_lists_streams_and_times_of_100_ns() -> None:
    told, text = received(made.printed(made.manifest(ASKED, [FOLDER, FILE])))
    assert (told.totals.entries, told.totals.hashed, told.totals.unreadable) == (2, 1, 0)
    assert told.header.python == "none (PowerShell 5.1.20348.2582)"
    folder, file = Reader(io.BytesIO(text)).entries()
    assert folder.path == b"/C:/Watched"
    assert file.facts["attributes"] == b"00000020"
    assert file.facts["time"] == b"1795000000.123456700"
    assert b"O:BAG:SYD:PAI" in file.facts["sddl"]
    assert file.facts["streams"] == b"Zone.Identifier:26"


@pytest.mark.parametrize(
    "data",
    [
        made.printed(made.manifest(ASKED, [FOLDER, FILE]), end="\n"),
        b"\xef\xbb\xbf" + made.printed(made.manifest(ASKED, [FOLDER, FILE])),
        made.printed(made.manifest(ASKED, [FOLDER, FILE]), codec="utf-16"),
        b"\xfe\xff" + made.printed(made.manifest(ASKED, [FOLDER, FILE]), codec="utf-16-be"),
    ],
    ids=["newlines", "UTF-8 with mark", "UTF-16", "UTF-16 big-endian"],
)
def test_what_a_shell_on_the_way_did_to_the_text_is_undone(data: bytes) -> None:
    assert received(data)[1] == scanned(FILE)


def test_every_cut_shows() -> None:
    """Attack: a target, or a line that broke, leaves out the end."""
    data = made.printed(made.manifest(ASKED, [FOLDER, FILE]))
    for size in range(0, len(data) - 2, 7):
        with pytest.raises(BadOutput):
            received(data[:size])


LINES = made.manifest(ASKED, [FOLDER, FILE])


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([LINES[0], *LINES[2:]], "does not say|missing"),
        ([LINES[0], LINES[1], *LINES[1:]], "does not say"),
        ([*LINES, "whoever"], "follows its end"),
        (["WARNUNG: Das Modul wurde nicht geladen.", *LINES], "does not say"),
        (made.manifest(ASKED, [FOLDER, FILE], entries=3), "count"),
        ([LINES[0], LINES[1].replace(" ", "  ", 1), *LINES[2:]], "does not say"),
        ([LINES[0], re.sub(r" (\d+) (\S+)$", r" 1 \2", LINES[1]), *LINES[2:]], "another length"),
        ([LINES[0], LINES[1][:-8] + "!!!!!!!!", *LINES[2:]], "unpack"),
        (LINES[:-1], "too early"),
        ([made.frame("H", 0, made.header(["manifest", "/C:/Other"])), *LINES[1:]], "other arguments"),
        ([made.frame("H", 0, made.header(ASKED, collector_sha256="0" * 64)), *LINES[1:]], "another collector"),
        ([made.frame("H", 0, made.header(ASKED, uid="me")), *LINES[1:]], "header"),
    ],
)
def test_what_is_not_the_collectors_is_refused_whole(lines: list[str], words: str) -> None:
    with pytest.raises(BadOutput, match=words):
        received(made.printed(lines))


def test_a_frame_that_unpacks_to_much_more_is_refused() -> None:
    bomb = made.frame("R", 1, "x" * (70 << 20))
    with pytest.raises(BadOutput):
        received(made.printed([LINES[0], bomb, *LINES[2:]]))


HOSTILE = [
    "C:\\Watched\\two\nlines.txt",
    "C:\\Watched\\tab\there.txt",
    "C:\\Watched\\half \ud800 of a pair.txt",
    "C:\\Watched\\right‮to left.txt",
    "C:\\Watched\\grün ä.txt",
    "C:\\Watched\\type=file uid=0.txt",
    "C:\\Watched\\" + "n" * 3000,
]


def test_hostile_names_are_kept_exactly_and_each_once() -> None:
    text = scanned(*(made.record(name) for name in HOSTILE))
    paths = {entry.path for entry in Reader(io.BytesIO(text)).entries()}
    wanted = {"/" + name.replace("\\", "/") for name in HOSTILE}
    assert {path.decode("utf-8", "surrogatepass") for path in paths} == wanted | {ROOT}
    assert text.isascii()


@pytest.mark.parametrize(
    "record",
    [
        made.record("C:\\Elsewhere\\a"),
        made.record("C:\\Watched\\a", size="-5"),
        made.record("C:\\Watched\\a", digest="A" * 64),
        made.record("C:\\Watched\\a", attributes="xyz"),
        made.record("C:\\Watched\\a", reason="well"),
        made.record("C:\\Watched\\a", sddl=""),
        made.record("C:\\Watched\\..\\a"),
        "F\t20",
    ],
)
def test_an_object_that_our_collector_does_not_tell_so_is_refused(record: str) -> None:
    with pytest.raises((BadOutput, ManifestError)):
        scanned(record)


def test_what_could_not_be_read_is_unreadable_and_never_unchanged() -> None:
    before = scanned(FILE, made.record("C:\\Watched\\page.sys", reason="EBUSY"))
    after = scanned(FILE, made.record("C:\\Watched\\page.sys", reason="EBUSY"))
    (change,) = compare(Reader(io.BytesIO(before)), Reader(io.BytesIO(after)))
    assert change.kind == "unreadable"
    assert b"error=EBUSY" in after


def drift(before: str, after: str) -> tuple[str, ...]:
    one, other = scanned(before), scanned(after)
    (change,) = compare(Reader(io.BytesIO(one)), Reader(io.BytesIO(other)))
    return file_line(change, rules.Scope(), {}).codes


def test_an_access_list_that_lets_everybody_write_is_forbidden_and_an_added_stream_is_told() -> None:
    wider = made.SDDL + "(A;;0x1301bf;;;BU)"
    assert "acl_widened" in drift(made.record("C:\\Watched\\a"), made.record("C:\\Watched\\a", sddl=wider))
    assert "streams_changed" in drift(
        made.record("C:\\Watched\\a"), made.record("C:\\Watched\\a", streams="hidden.exe:4096")
    )
    owned = made.SDDL.replace("O:BA", "O:S-1-5-21-1-2-3-1001")
    assert "owner_changed" in drift(made.record("C:\\Watched\\a"), made.record("C:\\Watched\\a", sddl=owned))
    encrypted = made.record("C:\\Watched\\a", attributes="00004020")
    assert "encryption_lost" in drift(encrypted, made.record("C:\\Watched\\a"))


def test_sensitive_places_of_windows_are_known_in_any_spelling() -> None:
    assert rules.sensitive_place("/C:/WINDOWS/system32/Drivers/etc/hosts") == "/C:/WINDOWS/system32/Drivers"
    assert rules.sensitive_place("/C:/Users/sam/.ssh/authorized_keys") == "/C:/Users/sam/.ssh"
    assert rules.sensitive_place("/C:/Watched/a") == ""


def test_exports_leave_out_what_other_programs_do_not_know() -> None:
    text, mtree, sums = scanned(FILE), io.BytesIO(), io.BytesIO()
    export_mtree(io.BytesIO(text), mtree)
    export_sha256sums(io.BytesIO(text), sums)
    assert b"sddl" not in mtree.getvalue()
    assert f"{'a' * 64}  ./C:/Watched/a.txt\n".encode() in sums.getvalue()


def facts(**changed: object) -> dict[str, object]:
    told = made.POSTURE | changed
    return received(made.printed(made.posture(["posture"], told)), ["posture"])[0].document


def test_a_posture_has_the_facts_that_drift_reads_and_lists_stay_lists() -> None:
    found = facts()
    assert found["listening.local"] == {"value": ["tcp 127.0.0.1 5432"]}
    assert found["reboot"] == {"value": []}
    assert found["hotfixes"] == {"value": ["KB5034123 2026-10-14"]}
    assert {"bitlocker", "fips", "groups", "accounts", "services", "sshd", "firmware", "protections"} <= found.keys()


def test_bitlocker_that_stays_suspended_is_a_red_finding_that_no_word_settles() -> None:
    off = {"C:": "off, FullyEncrypted, XtsAes256, 100 % encrypted, protectors RecoveryPassword Tpm"}
    (line,) = posture_lines(facts(), facts(bitlocker={"value": off}), rules.Scope())
    assert (line.path, line.severity, line.codes) == (b"bitlocker:C:", Severity.FORBIDDEN, ("encryption_off",))
    assert not posture_rules.may_be_settled(line.codes, rules.Disposition.EXPLAINED).allowed


def test_a_new_administrator_gains_power_whatever_the_group_is_called() -> None:
    more = {
        "S-1-5-32-544 Administratoren": "FS01\\Administrator=S-1-5-21-1-2-3-500 FS01\\maint=S-1-5-21-1-2-3-1001 "
        "FS01\\eve=S-1-5-21-1-2-3-1002",
        "S-1-5-32-555 Remotedesktopbenutzer": "nobody",
    }
    (line,) = posture_lines(facts(), facts(groups={"value": more}), rules.Scope())
    assert line.codes == ("power_gained",)


def test_files_of_declared_updates_are_one_line() -> None:
    names = [f"C:\\Watched\\{number}.dll" for number in range(5)]
    before = scanned(*(made.record(name) for name in names))
    after = scanned(*(made.record(name, digest="b" * 64) for name in names))
    paths = ["/" + name.replace("\\", "/") for name in names]
    found = facts(
        hotfixes={"value": ["KB5034123 2026-10-14", "KB5041585 2026-11-27", "KB5042352 2026-11-27"]},
        update_files={"value": {"KB5041585+KB5042352": paths}},
    )
    declared = rules.scope(["package:KB5041585", "package:KB5042352"])
    owners = package_owners(found)
    changes = compare(Reader(io.BytesIO(before)), Reader(io.BytesIO(after)))
    (line,) = collapse([file_line(change, declared, owners) for change in changes])
    assert (line.package, line.count, line.drift_class) == ("KB5041585+KB5042352", 5, DriftClass.EXPECTED)
    (told,) = posture_lines(facts(), found, declared)
    assert (told.path, told.drift_class) == (b"hotfixes", DriftClass.EXPECTED)


@pytest.mark.parametrize(
    "document", [{"kernel": "10"}, {"kernel": {"value": 1, "error": "x"}}, {"kernel": {}}, {}], ids=json.dumps
)
def test_a_posture_of_another_form_is_refused(document: dict[str, object]) -> None:
    with pytest.raises(BadOutput):
        received(made.printed(made.posture(["posture"], document)), ["posture"])
