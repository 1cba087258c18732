"""What pages show of a status, a person or labels: shapes with words beside them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from django.conf import settings
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from monitoring.templatetags import shapes

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
_WORDS = {"ok": "Healthy", "unknown": "No data"}
WARNING_FROM, CRITICAL_FROM = 80, 90


def status(word: str) -> str:
    """Return which of the six statuses a severity or state looks like."""
    word = str(word).lower()
    return word if word in STATUSES else _LOOKS_LIKE.get(word, "unknown")


def fullness(share: float | None) -> str:
    """Return the status of something `share` percent full."""
    if share is None:
        return "unknown"
    if share >= CRITICAL_FROM:
        return "critical"
    return "warning" if share >= WARNING_FROM else "ok"


def icon_sprite() -> SafeString:
    """Return all icons as one invisible drawing, for `<use href="#i-…">`."""
    return _sprite()


@cache
def _sprite() -> SafeString:
    drawing = (settings.BASE_DIR / "static/icons.svg").read_text()
    drawing = re.sub(r"<!--.*?-->|\n\s*", "", drawing, flags=re.DOTALL)
    hidden = '<svg width="0" height="0" class="hide" aria-hidden="true">'
    return mark_safe(re.sub(r"<svg[^>]*>", hidden, drawing, count=1))  # noqa: S308 - our own file


def icon(name: str, extra: str = "") -> SafeString:
    """Return an icon, for beside a word; `extra` is i-s or i-l."""
    return format_html(
        '<svg class="{}" aria-hidden="true"><use href="#i-{}"/></svg>',
        f"i {extra}".strip(),
        name,
    )


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


def state(word: str, text: str = "") -> SafeString:
    """Return shape and word of a status, for a table's cell."""
    shown = text or _word(word)
    return format_html('<span class="status">{}{}</span>', sev(word), shown)


def say(word: str, text: str) -> SafeString:
    """Return the part of a conclusion that carries a status."""
    return format_html(
        '<span class="say" data-status="{}">{}{}</span>', status(word), sev(word), text
    )


def initials(name: object) -> str:
    words = re.split(r"[\s@._-]+", str(name))
    return "".join(word[0] for word in words[:2] if word).upper()


def person(name: object) -> SafeString:
    """Return who has something, with initials; nobody yet without a name."""
    if not name:
        return mark_safe('<span class="muted">Nobody yet</span>')
    return format_html(
        '<span class="status"><span class="avatar" aria-hidden="true">{}</span>{}</span>',
        initials(name),
        str(name),
    )


def label_list(labels: Mapping[str, Any] | None) -> SafeString:
    """Return labels as `name=value` tags."""
    return format_html_join(
        "", '<span class="label">{}={}</span>', sorted((labels or {}).items())
    )


def label_line(labels: Mapping[str, Any] | None) -> str:
    """Return labels in one line of text."""
    return " · ".join(f"{k}={v}" for k, v in sorted((labels or {}).items()))
