"""vSphere snapshots against a contract fake: login, machines, tasks that stay, fail or end, the current snapshot."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from quarterdeck.adapters.vsphere_snapshot import Vsphere
from quarterdeck.backups.api import Product, ProductFailed, Source

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


class InvalidLogin(Exception):
    """As vCenter's fault is called."""


@dataclass
class Point:
    name: str
    quiesced: bool
    machine: "Machine"
    childSnapshotList: list["Point"] = field(default_factory=list)

    @property
    def snapshot(self) -> "Point":
        return self

    def RevertToSnapshot_Task(self) -> SimpleNamespace:
        if self.machine.reverts == "success":
            self.machine.current = self
        return self.machine.task(self.machine.reverts)


class Machine:
    """A machine with a tree of snapshots; `creates` and `reverts` say how its tasks end."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.points: list[Point] = []
        self.current: Point | None = None
        self.creates = self.reverts = "success"
        self.recentTask: list[SimpleNamespace] = []

    def task(self, state: str) -> SimpleNamespace:
        fault = InvalidLogin() if state == "error" else None
        made = SimpleNamespace(info=SimpleNamespace(state=state, error=fault))
        self.recentTask.append(made)
        return made

    def CreateSnapshot_Task(self, name: str, description: str, memory: bool, quiesce: bool) -> SimpleNamespace:
        assert (description, memory) == ("Quarterdeck", False)
        if self.creates == "success":
            self.add(name, quiesce)
        return self.task(self.creates)

    def add(self, name: str, quiesced: bool) -> None:
        point = Point(name, quiesced, self)
        (self.current.childSnapshotList if self.current else self.points).append(point)
        self.current = point

    @property
    def snapshot(self) -> SimpleNamespace | None:
        return SimpleNamespace(rootSnapshotList=self.points, currentSnapshot=self.current) if self.points else None


class Center:
    """A vCenter that lets one account in and counts who is still logged in."""

    def __init__(self, *names: str) -> None:
        self.machines = {name: Machine(name) for name in names}
        self.logged_in = 0

    def connect(self, host: str, port: int, user: str, password: str) -> SimpleNamespace:
        assert (host, port) == ("vcenter.example.test", 443)
        if (user, password) != ("qd", "secret"):
            raise InvalidLogin
        self.logged_in += 1
        view = SimpleNamespace(view=list(self.machines.values()), Destroy=lambda: None)
        return SimpleNamespace(
            content=SimpleNamespace(
                rootFolder=None,
                viewManager=SimpleNamespace(CreateContainerView=lambda root, kinds, deep: view),
                sessionManager=SimpleNamespace(Logout=self._out),
            )
        )

    def _out(self) -> None:
        self.logged_in -= 1


@pytest.fixture
def center() -> Center:
    return Center("fs01", "fs02")


@pytest.fixture
def source(tmp_path: Path) -> Source:
    file = tmp_path / "vsphere"
    file.write_text("VSPHERE_USER=qd\nVSPHERE_PASSWORD=secret\n")
    file.chmod(0o600)
    place = "vsphere:vcenter.example.test/fs01"
    return Source("bs_x", "as_x", Product.VSPHERE, place, str(file), timedelta(hours=24))


def test_a_snapshot_is_made_read_back_and_gone_back_to(center: Center, source: Source) -> None:
    product = Vsphere(center.connect)
    product.take(source, "one", NOW)
    product.take(source, "two", NOW)
    assert product.look(source, "one").verified
    assert product.look(source, "two").verified, "also below another"
    back = product.revert(source, "one", NOW)
    assert back.verified, back.sentence
    assert center.machines["fs01"].current.name == "one"
    assert center.machines["fs02"].points == []
    assert center.logged_in == 0


def test_a_task_that_goes_on_is_pending(center: Center, source: Source) -> None:
    product = Vsphere(center.connect, patience=0.02)
    center.machines["fs01"].creates = "running"
    product.take(source, "one", NOW)
    assert product.look(source, "one").pending
    center.machines["fs01"].recentTask.clear()
    looked = product.look(source, "one")
    assert not looked.pending
    assert not looked.verified


def test_a_task_that_fails_is_a_sentence(center: Center, source: Source) -> None:
    center.machines["fs01"].creates = "error"
    with pytest.raises(ProductFailed, match="could not make"):
        Vsphere(center.connect).take(source, "one", NOW)
    center.machines["fs01"].creates, center.machines["fs01"].reverts = "success", "error"
    Vsphere(center.connect).take(source, "one", NOW)
    assert not Vsphere(center.connect).revert(source, "one", NOW).verified
    assert center.logged_in == 0


def test_two_of_one_name_are_not_gone_back_to(center: Center, source: Source) -> None:
    for _ in range(2):
        center.machines["fs01"].add("one", True)
    assert not Vsphere(center.connect).look(source, "one").verified
    with pytest.raises(ProductFailed, match="exactly one"):
        Vsphere(center.connect).revert(source, "one", NOW)


def test_a_wrong_password_or_an_unknown_machine_is_a_sentence(center: Center, source: Source) -> None:
    Path(source.credential_file).write_text("VSPHERE_USER=qd\nVSPHERE_PASSWORD=wrong\n")
    with pytest.raises(ProductFailed, match="does not let us in") as failed:
        Vsphere(center.connect).look(source, "one")
    assert "wrong" not in str(failed.value)
    Path(source.credential_file).write_text("VSPHERE_USER=qd\nVSPHERE_PASSWORD=secret\n")
    center.machines.pop("fs01")
    with pytest.raises(ProductFailed, match="0 machines"):
        Vsphere(center.connect).look(source, "one")
    assert center.logged_in == 0
