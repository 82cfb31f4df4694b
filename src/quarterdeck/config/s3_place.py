"""A place on S3 and how it is reached: bucket, prefix, endpoint, region, credentials by file, no secret in a URL."""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_PREFIX = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*", re.ASCII)


@dataclass(frozen=True, slots=True)
class S3Place:
    """Where, and with which file of credentials; without a file the standard chain of AWS is asked."""

    bucket: str
    prefix: str = ""
    endpoint: str = ""
    region: str = "us-east-1"
    credentials_file: Path | None = None
    ca_file: Path | None = None

    @property
    def name(self) -> str:
        """Return what tells this place from others; it holds no secret."""
        return "/".join(part for part in (f"s3://{self.bucket}", self.prefix) if part)

    def key(self, *parts: str) -> str:
        """Return the key of an object in this place."""
        return "/".join(part for part in (self.prefix, *parts) if part)


def split_s3_url(url: str) -> tuple[str, str]:
    """Return bucket and prefix of s3://bucket/prefix; ValueError with a sentence for anything else."""
    rest = url.removeprefix("s3://")
    bucket, _, prefix = rest.partition("/")
    prefix = prefix.rstrip("/")
    if rest == url or _BUCKET.fullmatch(bucket) is None or (prefix and _PREFIX.fullmatch(prefix) is None):
        raise ValueError("write s3://bucket or s3://bucket/prefix; credentials belong into a file of their own")
    return bucket, prefix


def check_endpoint(url: str) -> str:
    """Return the URL of an S3 server; ValueError unless it is https, or http on this machine alone."""
    parts = urlsplit(url)
    if parts.username or parts.password or parts.query or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("write https://host[:port] without a name, a password or anything behind it")
    if parts.scheme == "http" and not _is_here(parts.hostname):
        raise ValueError("evidence leaves this machine over https only; http is for a server on loopback")
    return url


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
