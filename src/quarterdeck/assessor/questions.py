"""Questions of assessors to the organisation and its answers: both are entries, the words behind salted commitments."""

import hashlib
from collections.abc import Mapping

from quarterdeck.assessor.models import Answer, Question
from quarterdeck.assessor.rules import usable_text
from quarterdeck.assessor.terms import AnswerView, QuestionView
from quarterdeck.controls.api import OBJECTIVES
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Act, Entry, ObjectRef
from quarterdeck.kernel.decision import Refused, all_of, refuse, require_that
from quarterdeck.kernel.ids import new_id
from quarterdeck.personnel.api import Role
from quarterdeck.tickets import api as tickets

ASKED, ANSWERED = "question.asked", "question.answered"
_CHANGED = "[These words are not what the ledger says, or were disposed of.]"


def ask_question(act: Act, text: str, *, ticket: str = "", objective: str = "") -> str:
    """Ask the organisation; only an assessor may. `objective` is the token of one. Returns the question's id."""
    all_of(
        [
            tickets.has_role(act.actor, [Role.ASSESSOR], act.at),
            usable_text(text, "question"),
            tickets.readable(text),
            require_that(
                not ticket or tickets.exists(ticket),
                "ticket.unknown",
                f"There is no ticket {ticket[:20]}.",
                "Name a ticket that exists, or none.",
            ),
            require_that(
                not objective or objective in {one.token for one in OBJECTIVES},
                "objective.unknown",
                "There is no such objective.",
                "Name one of the list, or none.",
            ),
        ]
    ).require()
    question, digest = new_id("qu"), act.commitment(text.strip())
    entry = act.record(ASKED, ObjectRef("question", question), data={"about": ticket or objective, "text": digest})
    Question.objects.create(
        id=question, asked_by_id=act.actor.id, asked_at=act.at, ticket_id=ticket or None, objective=objective,
        text=digest, entry=entry,
    )  # fmt: skip
    return question


def answer_question(act: Act, question: str, text: str) -> None:
    """Answer for the organisation; only an IT lead may. A second answer adds to the first."""
    all_of(
        [
            tickets.has_role(act.actor, [Role.IT_LEAD], act.at),
            usable_text(text, "answer"),
            tickets.readable(text),
        ]
    ).require()
    row = _row(question)
    digest = act.commitment(text.strip())
    entry = act.record(ANSWERED, ObjectRef("question", question), data={"text": digest})
    Answer.objects.create(question=row, by_id=act.actor.id, at=act.at, text=digest, entry=entry)


def question(question_id: str) -> QuestionView:
    """Return one question with its answers; Refused(question.unknown)."""
    return _views([_row(question_id)])[0]


def questions() -> list[QuestionView]:
    """Return every question, newest first."""
    return _views(list(Question.objects.prefetch_related("answer_rows").order_by("-asked_at", "-id")))


def _row(question_id: str) -> Question:
    row = Question.objects.filter(id=question_id).first()
    if row is None:
        raise Refused(refuse("question.unknown", "There is no such question.", "See the list of questions."))
    return row


def _views(rows: list[Question]) -> list[QuestionView]:
    answers = {row.id: list(row.answer_rows.order_by("pk")) for row in rows}
    given = [one for several in answers.values() for one in several]
    sealed = evidence.entries_of([*(row.entry for row in rows), *(one.entry for one in given)])
    words = evidence.openings([*(row.text for row in rows), *(one.text for one in given)])
    return [
        QuestionView(
            row.id, row.asked_by_id, row.asked_at, row.ticket_id or "", row.objective,
            _words(row.text, row.asked_by_id, sealed.get(row.entry), words),
            tuple(
                AnswerView(one.by_id, one.at, _words(one.text, one.by_id, sealed.get(one.entry), words))
                for one in answers[row.id]
            ),
        )
        for row in rows
    ]  # fmt: skip


def _words(digest: str, author: str, sealed: Entry | None, words: Mapping[str, tuple[bytes, str]]) -> str:
    """Return what was written, when the sealed entry carries its hash and the opening still gives it."""
    salt, text = words.get(digest, (b"", ""))
    opened = hashlib.sha256(salt + text.encode()).hexdigest() == digest
    told = sealed is not None and sealed.data.get("text") == digest and sealed.actor_id == author
    return text if opened and told else _CHANGED
