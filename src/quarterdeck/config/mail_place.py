"""How mail may be handed in: never with a password that the network can read."""

from ipaddress import ip_address
from pathlib import Path
from typing import Protocol

SUBMISSIONS = 465


class MailPlace(Protocol):
    """The settings of the mail server."""

    @property
    def smtp_host(self) -> str:
        """Its name or address; empty for none."""

    @property
    def smtp_port(self) -> int:
        """Its port."""

    @property
    def smtp_user(self) -> str:
        """The login there; empty for none."""

    @property
    def smtp_password_file(self) -> Path | None:
        """The file with its password."""

    @property
    def smtp_starttls(self) -> bool:
        """Whether the session is encrypted after the greeting."""

    @property
    def smtp_tls(self) -> bool:
        """Whether the session is encrypted from its first byte."""


def implicit_tls(place: MailPlace) -> bool:
    """Return whether the session begins with TLS: asked for, or meant by port 465 (RFC 8314 section 3.3)."""
    return place.smtp_tls or place.smtp_port == SUBMISSIONS


def check_mail(place: MailPlace) -> None:
    """Raise ValueError with the next step when a login is set that lacks its password or would show it."""
    if place.smtp_user and place.smtp_password_file is None:
        raise ValueError("QD_SMTP_USER is set without QD_SMTP_PASSWORD_FILE: name the file with its password")
    encrypted = place.smtp_starttls or implicit_tls(place)
    if place.smtp_host and sends_password_unencrypted(place.smtp_host, user=place.smtp_user, encrypted=encrypted):
        raise ValueError(
            f"QD_SMTP_USER: its password goes to {place.smtp_host} unencrypted; set QD_SMTP_STARTTLS=true, or "
            "QD_SMTP_TLS=true (port 465)"
        )


def sends_password_unencrypted(host: str, *, user: str, encrypted: bool) -> bool:
    """Return whether a login at this mail server shows its password to the network; loopback is no network."""
    return bool(user) and not encrypted and not _is_loopback(host)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"
