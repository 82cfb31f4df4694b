"""Words of the inventory: kinds of asset, ways to reach one, and the frozen views that leave this app."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from quarterdeck.inventory.recurrence import Recurrence


class AssetCategory(StrEnum):
    """Category of 32 CFR 170.19(c)(1)."""

    CUI_ASSET = "cui_asset"
    SECURITY_PROTECTION = "security_protection"
    CONTRACTOR_RISK_MANAGED = "contractor_risk_managed"
    SPECIALIZED = "specialized"
    OUT_OF_SCOPE = "out_of_scope"


class AssetKind(StrEnum):
    """What the thing is; it decides which checks make sense."""

    SERVER = "server"
    WORKSTATION = "workstation"
    NETWORK = "network"
    PRINTER = "printer"
    APPLIANCE = "appliance"
    OTHER = "other"


class Criticality(StrEnum):
    """How much the work stops when the asset does."""

    LOW = "low"
    MODERATE = "moderate"
    HIGH = "high"


class Environment(StrEnum):
    """Where the asset stands between trying out and relying on."""

    PRODUCTION = "production"
    STAGING = "staging"
    OTHER = "other"


class Method(StrEnum):
    """How a connection reaches its asset."""

    SSH = "ssh"


class Elevation(StrEnum):
    """How the target account gets more rights: not at all, by sudo, or it is root itself."""

    NONE = "none"
    SUDO = "sudo"
    ROOT = "root"


class Platform(StrEnum):
    """What answers on a connection; it decides which registered collector or command set may be sent there."""

    UNIX = "unix"
    WINDOWS = "windows"
    CISCO_IOS = "cisco_ios"
    CISCO_NXOS = "cisco_nxos"
    JUNOS = "junos"
    FORTIOS = "fortios"
    PFSENSE = "pfsense"
    OPNSENSE = "opnsense"
    OTHER_DEVICE = "other_device"

    @property
    def is_device(self) -> bool:
        """True for network devices and appliances, which answer registered commands and take no program."""
        return self not in (Platform.UNIX, Platform.WINDOWS)


class EntryPointKind(StrEnum):
    """Ways in that let somebody maintain (3.7.2[d]); all but the gate are not ours."""

    GATE = "gate"
    RMM = "rmm"
    HYPERVISOR = "hypervisor"
    BMC = "bmc"
    FIREWALL_GUI = "firewall_gui"
    CLOUD_ADMIN = "cloud_admin"
    PANEL = "panel"


class SecondFactor(StrEnum):
    """Whether an entry point asks for a second factor; a physical panel can't."""

    ENFORCED = "enforced"
    MISSING = "missing"
    NOT_APPLICABLE = "not_applicable"


@dataclass(frozen=True, slots=True)
class AssetFields:
    """All that a person says of an asset; `owner` is a person id or empty, `depends_on` are asset ids."""

    hostname: str
    category: str
    title: str = ""
    owner: str = ""
    category_reason: str = ""
    handles_cui: bool = False
    location: str = ""
    criticality: str = Criticality.MODERATE
    environment: str = Environment.PRODUCTION
    operating_system: str = ""
    firmware: str = ""
    patch_level: str = ""
    asset_kind: str = AssetKind.OTHER
    maintenance_window: Recurrence | None = None
    depends_on: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ConnectionFields:
    """How an asset is reached; an empty `host_identity` means that no host key is pinned yet, so nothing opens."""

    address: str
    target_account: str
    port: int = 22
    host_identity: str = ""
    elevation: str = Elevation.NONE
    watched_roots: tuple[str, ...] = ()
    method: str = Method.SSH
    platform: str = Platform.UNIX


@dataclass(frozen=True, slots=True)
class ConnectionView:
    """One way to an asset as it stands now."""

    id: str
    asset_id: str
    method: Method
    address: str
    port: int
    host_identity: str
    target_account: str
    elevation: Elevation
    watched_roots: tuple[str, ...]
    platform: Platform = Platform.UNIX

    @property
    def fields(self) -> ConnectionFields:
        """Return what a person may change."""
        return ConnectionFields(
            self.address,
            self.target_account,
            self.port,
            self.host_identity,
            self.elevation,
            self.watched_roots,
            self.method,
            self.platform,
        )


@dataclass(frozen=True, slots=True)
class AssetView:
    """One asset with its connections as it stands now; `version` counts its changes."""

    id: str
    hostname: str
    title: str
    owner: str
    category: AssetCategory
    category_reason: str
    handles_cui: bool
    location: str
    criticality: Criticality
    environment: Environment
    operating_system: str
    firmware: str
    patch_level: str
    maintenance_window: Recurrence | None
    asset_kind: AssetKind
    depends_on: tuple[str, ...]
    active: bool
    version: int
    connections: tuple[ConnectionView, ...] = ()

    @property
    def fields(self) -> AssetFields:
        """Return what a person may change."""
        return AssetFields(
            hostname=self.hostname,
            category=self.category,
            title=self.title,
            owner=self.owner,
            category_reason=self.category_reason,
            handles_cui=self.handles_cui,
            location=self.location,
            criticality=self.criticality,
            environment=self.environment,
            operating_system=self.operating_system,
            firmware=self.firmware,
            patch_level=self.patch_level,
            asset_kind=self.asset_kind,
            maintenance_window=self.maintenance_window,
            depends_on=self.depends_on,
        )


@dataclass(frozen=True, slots=True)
class EntryPointFields:
    """All that a person says of an entry point; `assets` are the ids of the assets it leads to."""

    kind: str
    name: str
    mfa: str = SecondFactor.MISSING
    termination: str = ""
    log_source: str = ""
    owner: str = ""
    review_due: date | None = None
    assets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EntryPointView:
    """One way in as it stands now."""

    id: str
    kind: EntryPointKind
    name: str
    mfa: SecondFactor
    termination: str
    log_source: str
    owner: str
    review_due: date | None
    assets: tuple[str, ...]
    active: bool
    version: int
    added_at: datetime

    @property
    def fields(self) -> EntryPointFields:
        """Return what a person may change."""
        return EntryPointFields(
            self.kind, self.name, self.mfa, self.termination, self.log_source, self.owner, self.review_due, self.assets
        )
