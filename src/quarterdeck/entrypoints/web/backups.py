"""Backups and drills: for every asset where its backups are, the newest proof, and when a restore was last tried."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from quarterdeck.backups import api as backups
from quarterdeck.backups.api import Proof, ReimagePlan, Source
from quarterdeck.entrypoints.web import lists
from quarterdeck.entrypoints.web.backup_logs import KEPT, kept_words
from quarterdeck.entrypoints.web.pages import Visitor, page
from quarterdeck.entrypoints.web.words import called
from quarterdeck.entrypoints.web.zones import spoken
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Fact
from quarterdeck.inventory import api as inventory
from quarterdeck.inventory.api import AssetView

DRILLED_WITHIN = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Row:
    """One asset with what is known of its backups."""

    asset: AssetView
    source: Source | None
    proof: Proof | None
    drill: Fact | None
    now: datetime
    kept: dict[str, tuple[str, str]]
    plan: ReimagePlan | None

    @property
    def state(self) -> tuple[str, str]:
        """Status code and word of the newest proof."""
        if self.proof is None:
            if self.source is None and self.plan is not None:
                return (
                    ("passed", "Reimaged") if self.now < backups.counts_until(self.plan) else ("failed", "Plan is old")
                )
            return ("unknown", "Never proven") if self.source else ("not_applicable", "No source")
        if not self.proof.verified:
            return "failed", "Not verified"
        return ("passed", "Fresh") if self.now <= self.proof.valid_until else ("pending", "Out of date")

    @property
    def drilled(self) -> tuple[str, str]:
        """Status code and word of the last restore that was tried."""
        if self.drill is None:
            return "unknown", "Never drilled"
        if self.drill.outcome is not evidence.Outcome.PASSED:
            return "failed", "Failed"
        return ("passed", "Tried") if self.now - self.drill.at <= DRILLED_WITHIN else ("pending", "Over a year ago")


def _rows(now: datetime) -> list[Row]:
    proofs: dict[str, Proof] = {}
    for one in backups.proofs():
        proofs.setdefault(one.asset, one)
    drills = {fact.asset: fact for fact in evidence.facts(kinds=["restore.drilled"])}
    sources = {one.asset: one for one in backups.sources()}
    kept: dict[str, list[Fact]] = {}
    for fact in evidence.facts(kinds=list(KEPT)):
        kept.setdefault(fact.asset or "", []).append(fact)
    plans = {asset: plan for plan in backups.reimage_plans() for asset in plan.assets}
    return [
        Row(asset, sources.get(asset.id), proofs.get(asset.id), drills.get(asset.id), now,
            kept_words(kept.get(asset.id, [])), plans.get(asset.id))
        for asset in inventory.assets()
    ]  # fmt: skip


@page()
def backup_list(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """Every asset in use with its backups."""
    listing = lists.Listing[Row](
        name="backups",
        noun="assets",
        columns=[
            lists.Column("asset", "Asset", lambda row: lists.text(
                row.asset.hostname, sub=row.asset.title, marks=["CUI"] if row.asset.handles_cui else [])),
            lists.Column("source", "Source", lambda row: lists.text(
                called(row.source.product.value).capitalize() if row.source else "",
                sub=f"at most {spoken(row.source.max_age)} old" if row.source else "")),
            lists.Column("proof", "Newest proof", lambda row: lists.state(*row.state)),
            lists.Column("taken", "Backup of", lambda row: lists.moment(row.proof.taken_at if row.proof else None),
                         lambda row: row.proof.taken_at if row.proof else None),
            lists.Column("until", "Counts until", lambda row: lists.moment(
                row.proof.valid_until if row.proof else None),
                lambda row: row.proof.valid_until if row.proof else None),
            *(_kept(kind, label) for kind, label in KEPT.items()),
            lists.Column("drill", "Restore drill", lambda row: lists.state(*row.drilled)),
            lists.Column("drilled", "Tried", lambda row: lists.moment(row.drill.at if row.drill else None),
                         lambda row: row.drill.at if row.drill else None, shown=False),
        ],
        row_url=lambda row: f"{reverse('asset', args=[row.asset.id])}#backup",
        empty=lists.Empty("No asset yet", "Assets come first; a backup proof is taken while a ticket is prepared.",
                          "database", "Go to assets", reverse("assets")),
        filters=[
            lists.Filter("proof", "Proof", lambda row: row.state[1], lambda code: code),
            lists.Filter("drill", "Drill", lambda row: row.drilled[1], lambda code: code),
            *(_kept_filter(kind, label) for kind, label in KEPT.items()),
            lists.Filter("cui", "CUI", lambda row: "yes" if row.asset.handles_cui else "no", lambda code: code),
        ],
        sort="asset",
    )  # fmt: skip
    shown = lists.build(request, listing, _rows(seen.now))
    if isinstance(shown, HttpResponse):
        return shown
    lead = "A rollback that was never tried is a hope: where each asset's backup is, when it was proven and drilled."
    acts = [
        {"url": reverse("drills"), "icon": "database", "label": "Restore drills", "key": "d"},
        {"url": reverse("reimage_plans"), "icon": "device-desktop", "label": "Reimage plans"},
    ]
    context = {"list": shown, "title": "Backups & drills", "lead": lead, "acts": acts}
    return render(request, "list_page.html", context)


def _kept(kind: str, label: str) -> lists.Column[Row]:
    return lists.Column(kind.replace(".", "_"), label, lambda row: _kept_cell(row, kind))


def _kept_cell(row: Row, kind: str) -> lists.Cell:
    """Return how the newest proof says that it is kept; nothing where nothing was proven."""
    return lists.state(*row.kept[kind]) if row.proof else lists.text("")


def _kept_filter(kind: str, label: str) -> lists.Filter[Row]:
    return lists.Filter(kind.replace(".", "_"), label, lambda row: row.kept[kind][1], lambda code: code)
