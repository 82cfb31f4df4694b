"""Words of the pages: times in sentences, refusals, files, what differs, which windows touch."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils.safestring import SafeString

from quarterdeck.entrypoints.web import drift_facts, zones
from quarterdeck.entrypoints.web.overlaps import Touch, overlaps
from quarterdeck.entrypoints.web.refusal_words import refused_act, refused_why
from quarterdeck.entrypoints.web.tags import bytes_words, local
from quarterdeck.entrypoints.web.ticket_words import folded
from quarterdeck.entrypoints.web.words import act_words, file_label
from quarterdeck.inventory.api import AssetCategory, AssetKind, AssetView, Criticality, Environment
from quarterdeck.kernel.windows import Window
from quarterdeck.tickets.api import (
    Action,
    Content,
    MaintenanceType,
    Method,
    State,
    TicketAsset,
    TicketView,
    WorkClass,
)

NEW_YORK = ZoneInfo("America/New_York")
NOW = datetime(2026, 11, 28, 1, 0, tzinfo=UTC)


def said(text: str) -> str:
    shown = local(text, NEW_YORK)
    assert isinstance(shown, SafeString)
    return "".join(part.partition(">")[2] or part for part in str(shown).replace("</time>", "<").split("<"))


def test_times_in_a_sentence_are_told_in_the_zone_of_the_person():
    assert said("It opens 2026-11-28 00:46 UTC, in 2 h.") == "It opens 27 Nov 2026 19:46, in 2 h."
    assert said("work from 2026-11-28 00:46 to 02:46 UTC") == "work from 27 Nov 2026 19:46 to 21:46"
    assert said("from 2026-11-28 00:46 to 2026-11-29 02:46 UTC.") == "from 27 Nov 2026 19:46 to 28 Nov 2026 21:46."
    assert said("no time here") == "no time here"
    assert said("2026-13-99 00:46 UTC") == "2026-13-99 00:46 UTC"


def test_a_sentence_with_markup_in_it_stays_text():
    shown = str(local("<b>x</b> 2026-11-28 00:46 UTC", NEW_YORK))
    assert shown.startswith("&lt;b&gt;x&lt;/b&gt; <time ")
    assert 'title="2026-11-28 00:46:00 UTC"' in shown


def test_refusals_are_told_in_words():
    assert refused_act("ticket.approve") == "Approving"
    assert refused_act("some.new_rule") == "Some new rule"
    assert refused_why(["duties.is_requester", "duties.is_requester"]) == "its requester can't decide"
    assert refused_why(["backup.verified.missing"]) == "backup exists and was verified: not known yet"
    assert refused_why(["baseline.before.stale"]) == "watched files measured before: out of date"
    assert refused_why(["quite.new"]) == "quite: new"


def test_files_and_acts_have_names_for_people():
    assert file_label("manifest", "after") == "Watched files as measured, after"
    assert file_label("never_seen") == "Never seen"
    assert act_words("question.asked") == "Question of the assessor"
    assert bytes_words(1_234_567) == "1.2 MB"


def test_a_run_of_the_systems_own_access_is_one_line_that_opens():
    lines = [{"machine": False, "at": NOW, "seq": 9}] + [
        {"machine": True, "at": NOW, "seq": seq} for seq in (8, 7, 6)
    ] + [{"machine": False, "at": NOW, "seq": 5}, {"machine": True, "at": NOW, "seq": 4}]  # fmt: skip
    shown = folded(lines)
    assert [line["seq"] for line in shown] == [9, 8, 5, 4]
    assert (shown[1]["count"], shown[1]["from_seq"]) == (3, 6)


def test_facts_of_a_path_are_old_and_new_in_words():
    told = {
        "path": "/etc/share.conf", "facts": ["ctime", "inode", "sha256digest", "size", "time", "mode"],
        "before": {"sha256digest": "ab" * 32, "size": "72", "time": "1795826790.9", "mode": "0600", "inode": "1"},
        "after": {"sha256digest": "cd" * 32, "size": "2048", "time": "1795826808.1", "mode": "0644", "inode": "2"},
    }  # fmt: skip
    facts = drift_facts._facts(told, NEW_YORK)
    assert [(one["name"], one["old"], one["new"]) for one in facts] == [
        ("content", "abababababab…", "cdcdcdcdcdcd…"), ("size", "72 bytes", "2.0 kB"),
        ("permissions", "0600", "0644"), ("written", "27 Nov 2026 19:46:30", "27 Nov 2026 19:46:48"),
    ]  # fmt: skip
    added = drift_facts._facts({"after": {"type": "file", "size": "3"}, "before": None}, NEW_YORK)
    assert [(one["name"], one["old"], one["new"]) for one in added] == [("type", "", "file"), ("size", "", "3 bytes")]


def test_packages_tell_their_versions():
    found = drift_facts.Document(posture={"packages": {
        "gone": ["openssl:amd64 3.0.18", "telnet:amd64 1"], "come": ["openssl:amd64 3.0.19", "nginx:amd64 2"],
    }})  # fmt: skip
    assert drift_facts.versions(found) == {"openssl": "3.0.18 → 3.0.19", "telnet": "1", "nginx": "2"}
    assert drift_facts.posture_name("etc.passwd") == "Users"
    assert drift_facts.posture_name("brand.new") == "brand new"


def ticket(number: str, asset: str, start: int, hours: int, **more: object) -> TicketView:
    content = Content(
        title=number, maintenance_type=MaintenanceType.PREVENTIVE, action=Action.PATCH, method=Method.SSH, plan="",
        impact="", rollback="", assets=(TicketAsset(asset, ""),),
        window=Window(NOW + timedelta(hours=start), NOW + timedelta(hours=start + hours)),
    )  # fmt: skip
    content = replace(content, **{key: value for key, value in more.items() if key == "conflicts_with"})
    state = more.get("state", State.SCHEDULED)
    return TicketView(number, WorkClass.TICKET, False, state, content, "", "pe_iris", NOW, NOW, 1)  # type: ignore[arg-type]


def asset(asset_id: str, *needs: str) -> AssetView:
    return AssetView(
        asset_id, asset_id, "", "", AssetCategory.CUI_ASSET, "", True, "", Criticality.HIGH, Environment.PRODUCTION,
        "", "", "", None, AssetKind.SERVER, needs, True, 1,
    )  # fmt: skip


def test_windows_touch_on_the_same_asset_by_agreement_or_through_a_dependant():
    assets = {"files": asset("files"), "app": asset("app", "files"), "mail": asset("mail")}
    mine = ticket("MT-2026-00001", "files", 0, 4)
    others = [
        mine,
        ticket("MT-2026-00002", "files", 2, 1),
        ticket("MT-2026-00003", "app", 3, 4),
        ticket("MT-2026-00004", "mail", 1, 1),
        ticket("MT-2026-00005", "files", 4, 1),
        ticket("MT-2026-00006", "files", 1, 1, state=State.CLOSED),
    ]
    found = overlaps(mine, others, assets)
    assert [(one.number, one.how) for one in found] == [
        ("MT-2026-00002", Touch.SAME), ("MT-2026-00003", Touch.DEPENDS),
    ]  # fmt: skip
    assert found[1].sentence == "MT-2026-00003 works at the same time on app, which depends on files."
    back = overlaps(others[2], others, assets)
    assert [one.sentence for one in back] == [
        "MT-2026-00001 works at the same time on files, which app depends on.",
        "MT-2026-00005 works at the same time on files, which app depends on.",
    ]
    agreed = ticket("MT-2026-00002", "files", 2, 1, conflicts_with=("MT-2026-00001",))
    both = replace(mine, content=replace(mine.content, conflicts_with=("MT-2026-00002",)))
    assert [one.how for one in overlaps(both, [agreed], assets)] == [Touch.AGREED]
    assert overlaps(others[5], others, assets) == []


def test_a_time_that_is_no_time_is_left_alone():
    assert zones.moments_in("2026-02-30 10:00 UTC") == [("2026-02-30 10:00 UTC", None, "")]
