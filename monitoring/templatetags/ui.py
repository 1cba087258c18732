"""Template tags and filters: the small pieces that all pages are made of.

The shapes and class names are those of static/css/components.css.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from copy import copy
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django import forms, template
from django.conf import settings
from django.forms.boundfield import BoundField
from django.http import HttpRequest
from django.template.context import Context
from django.urls import resolve, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from monitoring.templatetags import figures, shapes

register = template.Library()

ZONE_COOKIE, THEME_COOKIE = "zone", "theme"

STATUSES = frozenset(shapes.WATCH_HEIGHTS)
# What models call things, and which of the six statuses that looks like.
_LOOKS_LIKE = {
    "error": "critical",
    "fatal": "critical",
    "resolved": "ok",
    "healthy": "ok",
    "quiet": "warning",
    "waiting": "unknown",
    "disabled": "maintenance",
    "pending": "unknown",
    "dead": "critical",
    "delivered": "ok",
}
# Pages that belong to another section of the frame.
_PART_OF = {"format": "sources", "formats": "sources"}
_WORDS = {"ok": "Healthy", "unknown": "No data"}
WARNING_FROM, CRITICAL_FROM = 80, 90

register.filter("number", figures.number)
register.filter("size", figures.size)
register.filter("percent", figures.percent)
register.filter("seconds", figures.seconds)
register.filter("in_unit", figures.in_unit)


@register.filter
def status(word: str) -> str:
    """Return which of the six statuses a severity or state looks like."""
    word = str(word).lower()
    return word if word in STATUSES else _LOOKS_LIKE.get(word, "unknown")


@register.filter
def fullness(share: float | None) -> str:
    """Return the status of something `share` percent full."""
    if share is None:
        return "unknown"
    if share >= CRITICAL_FROM:
        return "critical"
    return "warning" if share >= WARNING_FROM else "ok"


@register.filter
def items(mapping: Mapping[str, Any] | None) -> list[tuple[str, Any]]:
    """Return a mapping's pairs, also where it has a key named `items`."""
    return sorted((mapping or {}).items())


@register.filter
def initials(name: object) -> str:
    words = re.split(r"[\s@._-]+", str(name))
    return "".join(word[0] for word in words[:2] if word).upper()


# --- Icons and statuses ----------------------------------------------------------


@register.simple_tag
def icon_sprite() -> SafeString:
    """Return all icons as one invisible drawing, for `<use href="#i-…">`."""
    return _sprite()


@cache
def _sprite() -> SafeString:
    drawing = (settings.BASE_DIR / "static/icons.svg").read_text()
    drawing = re.sub(r"<!--.*?-->|\n\s*", "", drawing, flags=re.DOTALL)
    hidden = '<svg width="0" height="0" class="hide" aria-hidden="true">'
    return mark_safe(re.sub(r"<svg[^>]*>", hidden, drawing, count=1))  # noqa: S308 - our own file


@register.simple_tag
def icon(name: str, extra: str = "") -> SafeString:
    """Return an icon, for beside a word; `extra` is i-s or i-l."""
    return format_html(
        '<svg class="{}" aria-hidden="true"><use href="#i-{}"/></svg>',
        f"i {extra}".strip(),
        name,
    )


@register.simple_tag
def sev(word: str, label: str = "") -> SafeString:
    """Return the shape of a status; with a label where no word stands beside it."""
    looks = status(word)
    if not label:
        return format_html(
            '<svg class="sev" data-status="{0}" aria-hidden="true">'
            '<use href="#s-{0}"/></svg>',
            looks,
        )
    return format_html(
        '<svg class="sev" data-status="{0}" role="img" aria-label="{1}">'
        '<use href="#s-{0}"/></svg>',
        looks,
        label,
    )


def _word(word: str) -> str:
    return _WORDS.get(word, word.capitalize())


@register.simple_tag
def state(word: str, text: str = "") -> SafeString:
    """Return shape and word of a status, for a table's cell."""
    shown = text or _word(word)
    return format_html('<span class="status">{}{}</span>', sev(word), shown)


