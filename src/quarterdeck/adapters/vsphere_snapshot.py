"""Snapshots of virtual machines in vSphere through VMware's own client: made quiesced, read back, gone back to.

pyvmomi is an extra and is imported when vCenter is asked. A task is watched by its state alone and only for a bounded
time: one that goes on is pending, and is looked at again. Tested against a contract fake, not a vCenter.
"""

import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from importlib import import_module
from typing import Any

from quarterdeck.adapters.credential_file import named_values
from quarterdeck.backups.api import ProductFailed, Snapshot, Source, Verification

_NAMES = frozenset({"VSPHERE_USER", "VSPHERE_PASSWORD"})
Connect = Callable[[str, int, str, str], Any]


def connect(host: str, port: int, user: str, password: str) -> Any:  # noqa: ANN401  the library has no types
    """Log in to vCenter, with its certificate checked; ProductFailed when pyvmomi is not installed."""
    try:
        library = import_module("pyVim.connect")
    except ImportError:
        raise ProductFailed("pyvmomi is not installed: pip install quarterdeck[vsphere].") from None
    return library.SmartConnect(host=host, port=port, user=user, pwd=password, sslContext=ssl.create_default_context())


class Vsphere:
    """Fulfils SnapshotMaker for one named machine; `patience` in seconds bounds how long a task is watched."""

    def __init__(self, connect: Connect = connect, *, patience: float = 120.0) -> None:
        self._connect = connect
        self._patience = patience

    def take(self, source: Source, name: str, now: datetime) -> Snapshot:
        """Ask for a quiesced snapshot without memory; it may still be under way when this returns."""
        with self._machine(source) as machine:
            task = machine.CreateSnapshot_Task(name=name, description="Quarterdeck", memory=False, quiesce=True)
            if self._watch(task) == "error":
                raise ProductFailed(f"vSphere could not make the snapshot: {_fault(task)}")
        return Snapshot(name, now, 0, encrypted=None)

    def look(self, source: Source, snapshot: str) -> Verification:
        """Read back whether the machine has exactly one snapshot of this name, or a task still makes it."""
        with self._machine(source) as machine:
            found = [one for one in _tree(machine) if one.name == snapshot]
            busy = [task for task in machine.recentTask if str(task.info.state) in ("queued", "running")]
            log = f"{snapshot}: {len(found)} of this name, {len(busy)} tasks under way\n".encode()
        if busy and not found:
            return Verification(False, "vSphere still makes it.", log, pending=True)
        if len(found) != 1:
            return Verification(False, "The machine does not have exactly one snapshot of this name.", log)
        said = "The machine has the snapshot" + (", quiesced." if found[0].quiesced else ", not quiesced.")
        return Verification(True, said, log, identity=str(getattr(found[0], "id", "")))

    def revert(self, source: Source, snapshot: str, now: datetime) -> Verification:
        """Go back to the snapshot; what vSphere calls the current snapshot afterwards is read back."""
        del now
        with self._machine(source) as machine:
            found = [one for one in _tree(machine) if one.name == snapshot]
            if len(found) != 1:
                raise ProductFailed("The machine does not have exactly one snapshot of this name.")
            task = found[0].snapshot.RevertToSnapshot_Task()
            state = self._watch(task)
            if state != "success":
                said = _fault(task) if state == "error" else "it takes too long, look at the task in vCenter"
                return Verification(False, f"vSphere did not go back: {said}", f"revert: {state}\n".encode())
            back = machine.snapshot.currentSnapshot == found[0].snapshot
        said = "Gone back to the snapshot." if back else "vSphere says that another snapshot is the current one."
        return Verification(back, said, b"revert: success\n")

    def _watch(self, task: Any) -> str:  # noqa: ANN401  the library has no types
        """Return the task's state when it ends, or as it is when patience does."""
        deadline = time.monotonic() + self._patience
        while (state := str(task.info.state)) in ("queued", "running") and time.monotonic() < deadline:
            time.sleep(min(1.0, self._patience / 10))
        return state

    @contextmanager
    def _machine(self, source: Source) -> Iterator[Any]:
        place, _, name = source.repository.removeprefix("vsphere:").partition("/")
        host, _, port = place.partition(":")
        given = named_values(source.credential_file, _NAMES, "vSphere")
        try:
            session = self._connect(host, int(port or 443), given["VSPHERE_USER"], given["VSPHERE_PASSWORD"])
        except KeyError as missing:
            raise ProductFailed(f"The credential file lacks {missing.args[0]}.") from None
        except ProductFailed:
            raise
        except Exception as error:  # noqa: BLE001  the library raises faults of its own making, without a common kind
            raise ProductFailed(f"vCenter does not let us in ({_kind(error)}).") from None
        content = session.content
        try:
            yield _find(content, name)
        finally:
            content.sessionManager.Logout()


def _find(content: Any, name: str) -> Any:  # noqa: ANN401  the library has no types
    vim = import_module("pyVmomi").vim
    view = content.viewManager.CreateContainerView(content.rootFolder, [vim.VirtualMachine], True)
    try:
        found = [one for one in view.view if one.name == name]
    finally:
        view.Destroy()
    if len(found) != 1:
        raise ProductFailed(f"vCenter shows {len(found)} machines of this name, one is needed.")
    return found[0]


def _tree(machine: Any) -> Iterator[Any]:  # noqa: ANN401  the library has no types
    waiting = list(machine.snapshot.rootSnapshotList) if machine.snapshot else []
    while waiting:
        one = waiting.pop()
        yield one
        waiting.extend(one.childSnapshotList)


def _fault(task: Any) -> str:  # noqa: ANN401  the library has no types
    return _kind(task.info.error) if task.info.error is not None else "no reason given"


def _kind(error: object) -> str:
    return type(error).__name__.rpartition(".")[2][:80]
