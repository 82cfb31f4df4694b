"""Configuration exports of network devices and appliances: text of a known kind that is whole to its end mark."""

import re
from typing import BinaryIO

_MOST = 32 << 20
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")
# Beginning and, where the product writes one, the end that shows that nothing is cut off.
_KINDS = (
    ("Cisco IOS", re.compile(rb"^(?:!|version \d)", re.MULTILINE), re.compile(rb"^end\s*\Z", re.MULTILINE)),
    ("Fortinet FortiOS", re.compile(rb"\A#config-version="), re.compile(rb"^end\s*\Z", re.MULTILINE)),
    ("pfSense or OPNsense", re.compile(rb"<(?:pfsense|opnsense)>"), re.compile(rb"</(?:pfsense|opnsense)>\s*\Z")),
    ("PAN-OS", re.compile(rb"<config [^>]*version="), re.compile(rb"</config>\s*\Z")),
    ("Juniper Junos", re.compile(rb"^(?:version \S+;|set version \S+)", re.MULTILINE), re.compile(rb"[};\w]\s*\Z")),
    ("SonicWall or MikroTik", re.compile(rb"\A(?:# .{0,80}RouterOS|firmware-version )"), re.compile(rb"\S\s*\Z")),
)  # fmt: skip


def configuration(file: BinaryIO, size: int) -> str:
    """Return why it is no configuration export that we know: text, its product's beginning, its product's end."""
    if size > _MOST:
        return "it is longer than a configuration is"
    content = file.read(_MOST)
    if _CONTROL.search(content):
        return "it has control characters that no configuration has"
    known = [(name, end) for name, begin, end in _KINDS if begin.search(content[:65_536])]
    if not known:
        return "its beginning is that of no device we know; attach it as a document"
    whole = [name for name, end in known if end.search(content[-4096:])]
    return "" if whole else f"it begins as one of {known[0][0]} and is cut off"
