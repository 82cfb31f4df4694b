"""What doctor looks at for what comes before and after work: programs of runbooks and backups, rules, drills."""

import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from quarterdeck.adapters.command_place import find_program
from quarterdeck.backups import api as backups
from quarterdeck.backups.api import Product, ProductFailed, Source
from quarterdeck.baselines import api as baselines
from quarterdeck.entrypoints.supervisor.findings import Finding, fine, note, wrong
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Refused
from quarterdeck.runs import api as runs
from quarterdeck.runs.api import RunbookState

# The programs that a product's source needs on this server; none where the asset is asked over SSH.
PROGRAMS = {
    Product.RESTIC: ("restic",),
    Product.BORG: ("borg",),
    Product.PG_DUMP: ("pg_dump", "pg_restore"),
    Product.PG_BASE: ("pg_basebackup", "pg_verifybackup"),
    Product.BTRFS: ("btrfs",),
    Product.QCOW2: ("qemu-img",),
}
MODULES = {Product.EBS: ("boto3", "aws"), Product.AMI: ("boto3", "aws"), Product.VSPHERE: ("pyVmomi", "vsphere")}
_ANSWER_SECONDS = 20


def work_findings(clock: Clock) -> list[Finding]:
    """Return every finding; what no source and no runbook asks for is not looked at."""
    return [
        *runbook_findings(),
        *backup_findings(),
        drift_rule_finding(),
        *drill_findings(clock),
        *reimage_findings(clock),
    ]


def runbook_findings() -> list[Finding]:
    """The programs that fetch, box and run playbooks: there, and really starting."""
    books = runs.runbooks()
    if not any(one.state is not RunbookState.REJECTED for one in books):
        return [note("runbooks", "No runbook is proposed, so nothing for them was looked at.")]
    found = [
        lacking
        for name, argument, needs in (
            ("git", "--version", "the package git"),
            ("ansible-runner", "--version", "the extra `runbooks`"),
            ("ansible-playbook", "--version", "the extra `runbooks`"),
        )
        if (lacking := _starts([_beside(name), argument], name, needs)) is not None
    ]
    # The box itself: some kernels and containers refuse it, which only a try shows.
    box = [_beside("bwrap"), "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--unshare-pid", "--", "true"]
    boxed = _starts(box, "bwrap", "the package bubblewrap and a kernel that allows it")
    found += [boxed] if boxed else []
    return found or [fine("runbooks", "git, ansible-runner and bubblewrap start.")]


def _beside(name: str) -> str:
    beside = Path(sys.executable).with_name(name)
    return str(beside) if beside.exists() else shutil.which(name) or name


def _starts(argv: list[str], name: str, needs: str) -> Finding | None:
    try:
        done = subprocess.run(argv, capture_output=True, timeout=_ANSWER_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return wrong("runbooks", f"{name} does not start, so no playbook runs here.", f"It needs {needs}.")
    if done.returncode != 0:
        said = (done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no message"])[-1][:160]
        return wrong("runbooks", f"{name} does not work here: {said}", f"It needs {needs}.")
    return None


def backup_findings() -> list[Finding]:
    """The programs and libraries of the products for which a source is named, and sources that are not sealed."""
    sources = [*backups.sources(), *backups.snapshot_sources()]
    found = []
    for product in sorted({one.product for one in sources if not one.host or one.product not in PROGRAMS}):
        found += _program_findings(product) + _module_findings(product)
    # restic and borg name a host too, but as a word of the product: they run here.
    for product in sorted({one.product for one in sources if one.host} & {Product.RESTIC, Product.BORG}):
        found += _program_findings(product)
    if any(one.host and one.product in PROGRAMS for one in sources):
        found += _ssh_finding()
    found += [lacking for one in sources if (lacking := _unsealed(one)) is not None]
    names = ", ".join(sorted({one.product.value for one in sources}))
    return found or [fine("backups", f"What {names} needs is here.") if names else note("backups", _NO_SOURCE)]


_NO_SOURCE = "Nobody has said where any backup is; HP-BACKUP then holds servers with CUI."


def _program_findings(product: Product) -> list[Finding]:
    found = []
    for name in PROGRAMS.get(product, ()):
        try:
            find_program(name)
        except ProductFailed as failed:
            step = f"Install it; a source of {product.value} is named."
            found.append(wrong("backups", str(failed), step))
    return found


def _module_findings(product: Product) -> list[Finding]:
    module, extra = MODULES.get(product, ("", ""))
    if not module or find_spec(module) is not None:
        return []
    step = f"Install Quarterdeck with the extra `{extra}`."
    return [wrong("backups", f"A source of {product.value} is named, and {module} is not installed.", step)]


def _ssh_finding() -> list[Finding]:
    if shutil.which("ssh"):
        return []
    return [wrong("backups", "A product is asked over SSH, and ssh is not installed.", "Install the OpenSSH client.")]


def _unsealed(source: Source) -> Finding | None:
    try:
        backups.source_of(source.id)
    except Refused as refused:
        one = refused.decision.reasons[0]
        return wrong("backups", f"{inventory.asset(source.asset).hostname}: {one.sentence}", one.next_step)
    return None


def drift_rule_finding() -> Finding:
    """Say which rules of drift are in force: those shipped, or adopted ones."""
    version = baselines.adopted_rules()
    if version.version == 0:
        return note(
            "rules of drift", "Those that were shipped are in force.", "Read them once: Registers, Drift rules."
        )
    return fine("rules of drift", f"Version {version.version} is in force.")


def drill_findings(clock: Clock) -> list[Finding]:
    """Overdue restore drills, and drills whose last try failed."""
    lines = backups.register(clock.now())
    if not lines:
        return [note("restore drills", "No restore is drilled.", "The IT lead plans one on an asset's page.")]
    found = []
    for line in lines:
        host = inventory.asset(line.plan.asset).hostname
        if line.newest is not None and not line.newest.passed:
            found.append(wrong("restore drills", f"{host}: {line.newest.sentence}", "Mend the backup, drill again."))
        elif line.overdue:
            found.append(wrong("restore drills", f"{host}: overdue since {line.due_at:%Y-%m-%d}.", "See `qd drills`."))
    return found or [fine("restore drills", f"All {len(lines)} are in time.")]


def reimage_findings(clock: Clock) -> list[Finding]:
    """Reimage plans that count no more."""
    return [
        wrong("reimage plans", f"{one.image} counts no more.", "Try it on a machine and set the plan again.")
        for one in backups.reimage_plans()
        if backups.counts_until(one) <= clock.now()
    ]
