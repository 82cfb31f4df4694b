"""Where a connection leads: address, port, account and pinned host identity, checked again before any command.

Pure. The names were checked when they were imported; they are checked here once more because a row may have been
written by hand (attacks.md rows 12 and 28). `Destination` cannot exist with a bad name.
"""

from dataclasses import dataclass

from quarterdeck.kernel.decision import Decision, all_of, require_that
from quarterdeck.kernel.names import is_account, is_address, is_host_identity, is_hostname, is_port

_NEXT = "Correct the connection in the inventory and ask for a new approval."
_RSA = ("rsa-sha2-512", "ssh-rsa")
_PLAIN_ALGORITHMS = {
    "ecdsa-sha2-nistp256": "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384": "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521": "ecdsa-sha2-nistp521",
    "ssh-ed25519": "ssh-ed25519",
    "ssh-rsa": "rsa-sha2-512,rsa-sha2-256",
}
_CERTIFICATE_ALGORITHMS = ",".join(
    f"{name}-cert-v01@openssh.com"
    for name in (
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "ssh-ed25519",
        "rsa-sha2-512",
        "rsa-sha2-256",
    )
)


def may_connect_to(hostname: str, address: str, port: int, account: str, host_identity: str) -> Decision:
    """Return whether these five may stand in a command and a known_hosts line; one reason for each that may not."""
    return all_of(
        (
            require_that(is_hostname(hostname), "bad_hostname", "The asset's host name is not a host name.", _NEXT),
            require_that(is_address(address), "bad_address", "The connection's address is not an address.", _NEXT),
            require_that(is_port(port), "bad_port", "The connection's port is not a port.", _NEXT),
            require_that(is_account(account), "bad_account", "The target account is not a login name.", _NEXT),
            require_that(
                is_host_identity(host_identity), "bad_host_identity", "The pinned host key is not a host key.", _NEXT
            ),
        )
    )


@dataclass(frozen=True, slots=True)
class Destination:
    """One account on one target with the host key that it must show; raises Refused for a name outside the grammar."""

    hostname: str
    address: str
    port: int
    account: str
    host_identity: str
    revoked_keys: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for identity in (self.host_identity, *self.revoked_keys):
            may_connect_to(self.hostname, self.address, self.port, self.account, identity).require()

    @property
    def known_hosts_line(self) -> str:
        """The line of a known_hosts file that pins this target under its host name, without newline at its end.

        One line more for each host key that was given up: with it the client believes no certificate for that key.
        """
        kind, key = self.host_identity.removeprefix("@cert-authority ").split(" ", 1)
        prefix = "@cert-authority " if self.is_authority else ""
        lines = [f"{prefix}{self.hostname} {'ssh-rsa' if kind in _RSA else kind} {key}"]
        return "\n".join([*lines, *(f"@revoked * {key}" for key in self.revoked_keys)])

    @property
    def is_authority(self) -> bool:
        """True when the identity is the authority that signs the target's host key."""
        return self.host_identity.startswith("@cert-authority ")

    @property
    def host_key_algorithms(self) -> str:
        """The host key algorithms that the pinned identity allows, for `HostKeyAlgorithms`."""
        if self.is_authority:
            return _CERTIFICATE_ALGORITHMS
        kind = self.host_identity.split(" ", 1)[0]
        return _PLAIN_ALGORITHMS["ssh-rsa" if kind in _RSA else kind]

    @property
    def principal(self) -> str:
        """The principal of target certificates for exactly this account on this asset."""
        return target_principal(self.account, self.hostname)


def target_principal(account: str, hostname: str) -> str:
    """Return the principal that opens `account` on `hostname` and nothing else; never an entry principal."""
    return f"qd:{account}@{hostname}"


def entry_principal(organisation: str) -> str:
    """Return the principal that opens the gate of `organisation`; its grammar cannot meet a target principal."""
    slug = "-".join("".join(c if c.isascii() and c.isalnum() else " " for c in organisation.lower()).split())
    return f"qd-entry-{slug[:60] or 'organisation'}"
