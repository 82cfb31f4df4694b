"""The report and the files beside it: the whole ticket is there, and nothing that a person wrote leaves its place."""

import csv
import io
import json
import re
import zipfile
from collections.abc import Iterator
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from tests.clock import StillClock
from tests.package_scene import HOSTILE, WORK, Scene
from tests.package_shop import PackageShop
from tests.sealer_process import running_sealer
from tests.shop import FAST_HASHER
from tests.ticket_yard import build_yard

from quarterdeck.assessor import api as assessor
from quarterdeck.tickets import api as tickets
from quarterdeck.workflows import export_package
from quarterdeck.workflows.export_package import Press
from quarterdeck_verify.verification import Verdict

pytestmark = pytest.mark.django_db
PLAYER = {"player.js": b'const a = "</script>"; document.title;', "player.css": b".ap-player{color:red}"}


@pytest.fixture
def scene(clock: StillClock, tmp_path, settings) -> Iterator[Scene]:
    settings.PASSWORD_HASHERS = FAST_HASHER
    with running_sealer(tmp_path / "sealer", clock) as sealer:
        yield Scene(PackageShop(build_yard(clock), sealer), tmp_path / "tree")


@pytest.fixture
def plain_scene(clock: StillClock, tmp_path, settings) -> Iterator[Scene]:
    """The same work on a server without CUI: its recording leaves as it is."""
    settings.PASSWORD_HASHERS = FAST_HASHER
    with running_sealer(tmp_path / "sealer", clock) as sealer:
        yield Scene(PackageShop(build_yard(clock, cui=False), sealer), tmp_path / "tree")


def package(scene: Scene, player: dict[str, bytes] = PLAYER, **scope: object) -> Path:
    shop = scene.shop
    order = export_package.order_package(shop.yard.actor("quinn"), shop.clock, **scope)
    export_package.make_next_package(shop.clock, lambda: Press(shop.sealer, player))
    done = assessor.order(order.id)
    assert done.state is assessor.OrderState.DONE, done.message
    return export_package.package_path(done)


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name.partition("/data/")[2]: archive.read(name) for name in archive.namelist() if "/data/" in name}


