"""Texts of small files, side by side: what is kept of whom, who sees it, and never of an asset that handles CUI."""

import os
import string
from pathlib import Path

import pytest
from tests.measuring import LocalChannel
from tests.shop import FAST_HASHER
from tests.ticket_steps import BEFORE_OPEN, TICKER, bring, to_window
from tests.ticket_yard import Yard, build_yard
from tests.web_shop_floor import RealClock, running_window
from tests.web_visitor import sign_in, text_of

from quarterdeck.access.measuring import may_measure_with
from quarterdeck.access.places import Destination
from quarterdeck.baselines import api as baselines
from quarterdeck.baselines.api import Phase
from quarterdeck.baselines.target.texts import texts
from quarterdeck.evidence.api import entries, read_artifact
from quarterdeck.inventory import api as inventory
from quarterdeck.workflows import open_window
from quarterdeck.workflows.take_baseline import take_baseline

SAFE = set(string.ascii_letters + string.digits + "._/@%+,:~-\\")
pytestmark = pytest.mark.django_db(transaction=True)


def test_only_small_public_texts_without_secrets_are_read(tmp_path: Path) -> None:
    def file(name: str, content: bytes, mode: int = 0o644) -> None:
        (tmp_path / name).write_bytes(content)
        (tmp_path / name).chmod(mode)

    file("app.conf", b"limit = 1\n")
    file("latin", b"gr\xfc\xdfe\n")
    file("private", b"x\n")
    file("closed.conf", b"x\n", 0o640)
    file("server.key", b"x\n")
    file("binary", b"a\0b")
    file("large.conf", b"x" * 70_000)
    (tmp_path / "link").symlink_to("app.conf")
    assert texts([str(tmp_path)]) == {f".{tmp_path}/app.conf": "limit = 1\n"}


def test_the_signer_reads_no_text_of_an_asset_that_handles_cui() -> None:
    place = Destination("web01", "192.0.2.1", 22, "maint", "ssh-ed25519 " + "A" * 68)
    assert may_measure_with(["texts", "/etc"], place, ("/etc",)).codes == ("measure.no_texts",)
    assert may_measure_with(["texts", "/etc"], place, ("/etc",), texts=True).allowed
    assert not may_measure_with(["texts", "/root"], place, ("/etc",), texts=True).allowed


def measured(yard: Yard, folder: Path, come: tuple[bytes, ...] = ()) -> str:
    """Change a file under an open ticket that watches its folder, and measure before and after."""
    found = inventory.connection(yard.connection)
    fields = inventory.ConnectionFields(
        address=found.address, port=found.port, target_account=found.target_account,
        host_identity=found.host_identity, elevation=found.elevation, watched_roots=(str(folder),),
    )  # fmt: skip
    iris = yard.actor("iris")
    inventory.set_connection(yard.server, fields, actor=iris, clock=yard.clock, connection_id=yard.connection)
    (folder / "app.conf").write_text("one\nlimit = 1\nthree\n")
    (folder / "app.conf").chmod(0o644)
    number = yard.scheduled(window=running_window(yard), escort="").number
    channel = LocalChannel()
    take_baseline(number, Phase.BEFORE, channel=channel, actor=TICKER, clock=yard.clock)
    to_window(yard, number)
    bring(yard, number, [kind for kind in BEFORE_OPEN if kind != "baseline.before"])
    open_window.open_ticket(yard.actor("max"), yard.clock, number)
    (folder / "app.conf").write_text("one\nlimit = 22 <b>\nthree\n")
    for name in come:
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(name)
    take_baseline(number, Phase.AFTER, channel=channel, actor=TICKER, clock=yard.clock)
    return number


def page_of(number: str) -> str:
    (view,) = baselines.drift(number)
    (item,) = [one for one in view.items if one.path.endswith("app.conf")]
    return f"/tickets/{number}/drift/{item.id}/text/"


def test_a_person_sees_what_changed_and_the_look_is_recorded(settings, tmp_path: Path) -> None:
    settings.PASSWORD_HASHERS = FAST_HASHER
    yard = build_yard(RealClock(), cui=False)
    number = measured(yard, tmp_path)
    address = page_of(number)
    avery = sign_in(yard.shop, "avery")
    assert address in avery.get(f"/tickets/{number}/?tab=drift").content.decode()
    answer = avery.get(address)
    assert "limit = 1" in text_of(answer)
    assert "<ins>limit = 22 &lt;b&gt;</ins>" in answer.content.decode()
    assert answer["Cache-Control"] == "no-store"
    assert [one.object.type for one in entries(events=["evidence.viewed"])] == ["drift"]
    assert sign_in(yard.shop, "erin").get(address).status_code in (403, 404)


def test_of_an_asset_that_handles_cui_no_text_is_kept(settings, tmp_path: Path) -> None:
    settings.PASSWORD_HASHERS = FAST_HASHER
    yard = build_yard(RealClock())
    number = measured(yard, tmp_path)
    roles = {str(one["role"]) for entry in entries(ticket=number) for one in entry.artifacts}
    assert "texts" not in roles
    avery = sign_in(yard.shop, "avery")
    assert page_of(number) not in avery.get(f"/tickets/{number}/?tab=drift").content.decode()
    assert "There is no text of this file" in text_of(avery.get(page_of(number)))


def test_hostile_names_of_files_are_plain_text_wherever_they_are_shown(settings, tmp_path: Path) -> None:
    """The page and the recorded list of changes: a name forges no line, moves no cursor and is no mark-up."""
    settings.PASSWORD_HASHERS = FAST_HASHER
    yard = build_yard(RealClock(), cui=False)
    names = (b"new\nline", b"\x1b[31mred", b"\xff\xfe", b"<img src=x onerror=alert(1)>", "\u202egnp.exe".encode(),
             b"y" * 255, b"{{7*7}}")  # fmt: skip
    number = measured(yard, tmp_path, names)
    shown = {item.path for item in baselines.drift(number)[0].items if item.source == "file"}
    assert {baselines.display_path(os.fsencode(tmp_path) + b"/" + name) for name in names} <= shown
    assert all(set(path) <= SAFE for path in shown)
    (entry,) = [one for one in entries(ticket=number) if one.event == "drift.compared"]
    document = read_artifact(str(entry.artifacts[0]["sha256"]))
    assert all(32 <= byte < 127 or byte == 10 for byte in document)
    page = sign_in(yard.shop, "avery").get(f"/tickets/{number}/?tab=drift").content
    assert b"<img src=x" not in page
    assert b"\\033" in page
    assert not [raw for raw in (b"\x1b", b"\xff", "\u202e".encode()) if raw in page]
