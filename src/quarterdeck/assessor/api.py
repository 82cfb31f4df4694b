"""Packages, consents, samples, questions, objective status: the only module of this app that others import."""

from quarterdeck.assessor.consents import (
    ask_consent,
    consent_of,
    consents,
    consents_asked,
    give_consent,
    refuse_consent,
    withdraw_consent,
)
from quarterdeck.assessor.contents import contents
from quarterdeck.assessor.gaps import objective_status
from quarterdeck.assessor.objectives import Gap, ObjectiveStatus, Proposal, maintenance_first, propose
from quarterdeck.assessor.orders import (
    cancel_order,
    check_order,
    fail_order,
    finish_order,
    may_package,
    order,
    order_package,
    orders,
    take_order,
    tell_order,
)
from quarterdeck.assessor.questions import answer_question, ask_question, question, questions
from quarterdeck.assessor.replay_page import replay_page
from quarterdeck.assessor.rules import MOST_SAMPLED, pick
from quarterdeck.assessor.sampling import (
    LIST_ROLE,
    list_bytes,
    may_sample,
    population_of,
    record_sample,
    repeat,
    sample,
    samples,
)
from quarterdeck.assessor.session_files import narrowed, session_files
from quarterdeck.assessor.slices import Slice, cut
from quarterdeck.assessor.terms import (
    CONSENT_ROLES,
    AnswerView,
    ConsentState,
    ConsentView,
    Contents,
    KeptBack,
    OrderState,
    OrderView,
    Population,
    QuestionView,
    SampleView,
    ScopeKind,
)
from quarterdeck.assessor.views import derive_views
from quarterdeck.assessor.withholding import REASONS, withheld

__all__ = [
    "CONSENT_ROLES",
    "LIST_ROLE",
    "MOST_SAMPLED",
    "REASONS",
    "AnswerView",
    "ConsentState",
    "ConsentView",
    "Contents",
    "Gap",
    "KeptBack",
    "ObjectiveStatus",
    "OrderState",
    "OrderView",
    "Population",
    "Proposal",
    "QuestionView",
    "SampleView",
    "ScopeKind",
    "Slice",
    "answer_question",
    "ask_consent",
    "ask_question",
    "cancel_order",
    "check_order",
    "consent_of",
    "consents",
    "consents_asked",
    "contents",
    "cut",
    "derive_views",
    "fail_order",
    "finish_order",
    "give_consent",
    "list_bytes",
    "maintenance_first",
    "may_package",
    "may_sample",
    "narrowed",
    "objective_status",
    "order",
    "order_package",
    "orders",
    "pick",
    "population_of",
    "propose",
    "question",
    "questions",
    "record_sample",
    "refuse_consent",
    "repeat",
    "replay_page",
    "sample",
    "samples",
    "session_files",
    "take_order",
    "tell_order",
    "withdraw_consent",
    "withheld",
]
