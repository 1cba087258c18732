"""Template tags and filters: the small pieces that all pages are made of.

The shapes and class names are those of static/css/components.css.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any

from django import forms, template
from django.forms.boundfield import BoundField
from django.template.context import Context
from django.urls import resolve, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from monitoring.templatetags import clocks, figures, pieces, shapes

register = template.Library()

THEME_COOKIE = "theme"

# Pages that belong to another section of the frame.
_PART_OF = {"format": "sources", "formats": "sources"}

register.filter("number", figures.number)
register.filter("size", figures.size)
register.filter("percent", figures.percent)
register.filter("seconds", figures.seconds)
register.filter("in_unit", figures.in_unit)
register.filter("status", pieces.status)
register.filter("fullness", pieces.fullness)
register.filter("initials", pieces.initials)
register.filter("label_line", pieces.label_line)

register.simple_tag(pieces.icon_sprite)
register.simple_tag(pieces.icon)
register.simple_tag(pieces.sev)
register.simple_tag(pieces.state)
register.simple_tag(pieces.say)
register.simple_tag(pieces.person)
register.simple_tag(pieces.label_list)
register.simple_tag(clocks.lasted)
register.simple_tag(clocks.ago, takes_context=True)
register.simple_tag(clocks.since, takes_context=True)
register.simple_tag(clocks.clock, takes_context=True)
register.simple_tag(clocks.log_clock, takes_context=True)
register.simple_tag(clocks.zone_name, takes_context=True)


@register.filter
def items(mapping: Mapping[str, Any] | None) -> list[tuple[str, Any]]:
    """Return a mapping's pairs, also where it has a key named `items`."""
    return sorted((mapping or {}).items())


# --- Figures and drawings ------------------------------------------------------------


@register.simple_tag
def figure(value: float | None, unit: str = "") -> SafeString:
    """Return a value with its unit set small, for a key figure."""
    amount, letters = figures.split_unit(figures.in_unit(value, unit))
    small = format_html("<small>{}</small>", letters) if letters else ""
    return format_html("{}{}", amount, small)


@register.simple_tag
def spark(
    values: Sequence[float | None], word: str = "", height: int = 24, key: str = ""
) -> SafeString:
    """Return a sparkline; grey unless its status is bad."""
    path = shapes.spark(values, height=height)
    looks = pieces.status(word) if word else ""
    return format_html(
        '<svg class="spark"{}{} viewBox="0 0 100 {}" preserveAspectRatio="none" '
        'aria-hidden="true"><path class="ar" d="{}"/><path d="{}"/></svg>',
        format_html(' data-status="{}"', looks)
        if looks in {"warning", "critical"}
        else "",
        format_html(' data-spark="{}"', key) if key else "",
        height,
        path.area,
        path.line,
    )


@register.simple_tag
def meter(share: float | None, word: str = "") -> SafeString:
    """Return a bar that is `share` percent full, with ticks at 80 and 90."""
    filled = min(100.0, max(0.0, share or 0.0))
    return format_html(
        '<svg class="bar" aria-hidden="true"><rect class="bed" width="100%" height="8" '
        'rx="1"/><rect class="fill" data-status="{}" width="{}%" height="8" rx="1"/>'
        '<rect class="tick" x="80%" width="1" height="8"/>'
        '<rect class="tick" x="90%" width="1" height="8"/></svg>',
        word or pieces.fullness(share),
        f"{filled:.1f}",
    )


@register.simple_tag
def plain_bar(share: float, height: int = 8) -> SafeString:
    """Return a bar without a status, for shares and counts."""
    return format_html(
        '<svg class="bar" height="{0}" aria-hidden="true"><rect class="bed" width="100%" '
        'height="{0}"/><rect class="fill" data-status="plain" width="{1}%" '
        'height="{0}"/></svg>',
        height,
        f"{min(100.0, max(0.0, share)):.0f}",
    )


