"""What an assessor asks of the organisation at the desk: samples that can be repeated, questions and their answers."""

import secrets

from quarterdeck.assessor import api as assessor
from quarterdeck.assessor.api import Population, QuestionView, SampleView
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import act
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.workflows.refusals import refusals_recorded


def draw_sample(actor: Actor, clock: Clock, population: Population, *, size: int, seed: str = "") -> SampleView:
    """Draw tickets at random, by a seed of the assessor or a fresh one, and record it; Refused is recorded too."""
    used = seed.strip() or secrets.token_hex(16)
    numbers = assessor.population_of(population)
    with refusals_recorded(actor, clock, "sample.draw"):
        assessor.may_sample(actor, numbers, size, used, clock.now()).require()
        kept = evidence.store_artifact(
            assessor.list_bytes(numbers), media_type="text/plain", role=assessor.LIST_ROLE,
            name="sample-population.txt", may_contain_cui=False,
        )  # fmt: skip
        with act(actor, clock) as current:
            assessor.record_sample(current, population, numbers, size, used, kept)
    return assessor.sample(current.entries[0].seq)


def ask_question(actor: Actor, clock: Clock, text: str, *, ticket: str = "", objective: str = "") -> QuestionView:
    """Ask the organisation about a ticket, an objective or in general; Refused is recorded too."""
    with refusals_recorded(actor, clock, "question.ask"), act(actor, clock) as current:
        made = assessor.ask_question(current, text, ticket=ticket, objective=objective)
    return assessor.question(made)


def answer_question(actor: Actor, clock: Clock, question: str, text: str) -> QuestionView:
    """Answer for the organisation; Refused is recorded too."""
    with refusals_recorded(actor, clock, "question.answer"), act(actor, clock) as current:
        assessor.answer_question(current, question, text)
    return assessor.question(question)
