"""What a technician's ssh and Ansible need to reach assets through the gate: configuration, inventory, pinned gate key.

Pure text with strict names; nothing that a person typed stands in it (attacks.md row 12).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from quarterdeck.access.places import Destination
from quarterdeck.kernel.decision import Decision, all_of, require_that
from quarterdeck.kernel.ids import is_ticket_number
from quarterdeck.kernel.names import is_account, is_address, is_host_identity, is_hostname, is_port

DEFAULT_FOLDER = "~/.ssh/quarterdeck"
GATE_ALIAS = "quarterdeck-gate"
_FOLDER = re.compile(r"(?:~|/)[A-Za-z0-9._/ @+-]{0,200}", re.ASCII)


@dataclass(frozen=True, slots=True)
class GateDoor:
    """Where technicians find the gate: host, port, login user and its host key (`type base64`)."""

    host: str
    port: int
    user: str
    host_key: str

    def __post_init__(self) -> None:
        may_name_gate(self.host, self.port, self.user, self.host_key).require()

    @property
    def known_hosts_line(self) -> str:
        """The line that pins the gate's host key, under the alias that the snippet uses."""
        return Destination(GATE_ALIAS, self.host, self.port, self.user, self.host_key).known_hosts_line


def may_name_gate(host: str, port: int, user: str, host_key: str) -> Decision:
    """Return whether the gate's own names may stand in a technician's configuration."""
    ok = is_address(host) and is_port(port) and is_account(user) and is_host_identity(host_key)
    return require_that(
        ok,
        "gate.misconfigured",
        "The gate's address, port, user or host key is not usable.",
        "The administrator corrects QD_GATE_HOST, QD_GATE_PORT and QD_GATE_USER and runs `qd doctor`.",
    )


def may_name_paths(*paths: str) -> Decision:
    """Return whether these paths of a technician's machine may stand in a configuration."""
    return require_that(
        all(_FOLDER.fullmatch(path) for path in paths),
        "access.bad_path",
        "The folder or the key's file has a name that can't stand in an ssh configuration.",
        "Use a path of plain letters, digits, dots, dashes and spaces; XDG_CONFIG_HOME moves the folder of `qd`.",
    )


def certificate_file_name(ticket: str, hostname: str) -> str:
    """Return the file name of the certificate for one asset of one ticket; Refused for a bad name."""
    all_of(
        (
            require_that(is_ticket_number(ticket), "bad_ticket", "That is not a ticket number.", ""),
            require_that(is_hostname(hostname), "bad_hostname", "That is not a host name.", ""),
        )
    ).require()
    return f"{ticket}-{hostname}-cert.pub"


def client_config(
    ticket: str, hostnames: Sequence[str], door: GateDoor, *, identity_file: str, folder: str = DEFAULT_FOLDER
) -> str:
    """Return the ssh_config snippet: one `Host` per asset, each leading to the gate with its own certificate.

    `identity_file` is the technician's key (or its public half when the key is in an agent).
    """
    for path in (identity_file, folder):
        if _FOLDER.fullmatch(path) is None:
            raise ValueError(f"this path cannot stand in an ssh configuration: {path!r}")
    parts = [f"# {ticket}: made by `qd access`; these names work only in the window.\n"]
    for hostname in hostnames:
        certificate = certificate_file_name(ticket, hostname)
        parts.append(f"""
Host {hostname}
    HostName {door.host}
    Port {door.port}
    User {door.user}
    HostKeyAlias {GATE_ALIAS}
    UserKnownHostsFile "{folder}/known_hosts"
    GlobalKnownHostsFile none
    StrictHostKeyChecking yes
    IdentitiesOnly yes
    IdentityFile "{identity_file}"
    CertificateFile "{folder}/{certificate}"
    PreferredAuthentications publickey
    ForwardAgent no
    ForwardX11 no
""")
    return "".join(parts)


def ansible_inventory(ticket: str, hostnames: Sequence[str], *, folder: str) -> str:
    """Return an Ansible inventory that reaches the assets through the configuration in `folder`; it must be absolute.

    No `ansible_user` stands in it: Ansible expands `~NAME` on the target, where nobody has the gate's login name, and
    copies into a literal folder of that name (gate.md defect 6). The login name is in the ssh configuration.
    """
    if _FOLDER.fullmatch(folder) is None or not folder.startswith("/"):
        raise ValueError(f"this path cannot stand in an inventory: {folder!r}")
    if not is_ticket_number(ticket) or not all(is_hostname(name) for name in hostnames):
        raise ValueError("an inventory names a ticket and host names")
    hosts = "".join(f"{name}\n" for name in hostnames)
    return f"""# {ticket}: made by `qd access`; leave ansible_user unset.
# ansible -i {folder}/inventory.ini all -m ping
[quarterdeck]
{hosts}
[quarterdeck:vars]
ansible_connection=ssh
ansible_ssh_common_args=-F "{folder}/config"
"""
