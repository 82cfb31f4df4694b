"""Which registered program or command set measures a connection's platform, and the one command that runs it.

The signer puts that command into the certificate, so platform, hash and arguments are judged here and nowhere else.
"""

from collections.abc import Sequence

from quarterdeck.baselines.bootstrap import bootstrap_command, collector_bytes, collector_sha256
from quarterdeck.baselines.devices import device_command, family_sha256
from quarterdeck.baselines.fallback import fallback_bytes, fallback_command, fallback_sha256
from quarterdeck.baselines.windows import windows_command, windows_sha256
from quarterdeck.inventory import api as inventory
from quarterdeck.inventory.api import Elevation, Platform
from quarterdeck.kernel.decision import Refused


def program_for(platform: Platform) -> str:
    """Return the SHA-256 of what measures this platform: a monitoring plan names it."""
    if platform is Platform.WINDOWS:
        return windows_sha256()
    return family_sha256(platform.value) if platform.is_device else collector_sha256()


def program_at(connection_id: str) -> str:
    """Return the same for a connection; of one that was removed, the collector for Unix, and nothing is sent there."""
    try:
        return program_for(inventory.connection(connection_id).platform)
    except Refused:
        return collector_sha256()


def is_installed(sha256: str, platform: Platform, elevation: str) -> bool:
    """Return whether this program may be sent to this platform.

    On Unix that is the collector or the one for systems without Python; the helper that sudo runs is itself of Python,
    so with sudo only the first.
    """
    if sha256 == program_for(platform):
        return True
    return platform is Platform.UNIX and sha256 == fallback_sha256() and elevation != Elevation.SUDO


def command_for(sha256: str, platform: Platform, arguments: Sequence[str]) -> str:
    """Return the command that a certificate fixes; ValueError for arguments outside the program's strict grammar."""
    if platform is Platform.WINDOWS:
        return windows_command(sha256, arguments)
    if platform.is_device:
        return device_command(platform.value, arguments)
    if sha256 == fallback_sha256():
        return fallback_command(sha256, len(fallback_bytes()), arguments)
    return bootstrap_command(sha256, len(collector_bytes()), arguments)