@register.simple_tag
def watch(statuses: Sequence[str], label: str, description: str = "") -> SafeString:
    """Return the watch: one tick a slot of time, oldest first, its height the severity."""
    ticks = format_html_join(
        "",
        '<rect x="{}" y="{}" width="{}" height="{}"{}/>',
        (
            (
                bar.x,
                bar.y,
                bar.width,
                bar.height,
                format_html(' data-status="{}"', bar.status) if bar.status else "",
            )
            for bar in shapes.watch(statuses)
        ),
    )
    return format_html(
        '<div class="watch"><span aria-hidden="true">{}</span>'
        '<svg role="img" aria-label="{}">{}</svg></div>',
        label,
        description or f"Worst status, {label.lower()}.",
        ticks,
    )


# --- Pages of other apps ---------------------------------------------------------------


@register.simple_tag(takes_context=True)
def fragment(context: Context, name: str, **kwargs: Any) -> SafeString:
    """Return the fragment of another app, found by its URL's name.

    The organization is that of the page. The same address refreshes the fragment
    later through HTMX.
    """
    # A page that answers a POST, as a form with errors does, shows its fragments too.
    request = copy(context["request"])
    request.method = "GET"
    scope = request.scope
    path = reverse(
        name, kwargs={"organization_slug": scope.organization_slug, **kwargs}
    )
    match = resolve(path)
    response = match.func(request, *match.args, **match.kwargs)
    return SafeString(response.content.decode())


# --- The page itself ---------------------------------------------------------------------


@register.simple_tag(takes_context=True)
def theme(context: Context) -> SafeString:
    """Return the attribute of `<html>` for a theme that the reader has chosen."""
    request = context.get("request")
    chosen = request.COOKIES.get(THEME_COOKIE) if request is not None else None
    if chosen not in {"dark", "light"}:
        return SafeString("")
    return format_html(' data-theme="{}"', chosen)


@register.simple_tag(takes_context=True)
def live_after(context: Context) -> str:
    """Return the place in the live streams from which this page's script goes on.

    A view that shows what is also streamed takes the place before it reads.
    """
    return str(context.get("live_after") or place_in_live_streams())


def place_in_live_streams() -> str:
    return f"{int(timezone.now().timestamp() * 1000)}-0"


@register.simple_tag(takes_context=True)
def current(context: Context, section: str) -> SafeString:
    """Return aria-current for the section that the page belongs to."""
    match = getattr(context.get("request"), "resolver_match", None)
    first = (getattr(match, "url_name", None) or "").split("-")[0]
    is_current = section in {first, f"{first}s", _PART_OF.get(first)}
    return SafeString(' aria-current="page"' if is_current else "")


# --- Forms ----------------------------------------------------------------------------------


@register.simple_tag
def widget(field: BoundField, extra: str = "", **attributes: Any) -> SafeString:
    """Return a field's control in our classes, tied to its error and help."""
    described = [f"{field.auto_id}-e"] if field.errors else []
    if field.help_text:
        described.append(f"{field.auto_id}-h")
    attrs: dict[str, Any] = {
        name.replace("_", "-"): value for name, value in attributes.items()
    }
    if words := f"{_control_class(field)} {extra}".strip():
        attrs["class"] = words
    if field.errors:
        attrs["aria-invalid"] = "true"
    if described:
        attrs["aria-describedby"] = " ".join(described)
    return field.as_widget(attrs=attrs)


def _control_class(field: BoundField) -> str:
    control = field.field.widget
    if isinstance(control, forms.CheckboxInput | forms.RadioSelect):
        return ""
    if isinstance(control, forms.Select):
        return "select"
    return "textarea" if isinstance(control, forms.Textarea) else "input"


@register.filter
def is_check(field: BoundField) -> bool:
    return isinstance(field.field.widget, forms.CheckboxInput)


# --- Text ------------------------------------------------------------------------------------


@register.filter
def words(text: str) -> list[str]:
    return text.split()


@register.filter
def marked(line: str, sought: str) -> SafeString:
    """Return a log line with every place marked where the sought words stand."""
    if not sought:
        return format_html("{}", line)
    parts = re.split(f"({re.escape(sought)})", line, flags=re.IGNORECASE)
    return format_html_join(
        "",
        "{}",
        (
            (format_html("<mark>{}</mark>", part) if index % 2 else part,)
            for index, part in enumerate(parts)
        ),
    )
