"""Words of check definitions: what is asked of an asset before and after work, and which question that is. Pure.

A definition is typed: a kind and a few plain values. Nothing of it is ever run as a command; a mechanism names a file
on the target by path and SHA-256, and the collector runs that file only when its bytes have this hash.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class CheckKind(StrEnum):
    """What a check looks at."""

    SERVICE = "service"
    DISK = "disk"
    TCP = "tcp"
    HTTP = "http"
    CERTIFICATE = "certificate"
    SHARE = "share"
    REBOOT = "reboot"
    CLOCK = "clock"
    INTEGRATION = "integration"
    MECHANISM = "mechanism"


class CheckPhase(StrEnum):
    """When a check is made: before work opens, after it has ended, or both times."""

    BEFORE = "before"
    AFTER = "after"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class CheckFields:
    """All that a person says of a check; `values` are the plain values of its kind, `assets` where it is made."""

    kind: str
    name: str
    phase: str = CheckPhase.BOTH
    values: Mapping[str, str] = field(default_factory=dict)
    assets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckView:
    """One check definition as it stands now."""

    id: str
    kind: CheckKind
    name: str
    phase: CheckPhase
    values: Mapping[str, str]
    assets: tuple[str, ...]
    active: bool
    version: int
    added_at: datetime

    @property
    def fields(self) -> CheckFields:
        """Return what a person may change."""
        return CheckFields(self.kind, self.name, self.phase, dict(self.values), self.assets)

    @property
    def runs_a_file(self) -> bool:
        """True when the check runs a registered mechanism on the target."""
        return self.kind in (CheckKind.MECHANISM, CheckKind.INTEGRATION)

    def number(self, name: str) -> int:
        """Return a value that is a whole number."""
        return int(self.values[name])

    def is_made(self, phase: CheckPhase) -> bool:
        """True when the check is made in this phase."""
        return self.phase in (phase, CheckPhase.BOTH)

    def questions(self) -> tuple[str, ...]:
        """Return the arguments of the collector's `checks` mode that this check needs."""
        return tuple(_questions(self.kind, self.values))


def _questions(kind: CheckKind, values: Mapping[str, str]) -> Iterator[str]:
    if kind is CheckKind.TCP:
        yield f"tcp={values['host']}:{values['port']}"
    elif kind is CheckKind.CERTIFICATE:
        yield f"certificate={values['path']}" if values["path"] else f"certificate={values['host']}:{values['port']}"
    elif kind in (CheckKind.MECHANISM, CheckKind.INTEGRATION):
        yield f"mechanism={values['sha256']}:{values['seconds']}:{values['path']}"
    elif kind in (CheckKind.REBOOT, CheckKind.CLOCK):
        yield f"{kind}=now"
    else:
        yield f"{kind}={values[{CheckKind.SERVICE: 'service', CheckKind.HTTP: 'url'}.get(kind, 'path')]}"
