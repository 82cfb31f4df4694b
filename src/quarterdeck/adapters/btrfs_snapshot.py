"""btrfs snapshots: made read-only, read back, and gone back to by putting a writable one in the subvolume's place."""

import re
from datetime import datetime
from pathlib import PurePosixPath

from quarterdeck.adapters.command_place import Place, PlaceOf, Ran, place_of, succeeded
from quarterdeck.backups.api import ProductFailed, Snapshot, Source, Verification

_FIELD = re.compile(rb"^\s*(UUID|Parent UUID|Flags):\s*(\S+)", re.MULTILINE)


class Btrfs:
    """Fulfils SnapshotMaker with the `btrfs` program where the subvolume is."""

    def __init__(self, place_of: PlaceOf = place_of) -> None:
        self._place_of = place_of

    def take(self, source: Source, name: str, now: datetime) -> Snapshot:
        """Make a read-only snapshot in the source's folder."""
        place, target = self._place_of(source), str(PurePosixPath(source.path, name))
        succeeded(place.run(["btrfs", "subvolume", "snapshot", "-r", source.repository, target]), "make the snapshot")
        return Snapshot(target, now, 0, encrypted=None)

    def look(self, source: Source, snapshot: str) -> Verification:
        """Read back that it is read-only and comes from the subvolume."""
        place = self._place_of(source)
        shown = place.run(["btrfs", "subvolume", "show", snapshot])
        if shown.status != 0:
            return Verification(False, f"The snapshot is gone: {shown.last_line}", shown.log)
        told, origin = _fields(shown), _shown(place, source.repository)
        if told.get("Flags") != "readonly":
            return Verification(False, "The snapshot can be written to, so it proves nothing.", shown.log)
        if told.get("Parent UUID") != origin.get("UUID") and origin.get("Parent UUID") != told.get("UUID"):
            return Verification(False, "The snapshot is of another subvolume.", shown.log)
        return Verification(True, "The snapshot is read-only and of this subvolume.", shown.log)

    def revert(self, source: Source, snapshot: str, now: datetime) -> Verification:
        """Set the subvolume aside and put a writable snapshot of the snapshot in its place.

        What was there is kept beside the snapshots as `reverted-<moment>`, so that the fault can be looked into.
        """
        place = self._place_of(source)
        aside = str(PurePosixPath(source.path, f"reverted-{now:%Y%m%dT%H%M%SZ}"))
        goal = _shown(place, snapshot).get("UUID")
        succeeded(place.run(["mv", "-T", "--", source.repository, aside]), "set the subvolume aside (is it mounted?)")
        made = place.run(["btrfs", "subvolume", "snapshot", snapshot, source.repository])
        if made.status != 0:
            succeeded(place.run(["mv", "-T", "--", aside, source.repository]), "put the subvolume back")
            raise ProductFailed(f"btrfs could not go back: {made.last_line}. The subvolume is as it was.")
        back = _shown(place, source.repository).get("Parent UUID") == goal
        said = f"Put back; what was there lies in {aside}." if back else "The subvolume is not of the snapshot."
        return Verification(back, said, made.log)


def _shown(place: Place, path: str) -> dict[str, str]:
    return _fields(succeeded(place.run(["btrfs", "subvolume", "show", path]), f"show {path}"))


def _fields(ran: Ran) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in _FIELD.findall(ran.out)}
