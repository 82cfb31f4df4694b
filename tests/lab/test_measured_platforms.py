"""Devices and Windows over a real sshd that plays them: signer, certificate, command, answer, drift, evidence.

The server is OpenSSH; what answers is a transcript. A real device or Windows machine has not been measured here.
"""

import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests import windows_transcript as made
from tests.access_shop import Place, Shop, approved_ticket, authorise, make_shop
from tests.access_signer import near_signer
from tests.lab.loopback_sshd import GATE, Lab, lab_folder, prepared_files, running_sshd

from quarterdeck.access import api as access
from quarterdeck.adapters.measure_channel import SshMeasureChannel
from quarterdeck.baselines import api as baselines
from quarterdeck.baselines.api import DeviceCall, Phase
from quarterdeck.evidence.api import act, entries, read_artifact
from quarterdeck.kernel.actors import system
from quarterdeck.kernel.clock import SystemClock
from quarterdeck.tickets import api as tickets
from quarterdeck.workflows.run_checks import check_before
from quarterdeck.workflows.take_baseline import Taken, take_baseline

pytestmark = pytest.mark.django_db(transaction=True)
TICKER = system("ticker")
DEVICES = Path(__file__).parent.parent / "data" / "devices"
PROJECT = Path(__file__).parent.parent.parent

# Says of a command that it was not registered with the play, as a device says that it does not know one.
PLAYED = """#!/bin/sh
command=${SSH_ORIGINAL_COMMAND:-$*}
printf '%s\\n' "$command" >>'FOLDER/asked'
cat >>'FOLDER/input'
case $command in
'show version' | 'get system status' | 'cat /etc/version' | opnsense-version) exec cat 'FOLDER/version' ;;
'show running-config' | 'show configuration | display set' | 'show full-configuration' | 'cat /conf/config.xml')
    exec cat 'FOLDER/configuration' ;;
'verify /sha512 flash:/'* | 'show file bootflash:'*' sha256sum' | 'sha256 -q /boot/kernel/kernel')
    exec cat 'FOLDER/image' ;;
*) echo '% Invalid input detected at marker.' ;;
esac
"""


@dataclass
class Bench:
    """A ticket on one played system."""

    shop: Shop
    channel: SshMeasureChannel

    def measure(self, phase: Phase) -> Taken:
        return take_baseline(self.shop.ticket, phase, channel=self.channel, actor=TICKER, clock=self.shop.clock)

    def open(self) -> None:
        with act(self.shop.actor("sam"), self.shop.clock) as opening:
            tickets.open_ticket(opening, self.shop.ticket)

    @property
    def where(self) -> dict[str, str]:
        return {"ticket": self.shop.ticket, "asset_id": self.shop.asset, "connection_id": self.shop.connection}


@pytest.fixture
def lab() -> Iterator[Lab]:
    with lab_folder() as found:
        yield found


def bench(lab: Lab, where: access.Destination, platform: str, roots: tuple[str, ...] = ()) -> Bench:
    place = Place(where.address, where.port, where.account, where.host_identity, roots, platform=platform)
    shop = make_shop(SystemClock(), {"web01": place})
    authorise(shop, "sam")
    approved_ticket(shop, expected_paths=())
    signer = near_signer(lab.folder / "signer", shop.clock, gate_address=GATE)
    return Bench(shop, SshMeasureChannel(signer, actor=TICKER, clock=shop.clock))


def play(folder: Path, platform: str) -> Path:
    """Make the program that answers as this family; its answers lie beside it, for a test to change."""
    folder.mkdir()
    for step in ("version", "configuration", "image"):
        source = DEVICES / f"{platform}.{step}"
        if source.exists():
            shutil.copy(source, folder / step)
    program = folder / "played"
    program.write_text(PLAYED.replace("FOLDER", str(folder)))
    program.chmod(0o755)
    return program


@pytest.mark.parametrize("platform", baselines.FAMILIES)
def test_a_device_is_measured_before_and_after_and_its_change_is_a_line(
    platform: str, lab: Lab, tmp_path: Path
) -> None:
    program = play(tmp_path / "device", platform)
    with running_sshd(lab, prepared_files(lab), more=f"ForceCommand {program}\n") as server:
        work = bench(lab, server.destination, platform)
        before = work.measure(Phase.BEFORE)
        assert before.failures == {}
        assert before.baselines[0].collector_sha256 == baselines.family_sha256(platform)
        work.open()
        configuration = tmp_path / "device" / "configuration"
        text = configuration.read_text().replace("name", "nam", 1)
        configuration.write_text(text)
        after = work.measure(Phase.AFTER)
        assert after.failures == {}
    assert {item.path for item in after.drift[0].items} == {"/device/configuration"}
    # Nothing was sent to the device but the registered commands.
    commands = set((tmp_path / "device" / "asked").read_text().splitlines())
    registered = {one.partition(" {image}")[0] for one in baselines.FAMILIES[platform].commands.values()}
    assert all(any(one.startswith(said) for said in registered) for one in commands)
    assert (tmp_path / "device" / "input").read_bytes() == b""
    (recorded,) = [one for one in entries(ticket=work.shop.ticket) if one.object.id == before.baselines[0].id]
    (export,) = [one for one in recorded.artifacts if one["role"] == "configuration"]
    kept = read_artifact(str(export["sha256"])).decode()
    assert "<withheld" in kept
    assert "n0tPubl1c" not in kept
    granted = access.grants(ticket=work.shop.ticket)
    assert {grant.collector_sha256 for grant in granted} == {baselines.family_sha256(platform)}
    assert all(grant.state is access.GrantState.ENDED for grant in granted)


