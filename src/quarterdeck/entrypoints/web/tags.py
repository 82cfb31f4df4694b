"""Template tags of the pages: icons, status, times, countdowns, the list component's cells."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import template
from django.templatetags.static import static
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from quarterdeck.entrypoints.web import words, zones

register = template.Library()


def _zone(context: template.Context) -> ZoneInfo:
    found = context.get("zone")
    return found if isinstance(found, ZoneInfo) else ZoneInfo("UTC")


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """Return the icon `name` of the sprite; hidden from screen readers unless it has a label of its own."""
    about = format_html('role="img" aria-label="{}"', label) if label else SafeString('aria-hidden="true"')
    return format_html('<svg class="i" {}><use href="{}#{}"></use></svg>', about, static("built/icons.svg"), name)


@register.simple_tag
def status(code: str, word: str = "", *, bare: bool = False) -> SafeString:
    """Return a status: icon, word and tone of `code`; `word` replaces the usual word."""
    look = words.status(str(code))
    return format_html(
        '<span class="st tone-{}{}">{}{}</span>', look.tone, " bare" if bare else "", icon(look.icon), word or look.word
    )


@register.simple_tag(takes_context=True)
def when(context: template.Context, moment: datetime | None, style: str = "moment", empty: str = "–") -> SafeString:
    """Return a <time> in the person's zone with UTC on hover."""
    if moment is None:
        return format_html('<span class="soft">{}</span>', empty)
    return _time(moment, style, _zone(context))


@register.simple_tag(takes_context=True)
def countdown(
    context: template.Context, moment: datetime, before: str = "", after: str = "", done: str = "now"
) -> SafeString:
    """Return a countdown to `moment`, written by the server and kept running in the browser."""
    now = context["now"]
    said = f"{before}{zones.spoken(moment - now)}{after}" if moment > now else done
    return format_html(
        '<span class="countdown" role="timer" data-countdown="{}" data-before="{}" data-after="{}" '
        'data-done="{}">{}</span>',
        moment.isoformat(),
        before,
        after,
        done,
        said,
    )


@register.simple_tag(takes_context=True)
def ago(context: template.Context, moment: datetime | None, empty: str = "never") -> SafeString:
    """Return `3 h 4 min ago` or `in 2 d`, with UTC on hover."""
    if moment is None:
        return format_html('<span class="soft">{}</span>', empty)
    return format_html(
        '<span class="nowrap num" title="{}">{}</span>', zones.in_utc(moment), zones.distance(moment, context["now"])
    )


@register.simple_tag(takes_context=True)
def elapsed(context: template.Context, since: datetime) -> SafeString:
    """Return how long something has run, written by the server and kept running in the browser."""
    said = zones.spoken(context["now"] - since)
    return format_html('<span class="num" data-countup="{}">{}</span>', since.isoformat(), said)


@register.filter
def local(text: object, zone: object) -> SafeString:
    """Return a sentence with the UTC times in it as times of the person's zone, UTC on hover."""
    here = zone if isinstance(zone, ZoneInfo) else ZoneInfo("UTC")
    return format_html_join(
        "", "{}",
        ((_time(moment, style, here) if moment is not None else said,) for said, moment, style in
         zones.moments_in(str(text))),
    )  # fmt: skip


def _time(moment: datetime, style: str, zone: ZoneInfo) -> SafeString:
    return format_html(
        '<time class="nowrap num" datetime="{}" title="{}" data-style="{}">{}</time>',
        moment.isoformat(),
        zones.in_utc(moment),
        style,
        zones.shown(moment, zone, style),
    )


@register.filter
def tone(code: str) -> str:
    """Return the tone of a status code."""
    return words.status(str(code)).tone


@register.filter
def initials(name: object) -> str:
    """Return the first letters of a person's first and last name."""
    parts = str(name).split()
    return "".join(part[0] for part in (parts[:1] + parts[-1:] if len(parts) > 1 else parts)).upper()


@register.filter
def hold_look(hold: Any) -> str:  # noqa: ANN401  a HoldPointView, or the like in another app's page
    """Return `unknown` for a hold point that only waits for something not captured yet, else its state."""
    if hold.state == "failed" and hold.codes and all(code.endswith(".missing") for code in hold.codes):
        return "unknown"
    return "na" if hold.state == "not_applicable" else str(hold.state)


@register.filter
def act_icon(event: str) -> str:
    """Return the icon of a ledger event."""
    return words.act_icon(event)


@register.filter
def act_words(event: str) -> str:
    """Return a ledger event in words."""
    return words.act_words(event)


@register.filter
def called(code: object) -> str:
    """Return a code of the domain as people say it."""
    return words.called(str(code))


@register.filter
def spaced(text: object) -> str:
    """Return a code with its underscores as spaces."""
    return str(text).replace("_", " ")


@register.filter
def short(text: object, length: int = 12) -> str:
    """Return the first characters of a hash."""
    return str(text)[:length]


@register.filter
def at(mapping: Any, key: Any) -> Any:  # noqa: ANN401  templates index whatever they were given
    """Return `mapping[key]`, or an empty text."""
    try:
        return mapping[key]
    except (KeyError, IndexError, TypeError):
        return ""


@register.filter
def bytes_words(size: int | None) -> str:
    """Return a size in bytes, kB, MB or GB."""
    if size is None:
        return "–"
    amount, unit = float(size), "bytes"
    for unit in ("bytes", "kB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            break
        amount /= 1000
    return f"{amount:.0f} {unit}" if unit == "bytes" or amount >= 100 else f"{amount:.1f} {unit}"


@register.filter
def wrong_fields(form: Any) -> list[str]:  # noqa: ANN401  a Django form
    """Return the labels of the fields that something is wrong with."""
    return [str(bound.label) for bound in form if bound.errors]


@register.inclusion_tag("parts/field.html")
def field(bound: Any, autofocus: bool = False) -> dict[str, Any]:  # noqa: ANN401  a Django BoundField, which has no useful type
    """Render one form field: label, control, hint, error that names the field."""
    control = bound.field.widget
    several = getattr(control, "allow_multiple_selected", False)
    kind = "several" if several else getattr(control, "input_type", type(control).__name__.lower())
    css = {"select": "form-select", "checkbox": "form-check-input", "file": "form-control"}.get(kind, "form-control")
    described = [f"{bound.id_for_label}_hint"] if bound.help_text else []
    if bound.errors:
        described.append(f"{bound.id_for_label}_wrong")
    attributes = {"class": f"{css} is-invalid" if bound.errors else css}
    if bound.errors:
        attributes["aria-invalid"] = "true"
    if described:
        attributes["aria-describedby"] = " ".join(described)
    if autofocus and not bound.form.errors:
        attributes["autofocus"] = "autofocus"
    grouped = kind in {"radio", "several"}
    return {
        "bound": bound,
        # What a form says of its fields beyond Django's own: a mapping by the field's name.
        "needed": getattr(bound.form, "needed", {}).get(bound.name, ""),
        "first": getattr(bound.form, "first", {}).get(bound.name),
        "kind": kind,
        "control": bound if grouped else bound.as_widget(attrs=attributes),
        "wrong": [
            "Please fill this in." if one.code == "required" else " ".join(map(str, one.messages))
            for one in bound.errors.as_data()
        ],
    }
