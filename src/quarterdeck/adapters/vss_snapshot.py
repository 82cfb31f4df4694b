"""Windows shadow copies through the asset's own OpenSSH: made, read back by id, gone back to with vssadmin.

The script goes encoded, so that no shell on the way reads it. Tested on transcripts of documented answers, not on a
Windows machine.
"""

import base64
import json
import re
from datetime import datetime
from typing import Any

from quarterdeck.adapters.command_place import PlaceOf, Ran, place_of, succeeded
from quarterdeck.backups.api import ProductFailed, Snapshot, Source, Verification

_ID = re.compile(r"\{[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\}", re.ASCII)
_CREATED = 12  # VSS_SNAPSHOT_STATE: VSS_SS_CREATED
_PREPARING = range(1, 12)
_ANSWERS = {
    1: "access denied", 2: "invalid argument", 3: "volume not found", 4: "volume not supported",
    5: "unsupported context", 6: "not enough room for the shadow copy", 7: "volume in use",
    8: "too many shadow copies", 9: "another shadow copy is under way", 10: "a provider refused",
    11: "provider not registered", 12: "provider failure", 13: "unknown error",
}  # fmt: skip


class Vss:
    """Fulfils SnapshotMaker with PowerShell over SSH."""

    def __init__(self, place_of: PlaceOf = place_of) -> None:
        self._place_of = place_of

    def take(self, source: Source, name: str, now: datetime) -> Snapshot:
        """Make a shadow copy of the drive; Windows gives it its id, the name is ours alone."""
        del name
        told = self._json(
            source,
            "Invoke-CimMethod -ClassName Win32_ShadowCopy -MethodName Create -Arguments "
            f"@{{Volume='{source.repository}\\'; Context='ClientAccessible'}} | Select-Object ReturnValue,ShadowID",
        )
        value, made = told.get("ReturnValue"), told.get("ShadowID")
        if value != 0 or not isinstance(made, str) or _ID.fullmatch(made) is None:
            said = _ANSWERS.get(value, "no id was given") if isinstance(value, int) else "no answer"
            raise ProductFailed(f"Windows made no shadow copy: {said}.")
        return Snapshot(made, now, 0, encrypted=None)

    def look(self, source: Source, snapshot: str) -> Verification:
        """Read back the state of the shadow copy."""
        told = self._json(
            source,
            f"Get-CimInstance Win32_ShadowCopy -Filter \"ID='{_plain(snapshot)}'\" | Select-Object ID,State,VolumeName",
        )
        log = json.dumps(told, sort_keys=True).encode() + b"\n"
        state = told.get("State")
        if told.get("ID") != snapshot or not isinstance(state, int):
            return Verification(False, "Windows does not list the shadow copy any more.", log)
        if state in _PREPARING:
            return Verification(False, "Windows still makes it.", log, pending=True)
        return Verification(state == _CREATED, f"Windows says state {state}.", log)

    def revert(self, source: Source, snapshot: str, now: datetime) -> Verification:
        """Put the drive back; Windows Server alone can, and not the drive it runs from."""
        del now
        script = f"vssadmin revert shadow /shadow={_plain(snapshot)} /quiet; exit $LASTEXITCODE"
        done = self._run(source, script)
        if done.status != 0:
            return Verification(False, f"Windows did not go back: {done.last_line}", done.log)
        return Verification(True, "Windows put the drive back.", done.log)

    def _json(self, source: Source, script: str) -> dict[str, Any]:
        asked = f"$ErrorActionPreference='Stop'; {script} | ConvertTo-Json -Compress"
        done = succeeded(self._run(source, asked), "be asked for shadow copies")
        try:
            told = json.loads(done.out.decode("utf-8-sig") or "{}")
        except ValueError:
            raise ProductFailed("Windows answered something that is not JSON.") from None
        return told if isinstance(told, dict) else {}

    def _run(self, source: Source, script: str) -> Ran:
        encoded = base64.b64encode(script.encode("utf-16-le")).decode()
        return self._place_of(source).run(["powershell", "-NoProfile", "-NonInteractive", "-EncodedCommand", encoded])


def _plain(snapshot: str) -> str:
    if _ID.fullmatch(snapshot) is None:
        raise ProductFailed("This is no id of a shadow copy.")
    return snapshot