def test_the_certificate_itself_fixes_the_command(lab: Lab, tmp_path: Path) -> None:
    """Attack: whoever holds the throw-away key asks for something else; the certificate's command runs all the same."""
    folder = tmp_path / "device"
    program = play(folder, "cisco_ios")
    (folder / "show").symlink_to(program)
    program.write_text(program.read_text().replace("${SSH_ORIGINAL_COMMAND:-$*}", '"show $*"'))
    quiet = f"SetEnv PATH={folder}:/bin:/usr/bin HOME={tmp_path}\n"
    with running_sshd(lab, prepared_files(lab), more=quiet) as server:
        work = bench(lab, server.destination, "cisco_ios")
        call = DeviceCall(baselines.family_sha256("cisco_ios"), "touch /tmp/taken-over")
        with work.channel.run(**work.where, arguments=["device", "version"], stdin=b"", asked=call) as output:
            assert b"Version 15.2(7)E7" in output.read()
        with (
            pytest.raises(baselines.MeasureFailed, match="registered command"),
            work.channel.run(**work.where, arguments=["device", "reload"], stdin=b"", asked=call),
        ):
            pytest.fail("nothing may run")
        with (
            pytest.raises(baselines.MeasureFailed, match="another collector"),
            work.channel.run(**work.where, arguments=["device", "version"], stdin=baselines.collector_bytes()),
        ):
            pytest.fail("no program is sent to a device")


def test_a_device_that_refuses_leaves_no_baseline(lab: Lab, tmp_path: Path) -> None:
    program = play(tmp_path / "device", "cisco_ios")
    (tmp_path / "device" / "configuration").write_text("% Authorization failed.\n")
    with running_sshd(lab, prepared_files(lab), more=f"ForceCommand {program}\n") as server:
        work = bench(lab, server.destination, "cisco_ios")
        taken = work.measure(Phase.BEFORE)
        assert taken.baselines == ()
        assert ["Authorization failed" in one for one in taken.failures.values()] == [True]
        checked = check_before(TICKER, work.shop.clock, **work.where, channel=work.channel)
    assert "Unix only" in checked.checks[0].sentence


def windows(folder: Path, records: list[str], *, codec: str = "ascii") -> Path:
    """Make a folder with a `powershell.exe` in it that plays a Windows with these objects."""
    folder.mkdir(exist_ok=True)
    (folder / "records").write_text("\n".join(records))
    (folder / "posture.json").write_text(json.dumps(made.POSTURE))
    (folder / "codec").write_text(codec)
    program = folder / "powershell.exe"
    program.write_text(
        f"#!/bin/sh\nPYTHONPATH={PROJECT}:{PROJECT}/src exec {sys.executable} -m tests.lab.played_powershell {folder} "
        '"$@"\n'
    )
    program.chmod(0o755)
    return folder


def test_windows_is_measured_before_and_after_by_its_own_collector(lab: Lab, tmp_path: Path) -> None:
    root = made.record("C:\\Program Files\\Acme", kind="D", attributes="00000010")
    folder = windows(tmp_path / "windows", [root, made.record("C:\\Program Files\\Acme\\a.dll")])
    quiet = f"SetEnv PATH={folder}:/bin:/usr/bin HOME={tmp_path}\n"
    with running_sshd(lab, prepared_files(lab), more=quiet) as server:
        work = bench(lab, server.destination, "windows", ("/C:/Program%20Files/Acme",))
        before = work.measure(Phase.BEFORE)
        assert before.failures == {}
        assert before.baselines[0].collector_sha256 == baselines.windows_sha256()
        work.open()
        wider = made.SDDL + "(A;;FA;;;WD)"
        changed = made.record("C:\\Program Files\\Acme\\a.dll", digest="b" * 64, sddl=wider)
        windows(folder, [root, changed], codec="utf-16")
        off = {"C:": "off, FullyEncrypted, XtsAes256, 100 % encrypted, protectors Tpm"}
        (folder / "posture.json").write_text(json.dumps(made.POSTURE | {"bitlocker": {"value": off}}))
        after = work.measure(Phase.AFTER)
        assert after.failures == {}
        cut = windows(folder, [root, "F\tcut"])
        assert work.measure(Phase.AFTER).failures.keys() == {work.shop.asset}
        assert cut == folder
    items = {item.path: item for item in after.drift[0].items}
    assert set(items) == {"/C:/Program\\040Files/Acme/a.dll", "bitlocker:C:"}
    assert "acl_widened" in items["/C:/Program\\040Files/Acme/a.dll"].codes
    assert items["bitlocker:C:"].codes == ("encryption_off",)


def test_no_other_program_is_sent_to_windows(lab: Lab, tmp_path: Path) -> None:
    folder = windows(tmp_path / "windows", [])
    quiet = f"SetEnv PATH={folder}:/bin:/usr/bin HOME={tmp_path}\n"
    with running_sshd(lab, prepared_files(lab), more=quiet) as server:
        work = bench(lab, server.destination, "windows", ("/C:/Data",))
        for arguments, program in (
            (["posture"], baselines.collector_bytes()),
            (["checks", "/"], baselines.windows_bytes()),
            (["manifest", "/C:/Windows"], baselines.windows_bytes()),
            (["posture"], b"Get-ChildItem\n"),
        ):
            with (
                pytest.raises(baselines.MeasureFailed),
                work.channel.run(**work.where, arguments=arguments, stdin=program) as output,
            ):
                output.read()
