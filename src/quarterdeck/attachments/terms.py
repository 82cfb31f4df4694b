"""The words of attached evidence: kinds as data, uploads and attached files as plain values. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Kind:
    """What a person may attach: `forms` are the file forms of `checks` that it may have, `role` its role in an entry.

    `shows_screen`: it shows what a person saw or typed, so that it leaves in a package with consent only.
    """

    code: str
    label: str
    say: str
    role: str
    forms: tuple[str, ...]
    shows_screen: bool = False


KINDS = {
    kind.code: kind
    for kind in (
        Kind("remote_recording", "Recording of a remote session", "mp4, webm, mkv, avi or an asciicast, as RMM and "
             "remote desktop products export it", "attached_recording", ("mp4", "matroska", "avi", "asciicast"), True),
        Kind("screenshot", "Screenshot", "png, jpeg or webp; may be pasted", "attached_screenshot",
             ("png", "jpeg", "webp"), True),
        Kind("backup_log", "Log of a backup job", "text or JSON as the backup product wrote it", "attached_backup_log",
             ("json", "text")),
        Kind("tlog", "Session recorded by tlog", "JSON lines of tlog, one message a line", "attached_tlog", ("tlog",),
             True),
        Kind("sudo_io", "sudo I/O log", "a tar of the session's folder below /var/log/sudo-io, perhaps compressed with "
             "gzip", "attached_sudo_io", ("sudo_io",), True),
        Kind("target_log", "Log that a target shipped", "text: lines of syslog or of audit.log; its commands can be "
             "matched to the sessions of the ticket", "attached_target_log", ("text",), True),
        Kind("event_log", "Windows event log", "an .evtx file as the Event Viewer saves it", "attached_event_log",
             ("evtx",)),
        Kind("integrity", "Result of an integrity program", "a database of AIDE, plain or gzip; a text report of "
             "Tripwire; a syscheck database of OSSEC or Wazuh; JSON lines of a file watcher", "attached_integrity",
             ("aide", "tripwire", "syscheck", "watcher")),
        Kind("device_configuration", "Configuration of a device", "the export of a firewall, switch or appliance, "
             "whole to its last line", "attached_configuration", ("configuration",)),
        Kind("patch_result", "Result of a patch or configuration product", "the file that DSC, WSUS, SCCM, Intune or "
             "Jamf wrote: JSON, XML, CSV or text", "attached_patch_result", ("json", "text")),
        Kind("mail", "Mail", "an .eml file with its headers", "attached_mail", ("mail",)),
        Kind("document", "Document", "PDF, text, JSON or a picture", "attachment",
             ("pdf", "png", "jpeg", "webp", "json", "text")),
        Kind("other", "Something else", "kept as bytes; nothing of it is checked", "attachment", ("any",)),
    )
}  # fmt: skip
LINK_ROLE = "attached_link"
SCREEN_ROLES = frozenset(kind.role for kind in KINDS.values() if kind.shows_screen)
IMAGE_TYPES = frozenset({"image/png", "image/jpeg", "image/webp"})
TEXT_TYPES = frozenset({"text/plain", "application/json", "message/rfc822", "application/x-asciicast"})


class Way(StrEnum):
    """How it came: as a file, or as a link to where it lies."""

    FILE = "file"
    LINK = "link"


class UploadState(StrEnum):
    """How far an upload is."""

    ARRIVING = "arriving"
    CHECKING = "checking"
    DONE = "done"
    REFUSED = "refused"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Told:
    """What a person says of a thing that is attached: kind, what it shows, about which asset, which fact it supports.

    `may_contain_cui` None leaves it to the assets: true where one of them handles CUI.
    """

    kind: str
    reason: str
    asset: str = ""
    supports: str = ""
    may_contain_cui: bool | None = None


@dataclass(frozen=True, slots=True)
class UploadView:
    """An upload under way; `offset` is where the next chunk belongs."""

    id: str
    ticket: str
    by: str
    name: str
    size: int
    offset: int
    told: Told
    state: UploadState
    message: str
    sha256: str
    started_at: datetime
    touched_at: datetime


@dataclass(frozen=True, slots=True)
class Attached:
    """A thing that was attached to a ticket, as its entry says; `entry` is that entry's id."""

    entry: str
    ticket: str
    kind: str
    way: Way
    sha256: str
    size: int
    name: str
    role: str
    media_type: str
    asset: str
    supports: str
    by: str
    at: datetime
    reason: str
    target: str
    may_contain_cui: bool
    given_up: str = ""
