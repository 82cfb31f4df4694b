"""The settings of one Quarterdeck: from QD_* variables, else from the TOML file that QD_CONFIG names.

Everything binds to loopback until it is configured otherwise. Paths of keys and sockets derive from the data folder;
the sealer's and the signer's folders lie beside it, so that a copy of the data folder holds no key.
"""

import os
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from quarterdeck.config.mail_place import check_mail, implicit_tls, sends_password_unencrypted
from quarterdeck.config.s3_place import S3Place, check_endpoint, split_s3_url
from quarterdeck_verify.checkpoint import NOTE_ED25519
from quarterdeck_verify.cosignature import COSIGNATURE, parse_key

__all__ = [
    "S3Place",
    "Settings",
    "WrongSettings",
    "check_evidence_url",
    "implicit_tls",
    "load",
    "sends_password_unencrypted",
    "settings_file",
    "split_s3_url",
    "store_key_file",
]
GRADES = ("independent", "same_administrator")


def settings_file() -> Path | None:
    """Return the TOML file that QD_CONFIG names, None without one."""
    named = os.environ.get("QD_CONFIG", "")
    return Path(named) if named else None


def _items(text: str) -> list[str]:
    return [item for item in text.replace("\n", ";").split(";") if item.split()]


def _require_key(text: str, kind: int) -> None:
    """A witness is named by its cosigning key, a log by its note key; each is easily taken for the other."""
    if parse_key(text).kind != kind:
        raise ValueError(f"{text!r} is the key of a {'log' if kind == COSIGNATURE else 'witness'}, not of the other")


