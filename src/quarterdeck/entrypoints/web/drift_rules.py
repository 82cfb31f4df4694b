"""The rules of drift: what is noise, expected or forbidden; the file in force, its versions, a form for the next."""

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from quarterdeck.baselines import api as baselines
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.pages import Visitor, page, posted
from quarterdeck.entrypoints.web.people_in import CLOCK
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel.api import Role
from quarterdeck.workflows import keep_drift_rules


class RulesForm(forms.Form):
    """The whole file, and why it changes."""

    text = forms.CharField(label="Rules (TOML)", max_length=64_000, widget=forms.Textarea(attrs={"rows": 24}))
    reason = forms.CharField(label="Reason", max_length=2000)


@page()
def drift_rules(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """The rules in force; the IT lead may adopt others."""
    history, names = baselines.rules_history(), Names()
    may = seen.has(Role.IT_LEAD)
    form, refused = RulesForm(posted(request), initial={"text": history[0].text}), None
    if request.method == "POST" and may and form.is_valid():
        try:
            text = form.cleaned_data["text"].replace("\r\n", "\n")
            keep_drift_rules.adopt(seen.actor, CLOCK, text, reason=form.cleaned_data["reason"])
            messages.success(request, "Adopted. Comparisons from now on use these rules.")
            return redirect("drift_rules")
        except Refused as error:
            refused = error.decision
    book = baselines.check_rules(history[0].text)
    context = {
        "form": form if may else None,
        "refused": refused,
        "rules": book.rules,
        "versions": [
            {"version": one.version, "at": one.at, "by": names.person(one.by) if one.by else "", "sha256": one.sha256}
            for one in history
        ],
    }
    return render(request, "registers/drift_rules.html", context)
