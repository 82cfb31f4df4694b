"""Acts on several rows of a list: a preview of each row first, then one act per row, refusals told row by row."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from quarterdeck.entrypoints.web import stepup
from quarterdeck.entrypoints.web.people_in import Visitor
from quarterdeck.kernel.decision import ALLOWED, Decision, Refused

MOST = 200
Said = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """One chosen row as the preview shows it: what it is, what is going to happen, or why it can't."""

    id: str
    name: str
    sub: str = ""
    will: str = ""
    decision: Decision = ALLOWED


@dataclass(frozen=True)
class Bulk:
    """A bulk act: `look` says what happens to one row, `act` does it to those that may and says how it went.

    An `act` that has more to show than a sentence returns the page.
    """

    heading: str
    lead: str
    button: str
    back: str
    look: Callable[[str], Line | None]
    act: Callable[[Visitor, Sequence[str], Said], str | HttpResponse]
    form: type[forms.Form] | None = None
    danger: bool = False
    with_code: bool = False
    more: Callable[[Sequence[str]], dict[str, Any]] = field(default=lambda ids: {})


def each(do: Callable[[Visitor, str, Said], object], done: str) -> Callable[[Visitor, Sequence[str], Said], str]:
    """Return an act that does `do` row by row; what is refused stops nothing else and is told."""

    def act(seen: Visitor, ids: Sequence[str], said: Said) -> str:
        refusals: list[Refused] = []
        for one in ids:
            try:
                do(seen, one, said)
            except Refused as refused:
                if stepup.NEEDED in refused.decision.codes:
                    raise
                refusals.append(refused)
        told = f"{len(ids) - len(refusals)} {done}."
        return told if not refusals else f"{told} {len(refusals)} refused: {refusals[0]}"

    return act


def serve(request: HttpRequest, seen: Visitor, bulk: Bulk) -> HttpResponse:
    """Show the preview of the rows that a list sent, or do the act when the preview was confirmed."""
    chosen = list(dict.fromkeys(request.POST.getlist("chosen")))[:MOST]
    lines = [line for line in (bulk.look(one) for one in chosen) if line is not None]
    able = [line.id for line in lines if line.decision.allowed]
    if not lines:
        messages.info(request, "Nothing was chosen: tick the rows first.")
        return redirect(bulk.back)
    confirmed = request.POST.get("do") == "yes"
    form = bulk.form(request.POST if confirmed else None) if bulk.form else None
    code = stepup.code_form(request, seen) if bulk.with_code else None
    refused: Refused | None = None
    if confirmed and able and code is None and (form is None or form.is_valid()):
        try:
            told = bulk.act(seen, able, form.cleaned_data if form else {})
        except Refused as error:
            if stepup.NEEDED in error.decision.codes:
                raise
            refused = error
        else:
            return told if isinstance(told, HttpResponse) else _told(request, bulk, told)
    context = {"bulk": bulk, "lines": lines, "able": able, "form": form, "left_out": len(lines) - len(able)}
    context["code_form"] = code
    context["refused"] = refused.decision if refused else None
    return render(request, "bulk.html", context | bulk.more(able))


def _told(request: HttpRequest, bulk: Bulk, sentence: str) -> HttpResponse:
    messages.success(request, sentence)
    return redirect(bulk.back)