@register.simple_tag
def say(word: str, text: str) -> SafeString:
    """Return the part of a conclusion that carries a status."""
    return format_html(
        '<span class="say" data-status="{}">{}{}</span>', status(word), sev(word), text
    )


@register.simple_tag
def person(name: object) -> SafeString:
    """Return who has something, with initials; nobody yet without a name."""
    if not name:
        return mark_safe('<span class="muted">Nobody yet</span>')
    return format_html(
        '<span class="status"><span class="avatar" aria-hidden="true">{}</span>{}</span>',
        initials(name),
        str(name),
    )


@register.simple_tag
def label_list(labels: Mapping[str, Any] | None) -> SafeString:
    """Return labels as `name=value` tags."""
    return format_html_join(
        "", '<span class="label">{}={}</span>', sorted((labels or {}).items())
    )


@register.filter
def label_line(labels: Mapping[str, Any] | None) -> str:
    """Return labels in one line of text."""
    return " · ".join(f"{k}={v}" for k, v in sorted((labels or {}).items()))


# --- Time --------------------------------------------------------------------------


def zone_of(context: Context) -> ZoneInfo:
    request = context.get("request")
    return ZoneInfo("UTC") if request is None else zone_of_request(request)


def zone_of_request(request: HttpRequest) -> ZoneInfo:
    """Return the reader's time zone, which a script has put into a cookie."""
    name = unquote(request.COOKIES.get(ZONE_COOKIE, "UTC"))
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def _time(context: Context, moment: datetime, kind: str, text: str) -> SafeString:
    full = moment.astimezone(zone_of(context))
    return format_html(
        '<time datetime="{}" data-{} title="{}">{}</time>',
        moment.isoformat(),
        kind,
        f"{full:%a %d %b %Y %H:%M:%S %Z}",
        text,
    )


@register.simple_tag(takes_context=True)
def ago(context: Context, moment: datetime | None) -> SafeString:
    """Return "13 min ago", which a script keeps true."""
    if moment is None:
        return mark_safe('<span class="muted">never</span>')
    return _time(context, moment, "ago", figures.ago(moment, now=timezone.now()))


@register.simple_tag(takes_context=True)
def since(context: Context, moment: datetime | None) -> SafeString:
    """Return "13 min", how long something has lasted; a script keeps it true."""
    if moment is None:
        return SafeString(figures.NONE)
    return _time(context, moment, "since", figures.span(timezone.now() - moment))


@register.simple_tag
def lasted(start: datetime | None, end: datetime | None) -> str:
    """Return how long something took that is over."""
    return figures.NONE if start is None or end is None else figures.span(end - start)


@register.simple_tag(takes_context=True)
def clock(context: Context, moment: datetime | None, form: str = "%H:%M") -> SafeString:
    """Return the time of day in the reader's zone, with the day where it is not today."""
    if moment is None:
        return SafeString(figures.NONE)
    zone = zone_of(context)
    local = moment.astimezone(zone)
    is_today = local.date() == timezone.now().astimezone(zone).date()
    day = "" if is_today else f"{local:%d %b} "
    return _time(context, moment, "clock", f"{day}{local.strftime(form)}")


@register.simple_tag(takes_context=True)
def log_clock(context: Context, timestamp_ns: int) -> SafeString:
    """Return a log line's time of day to the millisecond."""
    moment = datetime.fromtimestamp(
        timestamp_ns // 1_000_000 / 1000, tz=zone_of(context)
    )
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        moment.isoformat(timespec="milliseconds"),
        f"{moment:%a %d %b %Y %Z}",
        f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03d}",
    )


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
    looks = status(word) if word else ""
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
        word or fullness(share),
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
def zone_name(context: Context) -> str:
    """Return the reader's zone as it is written beside the clock: UTC, CET, UTC+5:30."""
    name = timezone.now().astimezone(zone_of(context)).tzname() or "UTC"
    return f"UTC{name}" if name[0] in "+-" else name


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