class Page(HTMLParser):
    """Counts elements and keeps what a browser would fetch or run."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.asked: list[str] = []
        self.handlers: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        found = dict(attrs)
        self.handlers += [name for name in found if name.startswith("on")]
        self.ids += [found["id"]] if found.get("id") else []
        self.asked += [found[name] for name in ("src", "srcset", "action", "poster", "data") if found.get(name)]
        if tag == "a":
            self.links.append(found["href"])
        elif found.get("href"):
            self.asked.append(found["href"])


def test_the_report_tells_the_whole_ticket(plain_scene: Scene) -> None:
    number = plain_scene.play()
    plain_scene.shop.anchor()
    path = package(plain_scene, numbers=[number])
    assert plain_scene.shop.verify(path).verdict is Verdict.INTACT
    html = members(path)["report.html"].decode()
    for wanted in (
        "Patch the file server", "Avery Approver", "Casey Owner", "Max Technician", "Erin Escort", "founding roster",
        "Plan and rollback are sound.", "4711", "203.0.113.9", "smbclient -L localhost -N", "hosts", "samba/smb.conf",
        "The mirror&#x27;s name was entered", "4f2a9c1b", "Backup verified",
        "SHA256:p2QAMXNIC1TJYWeIOttrVc98/R1BUFWu3/LiyKgUfQM",
        "MA.L2-3.7.5[b]", "window.before",
        "refused unless each of them holds", "Session terminated", "Shares are quiet after six.",
        f"python3 -I verify.pyz {path.name} --signers allowed_signers --anchor kept.checkpoint",
    ):  # fmt: skip
        assert wanted in html, wanted
    assert "MET</" not in html


@pytest.mark.parametrize(("name", "scripts"), [("report.html", 1), ("replay/", 3)])
def test_pages_ask_nobody_and_run_nothing_that_people_wrote(plain_scene: Scene, name: str, scripts: int) -> None:
    number = plain_scene.play(title="Patch <b>it</b> now")
    found = members(package(plain_scene, numbers=[number]))
    html = next(content for path, content in found.items() if path.startswith(name)).decode()
    page = Page(html)
    assert (page.asked, page.handlers) == ([], [])
    assert page.tags.count("script") == scripts  # of a replay page: the recording, the player's source, its own
    assert not {"img", "iframe", "object", "embed", "link", "base", "form"} & set(page.tags)
    assert "http-equiv" in html
    assert "default-src 'none'" in html
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", html)
    assert len(page.ids) == len(set(page.ids))
    inside = {link[1:] for link in page.links if link.startswith("#")}
    assert inside <= set(page.ids), inside - set(page.ids)


def test_every_link_to_a_file_leads_to_one_in_the_package(plain_scene: Scene) -> None:
    number = plain_scene.play()
    found = members(package(plain_scene, numbers=[number]))
    links = [link for link in Page(found["report.html"].decode()).links if not link.startswith("#")]
    assert links
    assert set(links) <= set(found)


def test_a_withheld_recording_is_nowhere_in_the_package(scene: Scene) -> None:
    number = scene.play()
    path = package(scene, numbers=[number])
    everything = b"".join(members(path).values())
    assert b"smbclient -L" not in everything  # the name alone is in this machine's list of packages, too
    assert b"Anonymous login" not in everything
    assert "has not consented" in members(path)["report.html"].decode()
    assert not [name for name in members(path) if name.startswith("sessions/")]


def test_text_and_replay_are_there_and_the_cast_is_whole(plain_scene: Scene) -> None:
    scene = plain_scene
    number = scene.play()
    found = members(package(scene, numbers=[number]))
    text = found[f"sessions/{scene.session}.txt"].decode()
    assert text.startswith("0:00:00  maint@fs01:~$ sudo apt-get install --only-upgrade samba\n")
    assert "0:00:14  Anonymous login successful\n" in text
    assert f'href="replay/{scene.session}.html"' in found["report.html"].decode()
    html = found[f"replay/{scene.session}.html"].decode()
    embedded = re.search(rf'data-replay="{scene.session}">(.*?)</script>', html, re.DOTALL)
    assert embedded is not None
    assert json.loads(embedded.group(1)) == WORK.decode()
    without = members(package(scene, {}, numbers=[number]))
    assert not [name for name in without if name.startswith("replay/")]
    assert "built without the player" in without["report.html"].decode()


def test_the_files_beside_the_report(scene: Scene) -> None:
    number = scene.play()
    found = members(package(scene, numbers=[number]))
    ticket = json.loads(found[f"tickets/{number}/ticket.json"])
    assert ticket["frozen"]["plan"].endswith(HOSTILE)
    assert [a["role"] for a in ticket["approvals"]] == ["approver", "cui_owner"]
    rows = list(csv.DictReader(io.StringIO(found[f"tickets/{number}/timeline.csv"].decode())))
    assert [row["ticket_seq"] for row in rows] == [str(n) for n in range(1, len(rows) + 1)]
    assert {"ticket.approved", "session.began", "ticket.closed"} <= {row["event"] for row in rows}
    people = json.loads(found["people.json"])
    assert people["people"][scene.shop.yard.shop.ids["max"]]["name"] == "Max Technician"
    assert people["assets"] == {scene.shop.yard.server: "fs01.example.test"}
    openings = json.loads(found["openings.json"])
    assert "Plan and rollback are sound." in {one["value"] for one in openings.values()}
    objectives = {row["id"]: row for row in json.loads(found["objectives.json"])}
    assert objectives["MA.L2-3.7.5[b]"]["proposal"] == "evidence present"
    assert objectives["MA.L2-3.7.2[b]"]["evidence"], "the register's fact of the technique used"


def test_a_ticket_under_way_shows_what_is_missing(scene: Scene) -> None:
    number = scene.play(closes=False)
    found = members(package(scene, numbers=[number]))
    html = found["report.html"].decode()
    assert "not yet passed; as it stands at the export" in html
    objectives = {row["id"]: row for row in json.loads(found["objectives.json"])}
    assert {gap["code"] for gap in objectives["MA.L2-3.7.5[b]"]["gaps"]} >= {"session.ended.missing"}


def test_work_inside_its_window_lacks_nothing_yet_and_after_it_does(scene: Scene) -> None:
    number = scene.play(closes=False)
    view, now = tickets.ticket(number), scene.shop.clock.now()

    def missing(at: datetime) -> set[tuple[str, str]]:
        (row,) = (one for one in assessor.objective_status(at) if one.id == "MA.L2-3.7.5[b]")
        return {(gap.code, gap.ticket) for gap in row.gaps}

    assert now < view.window.until
    assert ("session.ended.missing", number) not in missing(now)
    assert ("session.ended.missing", number) in missing(view.window.until)


def test_a_draft_and_an_unknown_recording_do_not_break_it(scene: Scene) -> None:
    yard, clock = scene.shop.yard, scene.shop.clock
    from_draft = yard.submitted()
    assert members(package(scene, numbers=[from_draft.number]))["report.html"]
    clock.advance(hours=3)
    number = scene.shop.closed(recording=b"\xff\xfe not a cast")
    export_package.consent(yard.actor("casey"), clock, number)
    assert members(package(scene, numbers=[number]))["report.html"]

