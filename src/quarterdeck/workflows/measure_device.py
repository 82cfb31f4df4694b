"""Measuring a network device or appliance: its family's commands, one certificate each, and what they answered.

The configuration is kept without its secrets; of those a keyed mark stands, so that a changed one shows as changed.
"""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from quarterdeck.baselines import api as baselines
from quarterdeck.baselines.api import DeviceCall, DeviceFacts, Header, Measurement
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import ArtifactRef
from quarterdeck.inventory import api as inventory
from quarterdeck.inventory.api import ConnectionView
from quarterdeck.kernel.clock import Clock, rfc3339
from quarterdeck.workflows.scan_files import Collecting

_JSON = "application/json"
_LONGEST = 17 << 20


@dataclass(frozen=True, slots=True)
class _Place:
    """How the files of one device's measurement are named, and whether they may hold CUI."""

    name: str
    cui: bool


def measure_device(
    collecting: Collecting, connection: ConnectionView, *, asset_id: str, label: str, with_texts: bool, clock: Clock
) -> Measurement:
    """Ask a device for version, configuration and image hash, store all, and return what they are.

    Raises MeasureFailed, BadOutput or ManifestError with a sentence; nothing is half a measurement.
    """
    place = _Place(f"{asset_id}-{label}", inventory.asset(asset_id).handles_cui)
    started = clock.now()
    found, commands = _asked(collecting, connection)
    manifest, totals = _manifest(place, found)
    header = Header(
        mode=baselines.DEVICE_MODE,
        arguments=(connection.platform.value,),
        collector_sha256=baselines.family_sha256(connection.platform.value),
        python="none (registered commands)",
        system=f"{connection.platform.value} {found.firmware['version']}"[:300],
        uid=-1,
        started=rfc3339(started),
    )
    account = {"manifest": asdict(header), "totals": asdict(totals), "commands": commands}
    posture: dict[str, object] = {"firmware": {"value": found.firmware}}
    if found.image:
        posture["image"] = {"value": found.image}
    return Measurement(
        manifest=manifest,
        posture=_stored(place, "posture", posture),
        account=_stored(place, "measurement", account),
        header=header,
        entries=totals.entries,
        unreadable=totals.unreadable,
        hashed=totals.hashed,
        blind_roots=totals.blind_roots,
        started_at=started,
        finished_at=clock.now(),
        texts=_texts(place, found) if with_texts and not place.cui else None,
        exports=(_export(place, found),),
    )


def _asked(collecting: Collecting, connection: ConnectionView) -> tuple[DeviceFacts, list[str]]:
    """Return what the device told, and the commands that it was asked."""
    platform = connection.platform.value
    calls = [[baselines.DEVICE_MODE, step] for step in (baselines.VERSION, baselines.CONFIGURATION)]
    version, configuration = (_answer(collecting, platform, call) for call in calls)
    wanted = baselines.image_arguments(platform, version.decode("utf-8", "replace"))
    image = None if wanted is None else _answer(collecting, platform, wanted)
    found = baselines.read_device(platform, version, configuration, image, inventory.secret_marks(connection.id))
    asked = calls if wanted is None else [*calls, wanted]
    return found, [baselines.device_command(platform, call) for call in asked]


def _answer(collecting: Collecting, platform: str, arguments: Sequence[str]) -> bytes:
    call = DeviceCall(baselines.family_sha256(platform), baselines.device_command(platform, arguments))
    with collecting(arguments=arguments, stdin=b"", asked=call) as stream:
        return stream.read(_LONGEST)


def _manifest(place: _Place, found: DeviceFacts) -> tuple[ArtifactRef, baselines.Totals]:
    with tempfile.TemporaryFile() as text:
        totals = baselines.write([baselines.DEVICE_ROOT], baselines.device_lines(found.configuration), text)
        text.seek(0)
        stored = evidence.store_artifact(
            text,
            media_type="text/plain",
            role="manifest",
            name=f"baseline-{place.name}.mtree",
            may_contain_cui=place.cui,
        )
    return stored, totals


def _stored(place: _Place, role: str, document: object) -> ArtifactRef:
    return evidence.store_artifact(
        json.dumps(document, sort_keys=True, indent=1).encode(),
        media_type=_JSON,
        role=role,
        name=f"{role}-{place.name}.json",
        may_contain_cui=place.cui,
    )


def _texts(place: _Place, found: DeviceFacts) -> ArtifactRef:
    """The text for people to see what changed, as it is kept of small files."""
    return _stored(place, "texts", {baselines.spelled(baselines.CONFIGURATION_PATH): found.configuration})


def _export(place: _Place, found: DeviceFacts) -> ArtifactRef:
    return evidence.store_artifact(
        found.configuration.encode(),
        media_type="text/plain",
        role="configuration",
        name=f"configuration-{place.name}.txt",
        may_contain_cui=place.cui,
    )
