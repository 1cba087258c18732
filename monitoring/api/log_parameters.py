"""What endpoints about lines are asked with: which lines, of when, and how many."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.http import QueryDict
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError

from monitoring.api.parameters import TIME, matchers, time_range, whole_number
from monitoring.labels import Matcher, MatchOp
from monitoring.services.logs import LogQuery
from monitoring.telemetry import LEVEL_WORDS, Level, nanoseconds

MAX_LINES = 5000
ALL_KEPT = timedelta(days=400)

LOG_FILTERS = [
    *TIME,
    OpenApiParameter("source", str, description="Name of a source."),
    OpenApiParameter("match", str, description='Stream labels, as {env="prod"}.'),
    OpenApiParameter("contains", str, description="Text that the line contains."),
    OpenApiParameter(
        "level", str, description=f"Comma-separated, of {', '.join(LEVEL_WORDS)}."
    ),
]
LOG_PARAMETERS = {"source", "match", "start", "end", "range", "contains", "level"}


def log_query(
    query: Any, *, now: datetime, default: timedelta = timedelta(hours=1)
) -> LogQuery:
    """Return what the parameters ask for. Raises ValidationError."""
    start, end = time_range(query, now=now, default=default)
    direction: Any = query.get("direction") or "backward"
    if direction not in {"backward", "forward"}:
        raise ValidationError({"direction": ["Use backward or forward."]})
    wanted = matchers(query.get("match", ""))
    if query.get("source"):
        wanted = (*wanted, Matcher("source", MatchOp.EQUAL, query["source"]))
    return LogQuery(
        matchers=wanted,
        start_ns=nanoseconds(start),
        end_ns=nanoseconds(end),
        contains=query.get("contains", ""),
        levels=_levels(query.get("level", "")),
        limit=whole_number(query, "limit", default=100, least=1, most=MAX_LINES),
        direction=direction,
        after=cursor_of(query.get("cursor", "")),
    )


def cursor_of(text: str) -> str | None:
    """Return the cursor, which may come as the whole address that holds it."""
    if "?" in text:
        text = QueryDict(text.partition("?")[2]).get("cursor", "")
    return text or None


def _levels(text: str) -> frozenset[Level]:
    try:
        return frozenset(
            Level.from_word(w.strip().lower()) for w in text.split(",") if w.strip()
        ) or frozenset(Level)
    except ValueError as error:
        raise ValidationError({"level": [f"{error}."]}) from None
