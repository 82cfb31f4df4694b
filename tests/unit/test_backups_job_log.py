"""Job logs that people hand in: status, time and check are read; failed, foreign and broken ones are refused."""

import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.backup_products import FolderSetup

from quarterdeck.adapters.backup_job_log import JobLog, read_log
from quarterdeck.backups.api import Maker, ProductFailed

ZONE = ZoneInfo("America/New_York")
SESSION = "0f8fad5b-d9cb-469f-a165-70867728950e"
VEEAM = (
    f"[22.11.2026 23:12:44] <01> Info     [JobSession] Job session '{SESSION}' has been completed, status: '{{0}}', "
    "'107,374,182,400' of '107,374,182,400' bytes, '1' of '1' tasks\n"
)
WBADMIN = (
    "wbadmin 1.0 - Backup command-line tool\nBackup time: 11/22/2026 9:00 PM\nVersion identifier: 11/23/2026-02:00\n"
    "Can recover: Volume(s), File(s), Bare Metal Recovery, System State\nThe backup operation {0}.\n"
)


def read(text: str | bytes):
    return read_log(text if isinstance(text, bytes) else text.encode(), ZONE)


def test_a_veeam_log_gives_status_end_in_utc_id_and_size():
    found = read("[22.11.2026 22:00:00] <01> Info     Starting\n" + VEEAM.format("Success"))
    assert (found.good, found.ended_at, found.id) == (True, datetime(2026, 11, 23, 4, 12, 44, tzinfo=UTC), SESSION)
    assert (found.size, found.checked) == (107_374_182_400, None)


def test_the_last_session_of_a_log_decides():
    assert not read(VEEAM.format("Success") + VEEAM.format("Failed")).good
    assert read(VEEAM.format("Failed") + VEEAM.format("Success")).good


@pytest.mark.parametrize(("words", "checked"), [("completed successfully", True), ("failed: corrupt block", False)])
def test_a_health_check_in_the_log_is_its_verification(words, checked):
    assert (
        read(f"[22.11.2026 23:00:00] Backup files health check {words}\n" + VEEAM.format("Success")).checked is checked
    )


def test_windows_server_backup_as_text():
    found = read(WBADMIN.format("successfully completed"))
    assert (found.good, found.ended_at) == (True, datetime(2026, 11, 23, 2, 0, tzinfo=UTC))
    assert not read(WBADMIN.format("failed")).good
    assert not read(WBADMIN.format("completed with warnings")).good


@pytest.mark.parametrize(
    "row",
    [
        {"LastSuccessfulBackupTime": "/Date(1795399964000)/", "LastBackupResultHR": 0},
        {"JobName": "Nightly", "Result": "Success", "EndTime": "/Date(1795399964000)/"},
        {"Result": "Success", "EndTimeUTC": "2026-11-23T02:12:44"},
        {"Result": "Success", "EndTime": "2026-11-22T21:12:44"},
        {"HResult": 0, "EndTime": "2026-11-22T21:12:44-05:00", "VersionId": "11/23/2026-02:12"},
    ],
)
def test_powershell_json_gives_the_same_moment(row):
    found = read(json.dumps([{"Result": "Failed", "EndTime": "2026-11-20T00:00:00Z"}, row]))
    assert found.good
    assert abs((found.ended_at - datetime(2026, 11, 23, 2, 12, 44, tzinfo=UTC)).total_seconds()) < 60 * 60 * 24


def test_powershell_output_in_utf_16_is_read():
    assert read(json.dumps({"Result": "Success", "EndTime": "2026-11-22T21:12:44"}).encode("utf-16")).good


OTHER = {"product": "Acronis", "result": "success", "ended_at": "2026-11-23T02:12:44-05:00", "verified": True}


def test_any_other_product_as_json_with_an_offset():
    found = read(json.dumps([OTHER | {"host": "fs01", "encrypted": False, "size": 12}]))
    assert (found.maker, found.good, found.checked, found.encrypted, found.size) == (Maker.OTHER, True, True, False, 12)
    assert (found.host, found.ended_at) == ("fs01", datetime(2026, 11, 23, 7, 12, 44, tzinfo=UTC))


@pytest.mark.parametrize("bad", [{"ended_at": "2026-11-23T02:12:44"}, {"ended_at": 1}, {"result": True}])
def test_another_product_without_an_offset_or_a_result_is_no_log(bad):
    with pytest.raises(ProductFailed, match="no job log"):
        read(json.dumps(OTHER | bad))


@pytest.mark.parametrize("said", ["yes", 1, "true", None, [True]])
def test_only_true_is_a_verification(said):
    assert read(json.dumps(OTHER | {"verified": said})).checked is None


def test_shadow_copies_as_text_and_as_json():
    text = (
        "   Contained 1 shadow copies at creation time: 11/22/2026 12:05:00 AM\n"
        "      Shadow Copy ID: {3e8d3b6a-1111-4222-8333-444455556666}\n         Originating Machine: fs01.corp.test\n"
        "   Contained 1 shadow copies at creation time: 11/22/2026 9:05:00 PM\n"
        "      Shadow Copy ID: {4e8d3b6a-1111-4222-8333-444455556666}\n         Originating Machine: fs01.corp.test\n"
    )
    found = read(text)
    assert (found.maker, found.host, found.id[0]) == (Maker.VSS, "fs01.corp.test", "4")
    assert found.ended_at == datetime(2026, 11, 23, 2, 5, tzinfo=UTC)
    row = {"ID": "{4e8d}", "InstallDate": "/Date(1795399964000)/", "OriginatingMachine": "fs01"}
    assert (read(json.dumps(row)).maker, read(json.dumps(row)).host) == (Maker.VSS, "fs01")


@pytest.mark.parametrize("status", ["Failed", "Warning", "None"])
def test_a_job_that_did_not_succeed_proves_no_backup(status, tmp_path):
    log = JobLog(VEEAM.format(status).encode(), ZONE)
    with pytest.raises(ProductFailed, match=status.lower()):
        log.latest_snapshot(FolderSetup(tmp_path).source())


def test_success_without_a_check_is_existence_only(tmp_path):
    source = FolderSetup(tmp_path).source()
    log = JobLog(VEEAM.format("Success").encode(), ZONE)
    assert not log.verify(source, log.latest_snapshot(source)).verified
    checked = JobLog(b"SureBackup job: success\n" + VEEAM.format("Success").encode(), ZONE)
    assert checked.verify(source, checked.latest_snapshot(source)).verified


@pytest.mark.parametrize(
    "log",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"hello",
        b"\x00" * 100,
        b"[" * 100_000,
        b'{"Result": "Success"}',
        b'{"Result": [], "EndTime": "x"}',
        b'{"Result": "Success", "EndTime": "99999-01-01"}',
        VEEAM.format("Success").replace("22.11", "42.13").encode(),
        b"x" * (9 << 20),
    ],
)
def test_what_is_no_job_log_is_refused_with_a_sentence(log):
    with pytest.raises(ProductFailed, match=r"\w+ \w+"):
        read(log)


@given(
    st.one_of(
        st.binary(max_size=300),
        st.text(max_size=200).map(str.encode),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=20),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(
                        [
                            "Result",
                            "EndTime",
                            "EndTimeUTC",
                            "HResult",
                            "LastSuccessfulBackupTime",
                            "LastBackupResultHR",
                            "Id",
                        ]
                    ),
                    inner,
                    max_size=4,
                )
            ),
            max_leaves=8,
        ).map(lambda value: json.dumps(value).encode()),
    )
)
def test_nothing_that_is_handed_in_fails_in_another_way(log):
    try:
        read(log)
    except ProductFailed:
        return
