"""An operator's verb that writes files becomes the owner of the data folder first, so that none belongs to root."""

import os
from pathlib import Path

from quarterdeck.entrypoints.supervisor.children import identity_for


def become_owner(folder: Path) -> None:
    """Give root's rights up for good when the folder belongs to somebody else; else nothing."""
    owner = identity_for(folder) if folder.is_dir() else None
    if owner is None:
        return
    os.setgroups(owner.groups)
    os.setgid(owner.gid)
    os.setuid(owner.uid)
    os.environ.update(owner.environment)
