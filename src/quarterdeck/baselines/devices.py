"""Network devices and appliances: which registered command may be sent, and what its answer is as facts. Pure.

A device takes no program, so what runs there is one of the family's commands, named by the hash of the whole set; the
certificate's force-command and the request carry the same words. Tested on transcripts and on a simulated device.
"""

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from quarterdeck.baselines.device_words import FAMILIES, IMAGE, Family
from quarterdeck.baselines.manifest import spell_path
from quarterdeck.baselines.receiver import BadOutput

ROOT = b"/device"
CONFIGURATION_PATH = ROOT + b"/configuration"
MODE = "device"
MOST_BYTES = 16 << 20
_IMAGE = re.compile(r"[a-z0-9]{2,12}:/{0,3}[A-Za-z0-9._/-]{1,120}", re.ASCII)
_TERMINAL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|.\x08")
_REFUSED = re.compile(
    r"^\s*(?:% ?(?:Invalid|Incomplete|Ambiguous|Unknown|Authorization failed|Permission denied|Error|Bad)[^\n]*"
    r"|error: [^\n]*|unknown command[^\n]*|syntax error[^\n]*|Command fail\.[^\n]*|Unknown action[^\n]*"
    r"|(?:cat|sh|sha256|opnsense-version): [^\n]*(?:not found|No such file|Permission denied)[^\n]*)",
    re.MULTILINE | re.IGNORECASE,
)
_PAGED = re.compile(r"^\s*(?:<?-+ ?\(?more(?: \d+%)?\)? ?-+>?|Press any key to continue)", re.MULTILINE | re.IGNORECASE)

# Makes of a secret a short mark that moves with it and does not tell it.
Marking = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """What a device told: the configuration without secrets and moving lines, facts of firmware, hash of the image."""

    configuration: str
    firmware: dict[str, str]
    image: dict[str, str]


def family_sha256(platform: str) -> str:
    """Return the hash that names a family's command set: what a measure grant names in place of a collector."""
    said = {"family": platform, "commands": dict(FAMILIES[platform].commands), "v": 1}
    return hashlib.sha256(json.dumps(said, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def device_command(platform: str, arguments: Sequence[str]) -> str:
    """Return the command for `device STEP` or `device image NAME`; ValueError for all that is not registered."""
    if platform not in FAMILIES or list(arguments[:1]) != [MODE] or len(arguments) not in (2, 3):
        raise ValueError("a device is asked by its family's registered commands only")
    family, step, more = FAMILIES[platform], arguments[1], arguments[2:]
    command = family.commands.get(step)
    if command is None:
        raise ValueError(f"{platform} has no registered command for {step!r}")
    if bool(more) != ("{image}" in command):
        raise ValueError("an image is named exactly where the command asks for one")
    if more and (_IMAGE.fullmatch(more[0]) is None or ".." in more[0]):
        raise ValueError(f"not allowed as the name of an image: {more[0]!r}")
    return command.replace("{image}", more[0]) if more else command


def image_arguments(platform: str, version: str) -> list[str] | None:
    """Return the arguments that ask for the running image's hash, None where the family or the device has none."""
    family = FAMILIES[platform]
    if IMAGE not in family.commands:
        return None
    if family.image_name is None:
        return [MODE, IMAGE]
    found = family.image_name.search(version)
    return [MODE, IMAGE, found.group(1)] if found else None


def said_text(raw: bytes) -> str:
    """Return what a device printed as lines; BadOutput for a refused command, a pager, or too much."""
    if len(raw) > MOST_BYTES:
        raise BadOutput("the device printed more than a configuration can be")
    codec = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    text = _TERMINAL.sub("", raw.decode(codec, "backslashreplace").replace("\r\n", "\n").replace("\r", "\n"))
    if _PAGED.search(text):
        raise BadOutput("the device shows its answer in pages: turn paging off for the account")
    if "\0" in text:
        raise BadOutput("the device printed something that is no text")
    refused = _REFUSED.search(text[:4000])
    if refused:
        said = "".join(one if one.isprintable() else " " for one in refused.group(0))[:120]
        raise BadOutput(f"the device refused the command: {said.strip()}")
    return "\n".join(line.rstrip() for line in text.split("\n")).strip("\n") + "\n"


def read_device(platform: str, version: bytes, configuration: bytes, image: bytes | None, mark: Marking) -> DeviceFacts:
    """Return the facts in the answers to a family's commands; BadOutput when one is cut off, refused or empty."""
    family = FAMILIES[platform]
    told = said_text(version)
    firmware = {name: found.group(1)[:200] for name, one in family.firmware.items() if (found := one.search(told))}
    if "version" not in firmware:
        raise BadOutput("the device's answer names no version: is the platform of the connection right?")
    return DeviceFacts(configuration_of(family, configuration, mark), firmware, _image(family, image))


def configuration_of(family: Family, raw: bytes, mark: Marking) -> str:
    """Return a configuration without what moves by itself, each secret replaced by its mark."""
    text = said_text(raw)
    if not text.strip() or (family.ends is not None and family.ends.search(text) is None):
        raise BadOutput("the configuration is cut off or empty: nothing of it is used")
    for one in family.moving:
        text = one.sub("", text)
    for one in family.cycling:
        text = one.sub(lambda found: f"{found.group(1)}<withheld>", text)
    for one in family.secrets:
        text = one.sub(lambda found: _marked(found, mark), text)
    for block, secret in family.inside:
        for inside in dict.fromkeys(block.findall(text)):
            text = text.replace(inside, secret.sub(lambda found: _marked(found, mark), inside))
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n") + "\n"


def _marked(found: re.Match[str], mark: Marking) -> str:
    before, secret = found.group(1), found.group(2)
    return found.group(0) if secret.startswith("<withheld") else f"{before}<withheld {mark(secret)}>"


def _image(family: Family, raw: bytes | None) -> dict[str, str]:
    if raw is None or family.image_hash is None:
        return {}
    found = family.image_hash.search(said_text(raw))
    if found is None:
        raise BadOutput("the device gave no hash of its image")
    return {f"sha{len(found.group(1)) * 4}": found.group(1)}


def device_lines(configuration: str) -> list[bytes]:
    """Return the manifest's lines of a device: one text, of which size and hash are known."""
    raw = configuration.encode()
    facts = b" type=file size=%d sha256digest=%s\n" % (len(raw), hashlib.sha256(raw).hexdigest().encode())
    return [spell_path(ROOT) + b" type=dir\n", spell_path(CONFIGURATION_PATH) + facts]
