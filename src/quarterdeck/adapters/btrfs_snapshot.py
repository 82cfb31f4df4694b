"""btrfs snapshots: made read-only, read back, and gone back to by putting a writable one in the subvolume's place.

Going back can be broken off at any moment and done again: the new subvolume is made beside the snapshots first, so that
between setting the old one aside and putting the new one in its place there is nothing but one rename.
"""

import re
from datetime import datetime
from pathlib import PurePosixPath

from quarterdeck.adapters.command_place import Place, PlaceOf, Ran, place_of, succeeded
from quarterdeck.backups.api import ProductFailed, Snapshot, Source, Verification

_FIELD = re.compile(rb"^\s*(UUID|Parent UUID|Flags|Gen at creation):\s*(\S+)", re.MULTILINE)
_WRITTEN = re.compile(rb"^inode ", re.MULTILINE)


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
        """Read back that it is read-only, comes from the subvolume, and that no file was written since it was made."""
        place = self._place_of(source)
        shown = place.run(["btrfs", "subvolume", "show", snapshot])
        if shown.status != 0:
            return Verification(False, f"The snapshot is gone: {shown.last_line}", shown.log)
        told, identity = _fields(shown), _fields(shown).get("UUID", "")
        if told.get("Flags") != "readonly":
            return Verification(False, "The snapshot can be written to, so it proves nothing.", shown.log)
        origin = place.run(["btrfs", "subvolume", "show", source.repository])
        # A subvolume that is not there was set aside by a revert that was broken off: nothing to compare with.
        if origin.status == 0 and not _related(told, _fields(origin)):
            return Verification(False, "The snapshot is of another subvolume.", shown.log)
        made = told.get("Gen at creation", "")
        after = str(int(made) + 1 if made.isdecimal() else 0)
        newer = succeeded(place.run(["btrfs", "subvolume", "find-new", snapshot, after]), "look for later writes")
        log = shown.log + newer.log
        if _WRITTEN.search(newer.out):
            return Verification(False, "Files in the snapshot were written after it was made.", log)
        return Verification(True, "The snapshot is read-only and of this subvolume.", log, identity=identity)

    def revert(self, source: Source, snapshot: str, now: datetime) -> Verification:
        """Set the subvolume aside and put a writable snapshot of the snapshot in its place.

        What was there is kept beside the snapshots as `reverted-<moment>`, so that the fault can be looked into.
        """
        place, moment = self._place_of(source), f"{now:%Y%m%dT%H%M%SZ}"
        aside, fresh = (str(PurePosixPath(source.path, f"{word}-{moment}")) for word in ("reverted", "fresh"))
        identity = _shown(place, snapshot).get("UUID", "")
        made = succeeded(place.run(["btrfs", "subvolume", "snapshot", snapshot, fresh]), "make the new subvolume")
        there = place.run(["test", "-e", source.repository]).status == 0
        if there:
            moved = place.run(["mv", "-T", "--", source.repository, aside])
            if moved.status != 0:
                place.run(["btrfs", "subvolume", "delete", fresh])
                raise ProductFailed(f"The subvolume could not be set aside (is it mounted?): {moved.last_line}.")
        put = place.run(["mv", "-T", "--", fresh, source.repository])
        if put.status != 0:
            if there:
                succeeded(place.run(["mv", "-T", "--", aside, source.repository]), "put the subvolume back")
            raise ProductFailed(f"btrfs could not go back: {put.last_line}. The subvolume is as it was.")
        back = _shown(place, source.repository).get("Parent UUID") == identity
        kept = f"what was there lies in {aside}" if there else "what was there was set aside by an earlier try"
        said = f"Put back; {kept}." if back else "The subvolume is not of the snapshot."
        return Verification(back, said, made.log, identity=identity)


def _related(snapshot: dict[str, str], origin: dict[str, str]) -> bool:
    """Tell whether the snapshot was made of the subvolume, or, after a revert, the other way round."""
    return snapshot.get("Parent UUID") == origin.get("UUID") or origin.get("Parent UUID") == snapshot.get("UUID")


def _shown(place: Place, path: str) -> dict[str, str]:
    return _fields(succeeded(place.run(["btrfs", "subvolume", "show", path]), f"show {path}"))


def _fields(ran: Ran) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in _FIELD.findall(ran.out)}
