"""Strict grammars for names that later stand in commands and generated configuration (attacks.md row 12)."""

import ipaddress
import re

_HOSTNAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*", re.ASCII)
_ACCOUNT = re.compile(r"[a-z_][a-z0-9_-]{0,31}", re.ASCII)
_HOST_KEY = re.compile(
    r"(?:ecdsa-sha2-nistp(?:256|384|521)|ssh-ed25519|rsa-sha2-512|ssh-rsa) [A-Za-z0-9+/]{40,1200}={0,2}", re.ASCII
)
_WATCHED_ROOT = re.compile(r"/[A-Za-z0-9._/@+-]{0,254}", re.ASCII)
_DRIVE_ROOT = re.compile(r"/[A-Z]:/(?:[A-Za-z0-9._/@+~()-]|%20){0,254}", re.ASCII)


def is_hostname(text: str) -> bool:
    """True for a lower-case DNS name of at most 253 characters: no option, no space, no control character."""
    return len(text) <= 253 and _HOSTNAME.fullmatch(text) is not None


def is_account(text: str) -> bool:
    """True for a portable POSIX login name."""
    return _ACCOUNT.fullmatch(text) is not None


def is_address(text: str) -> bool:
    """True for an IPv4 or IPv6 address without zone, or a host name."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return is_hostname(text)
    return "%" not in text


def is_port(number: int) -> bool:
    """True for a TCP port."""
    return 1 <= number <= 65535


def is_host_identity(text: str) -> bool:
    """True for one pinned host key, or `@cert-authority` and the key of the authority that signs host keys."""
    return _HOST_KEY.fullmatch(text.removeprefix("@cert-authority ")) is not None


def is_watched_root(text: str) -> bool:
    """True for an absolute path without spaces, `..` or shell characters."""
    return (_WATCHED_ROOT.fullmatch(text) is not None or is_drive_root(text)) and ".." not in text.split("/")


def is_drive_root(text: str) -> bool:
    """True for an absolute path of Windows as its ssh spells it: `/C:/Program%20Files`, a space as `%20` only."""
    return _DRIVE_ROOT.fullmatch(text) is not None and ".." not in text.split("/")