def _is_safe(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost"))


class WrongSettings(ValueError):
    """The settings cannot be used; the text has a line for each that is wrong."""


class _Sourced(BaseSettings):
    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments first, then the environment, then the TOML file."""
        file = settings_file()
        toml = () if file is None else (TomlConfigSettingsSource(settings_cls, toml_file=file),)
        return (init_settings, env_settings, *toml)


class Settings(_Sourced):
    """Every knob, with its default; unknown keys in the TOML file are refused."""

    model_config = SettingsConfigDict(env_prefix="QD_", extra="forbid")

    data_dir: Path = Field(default_factory=lambda: Path.home() / ".local" / "share" / "quarterdeck")
    database_url: str = ""
    evidence_url: str = ""
    sealer_dir: Path | None = None
    signer_dir: Path | None = None
    sealing_key: Literal["file", "agent"] = "file"
    sealing_key_type: Literal["ecdsa", "ed25519"] = "ecdsa"
    sealing_agent: Path | None = None
    organisation: str = "Example Organisation"
    time_zone: str = "UTC"
    ledger_origin: str = "quarterdeck.example/ledger"
    web_host: str = "127.0.0.1"
    web_port: int = Field(default=8600, ge=1, le=65535)
    public_url: str = ""
    gate_host: str = "127.0.0.1"
    gate_port: int = Field(default=8622, ge=1, le=65535)
    gate_address: str = "127.0.0.1"
    gate_user: str = ""
    gate_profile: Literal["fips", "modern"] = "fips"
    gate_verified_keys: Literal["none", "cui", "all"] = "none"
    gate_floor_gb: float = Field(default=1.0, ge=0.1, le=10_000.0)
    attach_limit_gb: float = Field(default=10.0, gt=0, le=1_000.0)
    attach_floor_gb: float = Field(default=1.0, ge=0.0, le=10_000.0)
    attach_keep_hours: int = Field(default=72, ge=1, le=24 * 90)
    url: str = "http://127.0.0.1:8600"
    smtp_host: str = ""
    smtp_port: int = Field(default=25, ge=1, le=65535)
    smtp_user: str = ""
    smtp_password_file: Path | None = None
    smtp_starttls: bool = False
    smtp_tls: bool = False
    smtp_ca_file: Path | None = None
    mail_from: str = "quarterdeck@localhost"
    mail_grade: Literal["independent", "same_administrator"] = "same_administrator"
    syslog_address: str = Field(default="", max_length=254)
    syslog_grade: Literal["independent", "same_administrator"] = "same_administrator"
    syslog_ca_file: Path | None = None
    syslog_cert_file: Path | None = None
    syslog_key_file: Path | None = None
    syslog_server_name: str = ""
    tsa_url: str = Field(default="", max_length=254)
    tsa_ca_file: Path | None = None
    tsa_tls_ca_file: Path | None = None
    tsa_grade: Literal["independent", "same_administrator"] = "same_administrator"
    anchor_target_minutes: int = Field(default=15, ge=1, le=1440)
    witness_name: str = ""
    witnessed_logs: str = ""
    witnesses: str = ""
    runbook_signers_file: Path | None = None
    s3_endpoint: str = ""
    s3_region: str = "us-east-1"
    s3_credentials_file: Path | None = None
    s3_ca_file: Path | None = None
    s3_demand_lock: bool = True
    s3_encrypt: bool = True
    s3_store_key_file: Path | None = None
    s3_first_lock_days: int = Field(default=30, ge=1, le=3_650)
    checkpoints_url: str = Field(default="", max_length=254)
    checkpoints_endpoint: str = ""
    checkpoints_region: str = "us-east-1"
    checkpoints_credentials_file: Path | None = None
    checkpoints_ca_file: Path | None = None
    checkpoints_keep_days: int = Field(default=2_192, ge=1, le=4_383)
    checkpoints_grade: Literal["independent", "same_administrator"] = "same_administrator"
    debug: bool = False

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"{value!r} is no IANA time zone; write for example America/New_York") from error
        return value

    @field_validator("witnesses")
    @classmethod
    def _known_witnesses(cls, value: str) -> str:
        for words in _items(value):
            match words.split():
                case [grade, url, key] if grade in GRADES and _is_safe(url):
                    _require_key(key, COSIGNATURE)
                case _:
                    raise ValueError(f"{words!r} is no witness; write: independent https://address/witness name+id+key")
        return value

    @field_validator("witnessed_logs")
    @classmethod
    def _known_logs(cls, value: str) -> str:
        for key in value.replace(";", " ").split():
            _require_key(key, NOTE_ED25519)
        return value

    @model_validator(mode="after")
    def _safe_mail(self) -> Self:
        check_mail(self)
        return self

    @property
    def witness_list(self) -> list[tuple[str, str, str]]:
        """Who is to cosign our checkpoints: grade, address and verifier key of each."""
        found = (words.split() for words in _items(self.witnesses))
        return [(grade, url.rstrip("/"), key) for grade, url, key in found]

    @property
    def witnessed(self) -> list[str]:
        """The verifier keys of the logs that we cosign."""
        return self.witnessed_logs.replace(";", " ").split()

    @field_validator("evidence_url", "checkpoints_url")
    @classmethod
    def _known_place(cls, value: str, about: ValidationInfo) -> str:
        if value and not (about.field_name == "evidence_url" and value.startswith("file:")):
            split_s3_url(value)
        return value

    @field_validator("s3_endpoint", "checkpoints_endpoint")
    @classmethod
    def _safe_endpoint(cls, value: str) -> str:
        return check_endpoint(value) if value else value

    @property
    def database(self) -> str:
        """URL of the database; SQLite in the data folder unless one is set."""
        return self.database_url or f"sqlite:///{self.data_dir / 'db.sqlite3'}"

    @property
    def objects_dir(self) -> Path:
        """Folder of the artifact store."""
        if self.evidence_url.startswith("file:"):
            return Path(self.evidence_url.removeprefix("file:"))
        return self.data_dir / "objects"

    @property
    def store_name(self) -> str:
        """What tells the artifact store from others: `file:/path` or `s3://bucket/prefix`."""
        return self.evidence_url.rstrip("/") if self.evidence_url.startswith("s3:") else f"file:{self.objects_dir}"

    def s3_place(self, url: str) -> S3Place:
        """Return where an s3: URL of evidence points to, with the settings of the evidence store."""
        return S3Place(*split_s3_url(url), self.s3_endpoint, self.s3_region, self.s3_credentials_file, self.s3_ca_file)

    @property
    def checkpoints_place(self) -> S3Place | None:
        """Where copies of checkpoints are kept on S3, None where no such place is set."""
        if not self.checkpoints_url:
            return None
        return S3Place(
            *split_s3_url(self.checkpoints_url),
            self.checkpoints_endpoint,
            self.checkpoints_region,
            self.checkpoints_credentials_file,
            self.checkpoints_ca_file,
        )

    @property
    def cache_dir(self) -> Path:
        """Small documents of a store that is not on this machine; may be emptied at any time."""
        return self.data_dir / "cache"

    @property
    def sealer_folder(self) -> Path:
        """Folder of the sealing key and the sealer's memory; outside the data folder by default."""
        return self.sealer_dir or self.data_dir.with_name(self.data_dir.name + "-sealer")

    @property
    def signer_folder(self) -> Path:
        """Folder of the two certificate authorities' keys and the serial log."""
        return self.signer_dir or self.data_dir.with_name(self.data_dir.name + "-signer")

    @property
    def run_dir(self) -> Path:
        """Folder of sockets and pid files, mode 0700."""
        return self.data_dir / "run"

    @property
    def signer_socket(self) -> Path:
        """Unix socket of the signer."""
        return self.run_dir / "signer.sock"

    @property
    def sealer_socket(self) -> Path:
        """Unix socket of the sealer: in the run folder, or in its own where the sealer is a user of its own."""
        return (self.sealer_folder / "door" if self.sealer_is_apart else self.run_dir) / "sealer.sock"

    @property
    def sealer_is_apart(self) -> bool:
        """True when the sealer's folder belongs to another user than the data folder."""
        try:
            return self.sealer_folder.stat().st_uid != self.data_dir.stat().st_uid
        except OSError:
            return False

    @property
    def gate_dir(self) -> Path:
        """Folder of the gate's host key, generated configuration and socket."""
        return self.data_dir / "gate"

    @property
    def gate_socket(self) -> Path:
        """Unix socket that the launcher connects to; its folder has mode 0700."""
        return self.gate_dir / "socket" / "launcher.sock"

    @property
    def recordings_dir(self) -> Path:
        """Recordings of sessions in progress; sealed ones are artifacts."""
        return self.data_dir / "recordings"

    @property
    def incoming_dir(self) -> Path:
        """Attached evidence that is still arriving; on the disk of the data folder, mode 0700."""
        return self.data_dir / "incoming"

    @property
    def logs_dir(self) -> Path:
        """Logs of the processes."""
        return self.data_dir / "logs"

    @property
    def secret_key_file(self) -> Path:
        """Key of signed cookies, mode 0600."""
        return self.data_dir / "secret_key"

    @property
    def factor_key_file(self) -> Path:
        """Key that encrypts TOTP secrets, mode 0600."""
        return self.data_dir / "factor_key"

    @property
    def base_url(self) -> str:
        """Address under which people reach the web."""
        return self.public_url or f"http://{self.web_host}:{self.web_port}"


def store_key_file(config: Settings) -> Path:
    """Return where the key lies that wraps the keys of files on S3, mode 0600; without it they cannot be read again."""
    return config.s3_store_key_file or config.data_dir / "store_key"


@lru_cache(maxsize=1)
def load() -> Settings:
    """Return the settings of this process, read once; WrongSettings with a sentence for each bad one."""
    return _settings()


def check_evidence_url(url: str) -> None:
    """Raise WrongSettings unless the URL of a store obeys the settings' grammar."""
    _settings(evidence_url=url)


def _settings(**given: Any) -> Settings:  # noqa: ANN401  pydantic checks them
    try:
        return Settings(**given)
    except ValidationError as error:
        raise WrongSettings("\n".join(_sentence(one) for one in error.errors(include_url=False))) from None


def _sentence(wrong: ErrorDetails) -> str:
    """Say what is wrong by the name that people set; never by its value, unless the sentence itself names it."""
    said = str(wrong.get("ctx", {}).get("error") or wrong["msg"])
    return f"QD_{'_'.join(map(str, wrong['loc'])).upper()}: {said}" if wrong["loc"] else said
