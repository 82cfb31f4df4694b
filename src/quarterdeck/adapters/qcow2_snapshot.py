"""Snapshots inside a qcow2 image of a machine that is shut down: made, checked, gone back to with qemu-img."""

import json
from datetime import datetime
from typing import Any

from quarterdeck.adapters.command_place import Place, PlaceOf, place_of, succeeded
from quarterdeck.backups.api import ProductFailed, Snapshot, Source, Verification


class Qcow2:
    """Fulfils SnapshotMaker with qemu-img; the image's own lock refuses while the machine runs."""

    def __init__(self, place_of: PlaceOf = place_of) -> None:
        self._place_of = place_of

    def take(self, source: Source, name: str, now: datetime) -> Snapshot:
        """Make a snapshot of this name in the image."""
        place = self._place_of(source)
        succeeded(place.run(["qemu-img", "snapshot", "-c", name, source.repository]), "make the snapshot")
        return Snapshot(name, now, 0, encrypted=bool(_info(place, source).get("encrypted", False)))

    def look(self, source: Source, snapshot: str) -> Verification:
        """Read back that the image holds the snapshot, and check the image."""
        place = self._place_of(source)
        held = [one for one in _info(place, source).get("snapshots", []) if one.get("name") == snapshot]
        if len(held) != 1:
            return Verification(False, "The image does not hold exactly one snapshot of this name.", _told(held))
        checked = place.run(["qemu-img", "check", source.repository])
        if checked.status != 0:
            return Verification(False, f"qemu-img found errors: {checked.last_line}", checked.log)
        said, log = "The image holds the snapshot and was checked.", _told(held) + checked.log
        return Verification(True, said, log, identity=_identity(held[0]))

    def revert(self, source: Source, snapshot: str, now: datetime) -> Verification:
        """Go back to the snapshot and check the image."""
        del now
        place = self._place_of(source)
        applied = succeeded(place.run(["qemu-img", "snapshot", "-a", snapshot, source.repository]), "go back")
        looked = self.look(source, snapshot)
        said = "Gone back to the snapshot." if looked.verified else looked.sentence
        return Verification(looked.verified, said, applied.log + looked.log, identity=looked.identity)


def _told(held: list[dict[str, Any]]) -> bytes:
    return json.dumps(held, sort_keys=True).encode() + b"\n"


def _identity(one: dict[str, Any]) -> str:
    """Return what QEMU gave the snapshot when it was made: another one of this name has another number or moment."""
    return " ".join(str(one.get(name, "")) for name in ("id", "date-sec", "date-nsec", "vm-clock-sec", "vm-clock-nsec"))


def _info(place: Place, source: Source) -> dict[str, Any]:
    ran = succeeded(place.run(["qemu-img", "info", "--output=json", source.repository]), "read the image")
    try:
        told = json.loads(ran.out)
    except ValueError:
        raise ProductFailed("qemu-img answered something that is not JSON.") from None
    if not isinstance(told, dict) or told.get("format") != "qcow2":
        raise ProductFailed("The image is no qcow2 image.")
    return told
