"""What templates ask of log lines."""

from __future__ import annotations

from django import template
from django.template.context import Context
from django.urls import reverse
from django.utils.http import urlencode

from monitoring.services.logs import LogRecord

register = template.Library()

# By so much of its text a line is found again among those of its time.
MAX_TEXT = 300


@register.filter
def ns(line: LogRecord) -> str:
    """Return a line's time as the address names it."""
    return str(line.timestamp_ns)


@register.filter
def value_of(line: LogRecord, name: str) -> str:
    """Return a label's or a field's value; empty where the line has none."""
    return line.fields.get(name, line.labels.get(name, ""))


@register.simple_tag(takes_context=True)
def context_url(context: Context, line: LogRecord) -> str:
    """Return where a line stands between those of its stream."""
    slug = context["request"].scope.organization_slug
    path = reverse("logs-context", args=[slug])
    if line.id:
        return f"{path}?{urlencode({'id': line.id})}"
    labels = {f"label.{name}": value for name, value in line.labels.items()}
    place = {"at": str(line.timestamp_ns), **labels, "text": line.line[:MAX_TEXT]}
    return f"{path}?{urlencode(place)}"
