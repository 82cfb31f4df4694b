"""Checks of the files as such: layout, manifests, tag manifest, bag information."""

from contextlib import closing
from dataclasses import dataclass, field

from quarterdeck_verify import package
from quarterdeck_verify.container import Container, ContainerError, Measured
from quarterdeck_verify.findings import Findings

MAX_SMALL = 64 << 20
MAX_TINY = 1 << 20


@dataclass(slots=True)
class Members:
    """An opened package: its files' sizes and hashes as measured, and what was found wrong so far."""

    container: Container
    findings: Findings
    measured: dict[str, Measured] = field(default_factory=dict)

    def read(self, name: str, limit: int = MAX_SMALL) -> bytes:
        """Return a member's bytes; empty, with a finding, when it is missing or larger than `limit` bytes."""
        if name not in self.measured:
            return b""
        if self.measured[name].size > limit:
            self.findings.add("member.too_large", name, "It is larger than any file that Quarterdeck writes here.")
            return b""
        with closing(self.container.open(name)) as stream:
            return stream.read(limit)

    def sha256(self, name: str) -> str:
        """Return the measured SHA-256 in hexadecimal, empty when the member is missing."""
        found = self.measured.get(name)
        return "" if found is None else found.sha256


def check_members(container: Container, findings: Findings) -> Members:
    """Measure every file once and hold it against layout and manifests."""
    members = Members(container, findings)
    for name in container.names():
        try:
            members.measured[name] = container.measure(name)
        except ContainerError as problem:
            findings.add("member.unreadable", problem.member or name, f"It cannot be read: {problem}.")
    _check_layout(members)
    payload = {name for name in members.measured if name.startswith(package.PAYLOAD)}
    tags = set(members.measured) - payload - package.UNLISTED
    _check_manifest(members, package.MANIFEST, payload)
    _check_manifest(members, package.TAG_MANIFEST, tags)
    if package.BAGIT in members.measured and members.read(package.BAGIT, MAX_TINY) != package.BAGIT_TEXT:
        findings.add("member.malformed", package.BAGIT, "It is not the BagIt declaration that Quarterdeck writes.")
    return members


def check_bag_info(members: Members, identifier: str) -> str:
    """Hold bag-info.txt against the payload and `origin@size`; returns the package's base name, empty if unknown."""
    try:
        fields = package.parse_bag_info(members.read(package.BAG_INFO, MAX_TINY))
    except ValueError as problem:
        members.findings.add("member.malformed", package.BAG_INFO, f"It cannot be used: {problem}.")
        return ""
    payload = [found.size for name, found in members.measured.items() if name.startswith(package.PAYLOAD)]
    base = fields.get("Internal-Sender-Identifier", "")
    expected = {"Payload-Oxum": f"{sum(payload)}.{len(payload)}", "External-Identifier": identifier}
    for label, value in expected.items():
        if fields.get(label) != value:
            members.findings.add("bag.info", package.BAG_INFO, f"Its {label} is not {value}, as the files say.")
    if members.container.base and members.container.base != base:
        members.findings.add("bag.name", members.container.base, f"The zip's folder is not named {base}.")
    return base


def _check_layout(members: Members) -> None:
    for name in sorted(package.REQUIRED - set(members.container.names())):
        members.findings.add("member.missing", name, "The package lacks this file.")
    for name in members.container.names():
        if not package.is_known(name):
            members.findings.add("member.unexpected", name, "A package has no place for this file.")


def _check_manifest(members: Members, manifest: str, covered: set[str]) -> None:
    if manifest not in members.measured:
        return
    try:
        listed = package.parse_manifest(members.read(manifest))
    except ValueError as problem:
        members.findings.add("member.malformed", manifest, f"It cannot be used: {problem}.")
        return
    for name in sorted(covered - set(listed)):
        members.findings.add("member.unlisted", name, f"The file is not listed in {manifest}.")
    for name in sorted(set(listed) - covered):
        members.findings.add("member.missing", name, f"The file is listed in {manifest} and is not there.")
    for name in sorted(covered & set(listed)):
        if members.measured[name].sha256 != listed[name]:
            members.findings.add("member.changed", name, f"Its bytes are not those that {manifest} lists.")
