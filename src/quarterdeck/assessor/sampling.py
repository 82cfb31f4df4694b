"""Samples of tickets: drawn by a rule that a stranger can repeat, recorded with seed and population."""

from datetime import datetime

from quarterdeck.assessor.cui import cui_assets, handles_cui
from quarterdeck.assessor.rules import may_draw, pick
from quarterdeck.assessor.terms import Population, SampleView
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Act, ArtifactRef, Entry, ObjectRef
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.decision import Decision, Refused, all_of, refuse, require_that
from quarterdeck.personnel.api import Role
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import TicketView

DRAWN = "sample.drawn"
LIST_ROLE = "sample_population"
_OVER = ("ticket.closed", "ticket.rolled_back", "ticket.logged")


def population_of(population: Population) -> tuple[str, ...]:
    """Return the numbers of the tickets to draw from, in order.

    A ticket handles CUI when one of its assets does now or did when the work was frozen for approval: taking the mark
    off an asset afterwards takes nothing out of the population. Nor does writing into the database: which tickets are
    over is the ledger's word, and one whose row is not what the ledger says, or gone, is in every population.
    """
    over = {entry.ticket for entry in evidence.entries(events=_OVER) if entry.ticket is not None}
    if population is Population.CLOSED:
        return tuple(sorted(over))
    genuine = {view.number: view for view in tickets.tickets() if view.number in over and _is_sealed(view)}
    cui = cui_assets()
    return tuple(
        number
        for number in sorted(over)
        if number not in genuine
        or (genuine[number].emergency if population is Population.EMERGENCY else handles_cui(genuine[number], cui))
    )


def _is_sealed(view: TicketView) -> bool:
    return tickets.is_sealed(view.number).allowed


def list_bytes(numbers: tuple[str, ...]) -> bytes:
    """Return a population as it is kept: one number a line, in order."""
    return "".join(f"{number}\n" for number in numbers).encode()


def may_sample(actor: Actor, population: tuple[str, ...], size: int, seed: str, at: datetime) -> Decision:
    """Decide whether this assessor may draw this sample."""
    role = tickets.has_role(actor, [Role.ASSESSOR], at)
    return role if not role.allowed else may_draw(population, size, seed)


def record_sample(
    act: Act, population: Population, numbers: tuple[str, ...], size: int, seed: str, kept: ArtifactRef
) -> str:
    """Draw and record a sample; `kept` is the list of `numbers`, stored before. Returns the entry's event id."""
    may_sample(act.actor, numbers, size, seed, act.at).require()
    chosen = pick(numbers, seed, size)
    data: dict[str, evidence.JsonValue] = {
        "population": population.value, "of": len(numbers), "size": size, "seed": seed, "tickets": list(chosen),
    }  # fmt: skip
    return act.record(DRAWN, ObjectRef("person", act.actor.id), data=data, artifacts=[kept])


def samples() -> list[SampleView]:
    """Return every sample, newest first."""
    return [_view(entry) for entry in evidence.entries(events=[DRAWN])][::-1]


def sample(seq: int) -> SampleView:
    """Return one sample by the number of its entry; Refused(sample.unknown)."""
    for entry in evidence.entries(events=[DRAWN], from_seq=seq, until_seq=seq + 1):
        return _view(entry)
    raise Refused(refuse("sample.unknown", "There is no such sample.", "See the assessor's desk."))


def repeat(drawn: SampleView) -> Decision:
    """Decide whether the kept list and seed give the same tickets again; reads the list from the store."""
    listed = tuple(evidence.read_artifact(drawn.list_sha256).decode().split())
    return all_of(
        [
            require_that(
                len(listed) == drawn.of, "sample.list", "The list kept is not as long as the entry says.", "Ask why."
            ),
            require_that(
                pick(listed, drawn.seed, drawn.size) == drawn.tickets,
                "sample.differs",
                "Drawn again from the same list with the same seed, other tickets come out.",
                "Ask why.",
            ),
        ]
    )


def _view(entry: Entry) -> SampleView:
    data = entry.data
    return SampleView(
        seq=entry.seq,
        at=entry.at,
        by=entry.actor_id,
        population=Population(str(data["population"])),
        seed=str(data["seed"]),
        size=int(data["size"]),
        of=int(data["of"]),
        list_sha256=str(entry.artifacts[0]["sha256"]),
        tickets=tuple(str(number) for number in data["tickets"]),
    )
