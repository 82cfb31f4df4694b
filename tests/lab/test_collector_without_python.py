"""A target without Python, over a real sshd: the ticket is measured by the shell collector that the grant names."""

import shutil
from pathlib import Path

import pytest
from tests.access_shop import Place, approved_ticket, authorise, make_shop
from tests.access_signer import near_signer
from tests.lab.loopback_sshd import GATE, lab_folder, prepared_files, running_sshd
from tests.measuring import LocalChannel

from quarterdeck.access import api as access
from quarterdeck.adapters.measure_channel import SshMeasureChannel
from quarterdeck.baselines import api as baselines
from quarterdeck.baselines.api import Phase
from quarterdeck.evidence.api import act
from quarterdeck.kernel.actors import system
from quarterdeck.kernel.clock import SystemClock
from quarterdeck.tickets import api as tickets
from quarterdeck.workflows.take_baseline import take_baseline

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(shutil.which("busybox") is None, reason="not run here: no busybox"),
]
TICKER = system("ticker")
APPLETS = ("sh", "find", "stat", "sha256sum", "cut", "head", "wc", "cat", "sort", "uname", "id", "date", "readlink")


def test_a_ticket_is_measured_before_and_after_without_python(tmp_path: Path):
    tree, programs = tmp_path / "watched", tmp_path / "bin"
    tree.mkdir()
    programs.mkdir()
    for name in APPLETS:
        (programs / name).symlink_to(shutil.which("busybox") or "")
    # The account's own shell, where it is started by its name.
    (programs / "bash").symlink_to(shutil.which("bash") or "")
    (tree / "site.conf").write_text("listen 80\n")
    # A home without start-up files: this machine's own may bring another PATH.
    quiet = f"SetEnv PATH={programs} HOME={tmp_path}\n"
    with lab_folder() as lab, running_sshd(lab, prepared_files(lab), more=quiet) as server:
        where = server.destination
        place = Place(where.address, where.port, where.account, where.host_identity, (str(tree),))
        shop = make_shop(SystemClock(), {"web01": place})
        authorise(shop, "sam")
        number = approved_ticket(shop, expected_paths=())
        signer = near_signer(lab.folder / "signer", shop.clock, gate_address=GATE)
        channel = SshMeasureChannel(signer, actor=TICKER, clock=shop.clock)
        before = take_baseline(number, Phase.BEFORE, channel=channel, actor=TICKER, clock=shop.clock)
        assert before.failures == {}
        assert before.baselines[0].collector_sha256 == baselines.fallback_sha256()
        with act(shop.actor("sam"), shop.clock) as opening:
            tickets.open_ticket(opening, number)
        (tree / "site.conf").write_text("listen 81\n")
        after = take_baseline(number, Phase.AFTER, channel=channel, actor=TICKER, clock=shop.clock)
        assert after.failures == {}
        assert str(tree / "site.conf") in {item.path for item in after.drift[0].items}
        # Python comes or goes between the two: what cannot be compared is not compared.
        mixed = take_baseline(number, Phase.AFTER, channel=LocalChannel(), actor=TICKER, clock=shop.clock)
        assert ["without Python" in sentence for sentence in mixed.failures.values()] == [True]
    granted = {grant.collector_sha256 for grant in access.grants(ticket=number)}
    assert granted == {baselines.collector_sha256(), baselines.fallback_sha256()}
