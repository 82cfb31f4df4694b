"""What access looks like on the wire: a key in, certificates and the client's configuration out."""

from datetime import datetime

from ninja import Schema


class AccessIn(Schema):
    """The technician's public key and, for fewer than all, the assets wanted."""

    public_key: str
    assets: list[str] = []
    folder: str = "~/.config/quarterdeck"
    identity_file: str = ""


class AssetAccessOut(Schema):
    """What opens one asset."""

    asset: str
    hostname: str
    certificate: str
    file_name: str
    serial: int
    valid_until: datetime


class AccessOut(Schema):
    """What a technician's ssh needs."""

    ticket: str
    gate_host: str
    gate_port: int
    gate_user: str
    known_hosts_line: str
    ssh_config: str
    ansible_inventory: str
    assets: list[AssetAccessOut]
