"""The question before a shipped log is matched to the sessions of its ticket."""

from django import forms
from django.http import HttpRequest, HttpResponse

from quarterdeck import wiring
from quarterdeck.config.api import load
from quarterdeck.entrypoints.web.pages import STAFF_AT_WORK, Visitor, page, posted
from quarterdeck.entrypoints.web.people_in import CLOCK
from quarterdeck.entrypoints.web.reading import ticket_for
from quarterdeck.entrypoints.web.ticket_acts import Question, ask
from quarterdeck.workflows import match_target_log


class MatchForm(forms.Form):
    """How the file is to be read."""

    zone = forms.CharField(
        label="Time zone of stamps that name none", max_length=64, required=False, help_text="Such as Europe/Berlin."
    )
    host = forms.CharField(
        label="The target's name in the file", max_length=255, required=False,
        help_text="Only where the inventory has another name.",
    )  # fmt: skip


@page(*STAFF_AT_WORK)
def match(request: HttpRequest, seen: Visitor, number: str, sha256: str) -> HttpResponse:
    """Match the commands of an attached log; what comes of it stands on the sessions' pages, graded attached."""
    ticket = ticket_for(seen, number)
    form = MatchForm(posted(request), initial={"zone": load().time_zone})

    def act(fresh: Visitor, filled: forms.Form) -> str:
        said = filled.cleaned_data
        found = match_target_log.match_target_log(
            fresh.actor,
            CLOCK,
            number,
            sha256,
            authority=wiring.target_authority,
            zone=said["zone"].strip(),
            host=said["host"].strip(),
        )
        commands = sum(count for _, count, _ in found.sessions)
        words = f"{commands} command{'' if commands == 1 else 's'} matched to {len(found.sessions)} session(s)."
        return " ".join((words, *found.remarks))

    question = Question(
        "Match its commands to the sessions",
        "By the certificate's serial where the file has auditd's and sshd's records, else by account and time. It is "
        "graded attached, and never replaces what was read from the target itself.",
        "Match",
    )
    return ask(request, seen, ticket, form, question, act)
