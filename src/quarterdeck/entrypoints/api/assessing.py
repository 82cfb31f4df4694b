"""The assessor's desk over the wire: samples that can be repeated, questions to the organisation and its answers."""

from datetime import datetime

from django.http import HttpRequest
from ninja import Field, Router, Schema

from quarterdeck import wiring
from quarterdeck.assessor import api as assessor
from quarterdeck.assessor.api import Population, QuestionView, SampleView
from quarterdeck.entrypoints.api.callers import actor_of
from quarterdeck.entrypoints.api.ticket_schemas import RefusedOut
from quarterdeck.kernel.actors import Actor
from quarterdeck.personnel.api import Role
from quarterdeck.tickets import api as tickets
from quarterdeck.workflows import attend_assessor

router = Router(tags=["assessor"])
READERS = (Role.ASSESSOR, Role.IT_LEAD)


class SampleIn(Schema):
    """What to draw from and how many; without a seed a random one is taken."""

    population: Population = Population.CLOSED_CUI
    size: int = Field(default=5, ge=1, le=assessor.MOST_SAMPLED)
    seed: str = Field(default="", max_length=64)


class SampleOut(Schema):
    """A sample: the tickets are those whose SHA-256 of `seed:number` is the smallest among the population."""

    entry: int
    at: datetime
    by: str
    population: Population
    size: int
    seed: str
    of: int
    list_sha256: str
    tickets: list[str]
    repeats: bool

    @classmethod
    def of_view(cls, one: SampleView) -> "SampleOut":
        """Return the sample as it goes over the wire, drawn again to see that the same comes out."""
        same = {name: getattr(one, name) for name in cls.model_fields if name not in {"entry", "tickets", "repeats"}}
        return cls(entry=one.seq, tickets=list(one.tickets), repeats=assessor.repeat(one).allowed, **same)


class QuestionIn(Schema):
    """What is asked, and about which ticket or objective (its token, such as MA.L2-3.7.5.b)."""

    text: str = Field(max_length=4_000)
    ticket: str = Field(default="", max_length=16)
    objective: str = Field(default="", max_length=40)


class AnswerIn(Schema):
    """What the organisation answers."""

    text: str = Field(max_length=4_000)


class AnswerOut(Schema):
    """An answer with its author."""

    by: str
    at: datetime
    text: str


class QuestionOut(Schema):
    """A question with its answers so far."""

    id: str
    asked_by: str
    asked_at: datetime
    ticket: str
    objective: str
    text: str
    open: bool
    answers: list[AnswerOut]

    @classmethod
    def of(cls, one: QuestionView) -> "QuestionOut":
        """Return the question as it goes over the wire."""
        answers = [AnswerOut(by=answer.by, at=answer.at, text=answer.text) for answer in one.answers]
        same = {name: getattr(one, name) for name in cls.model_fields if name not in {"open", "answers"}}
        return cls(open=one.is_open, answers=answers, **same)


def _answers(body: object) -> dict[int, object]:
    return {200: body, 401: RefusedOut, 403: RefusedOut, 404: RefusedOut, 409: RefusedOut, 422: RefusedOut}


def _reader(request: HttpRequest) -> Actor:
    actor = actor_of(request)
    tickets.has_role(actor, READERS, wiring.clock().now()).require()
    return actor


@router.get("/samples", response=_answers(list[SampleOut]))
def list_samples(request: HttpRequest) -> list[SampleOut]:
    """Return every sample that was drawn, newest first."""
    _reader(request)
    return [SampleOut.of_view(one) for one in assessor.samples()]


@router.post("/samples", response=_answers(SampleOut))
def draw_sample(request: HttpRequest, body: SampleIn) -> SampleOut:
    """Draw tickets at random and record seed and population: assessors only."""
    actor, clock = actor_of(request, "write"), wiring.clock()
    made = attend_assessor.draw_sample(actor, clock, body.population, size=body.size, seed=body.seed)
    return SampleOut.of_view(made)


@router.get("/questions", response=_answers(list[QuestionOut]))
def list_questions(request: HttpRequest) -> list[QuestionOut]:
    """Return every question with its answers, newest first."""
    _reader(request)
    return [QuestionOut.of(one) for one in assessor.questions()]


@router.post("/questions", response=_answers(QuestionOut))
def ask_question(request: HttpRequest, body: QuestionIn) -> QuestionOut:
    """Ask the organisation: assessors only."""
    actor = actor_of(request, "write")
    asked = attend_assessor.ask_question(actor, wiring.clock(), body.text, ticket=body.ticket, objective=body.objective)
    return QuestionOut.of(asked)


@router.post("/questions/{question}/answers", response=_answers(QuestionOut))
def answer_question(request: HttpRequest, question: str, body: AnswerIn) -> QuestionOut:
    """Answer for the organisation: IT leads only."""
    return QuestionOut.of(
        attend_assessor.answer_question(actor_of(request, "write"), wiring.clock(), question, body.text)
    )
