"""The signer's serial log: chained, synced, read back, alone; a changed line stops it, a torn one does not."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from quarterdeck.entrypoints.signer.serial_log import FILE_NAME, BrokenLog, LedgerSight, SerialLine, SerialLog

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)


def write(log: SerialLog, serial: int) -> SerialLine:
    return log.append(
        at=NOW,
        serial=serial,
        purpose="entry",
        grant="ag_a",
        ticket="MT-2026-00001",
        session="",
        cert_sha256="ab" * 32,
        sight=LedgerSight(3, "cd" * 32, 0),
    )


def filled(folder: Path, count: int = 3) -> Path:
    log = SerialLog(folder)
    for serial in range(1, count + 1):
        write(log, serial)
    log.close()
    return folder / FILE_NAME


def test_lines_are_read_back(tmp_path: Path) -> None:
    path = filled(tmp_path)
    assert path.stat().st_mode & 0o777 == 0o600
    log = SerialLog(tmp_path)
    assert [line.serial for line in log.lines] == [1, 2, 3]
    assert log.last_sight == LedgerSight(3, "cd" * 32, 0)
    assert write(log, 4).number == 4


def test_a_serial_is_used_once(tmp_path: Path) -> None:
    filled(tmp_path)
    log = SerialLog(tmp_path)
    with pytest.raises(ValueError, match="once"):
        write(log, 2)
    fresh = {log.fresh_serial() for _ in range(50)}
    assert len(fresh) == 50
    assert all(0 < serial < 1 << 53 for serial in fresh)


def test_a_second_signer_is_refused(tmp_path: Path) -> None:
    log = SerialLog(tmp_path)
    with pytest.raises(BrokenLog, match="another signer"):
        SerialLog(tmp_path)
    log.close()
    SerialLog(tmp_path).close()


@pytest.mark.parametrize("victim", [0, 1])
def test_a_changed_line_stops_the_signer(tmp_path: Path, victim: int) -> None:
    path = filled(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[victim] = lines[victim].replace(b'"ag_a"', b'"ag_b"')
    path.write_bytes(b"".join(lines))
    with pytest.raises(BrokenLog, match="does not follow"):
        SerialLog(tmp_path)


@pytest.mark.parametrize("victim", [0, 1])
def test_a_missing_line_stops_the_signer(tmp_path: Path, victim: int) -> None:
    path = filled(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    del lines[victim]
    path.write_bytes(b"".join(lines))
    with pytest.raises(BrokenLog, match="does not follow"):
        SerialLog(tmp_path)


def test_a_line_with_other_fields_stops_the_signer(tmp_path: Path) -> None:
    path = filled(tmp_path, 1)
    document = json.loads(path.read_bytes())
    del document["serial"]
    path.write_text(json.dumps(document, sort_keys=True, separators=(",", ":")) + "\n")
    with pytest.raises(BrokenLog, match="misses or spoils"):
        SerialLog(tmp_path)


def test_a_power_cut_in_the_last_line_does_not_stop_it(tmp_path: Path) -> None:
    path = filled(tmp_path)
    path.write_bytes(path.read_bytes()[:-40])
    log = SerialLog(tmp_path)
    assert [line.serial for line in log.lines] == [1, 2]
    assert write(log, 9).number == 4
    log.close()
    assert [line.serial for line in SerialLog(tmp_path).lines] == [1, 2, 9]
