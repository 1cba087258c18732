"""Query parameters of the telemetry endpoints: parsed once, refused precisely."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from django.utils.dateparse import parse_datetime
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError

from monitoring.durations import InvalidDurationError, parse_duration
from monitoring.labels import InvalidMatcherError, Matcher, MatchOp

# What a range may be divided into.
MAX_POINTS = 11_000

TIME = [
    OpenApiParameter("start", str, description="RFC 3339 or Unix seconds."),
    OpenApiParameter(
        "end", str, description="RFC 3339 or Unix seconds; now by default."
    ),
    OpenApiParameter(
        "range", str, description="Instead of start: a duration such as 1h."
    ),
]

_MATCHER = re.compile(
    r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"\s*'
)


def refuse_unknown(query: Mapping[str, str], known: set[str]) -> None:
    unknown = sorted(set(query) - known)
    if unknown:
        raise ValidationError(
            {
                name: [f"Unknown parameter; known: {', '.join(sorted(known))}."]
                for name in unknown
            }
        )


def duration(text: str, name: str) -> timedelta:
    """Return a duration such as 90s, 1h30m or 15 (seconds)."""
    try:
        return parse_duration(text)
    except InvalidDurationError as error:
        raise ValidationError({name: [str(error)]}) from None


def moment(text: str, name: str) -> datetime:
    """Return a moment given as RFC 3339 or as Unix seconds."""
    try:
        if re.fullmatch(r"-?\d+(\.\d+)?", text):
            return datetime.fromtimestamp(float(text), UTC)
        parsed = parse_datetime(text.replace(" ", "+"))
    except (ValueError, OverflowError, OSError):
        parsed = None
    if parsed is None:
        raise ValidationError(
            {name: ["Use RFC 3339, as 2026-01-31T08:00:00Z, or Unix seconds."]}
        )
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def time_range(
    query: Mapping[str, str], *, now: datetime, default: timedelta
) -> tuple[datetime, datetime]:
    """Return [start, end) from `start` and `end`, or from `range` before now."""
    end = moment(query["end"], "end") if query.get("end") else now
    if query.get("start"):
        start = moment(query["start"], "start")
    else:
        span = duration(query["range"], "range") if query.get("range") else default
        start = end - span
    if start >= end:
        raise ValidationError({"start": ["start must lie before end."]})
    return start, end


def whole_number(
    query: Mapping[str, str], name: str, *, default: int, least: int, most: int
) -> int:
    text = query.get(name, "")
    if not text:
        return default
    if not re.fullmatch(r"\d{1,12}", text) or not least <= int(text) <= most:
        raise ValidationError({name: [f"Use a whole number from {least} to {most}."]})
    return int(text)


def matchers(text: str, name: str = "match") -> tuple[Matcher, ...]:
    """Return the matchers of a selector such as {job="web", env!~"dev|test"}."""
    body = text.strip()
    if body.startswith("{") and body.endswith("}"):
        body = body[1:-1]
    found: list[Matcher] = []
    place = 0
    while place < len(body.rstrip().rstrip(",")):
        part = _MATCHER.match(body, place)
        if part is None:
            raise ValidationError(
                {
                    name: [
                        f'Cannot read {body[place : place + 40]!r}: use {{label="value", …}}.'
                    ]
                }
            )
        found.append(_matcher(part, name))
        place = part.end() + (body[part.end() : part.end() + 1] == ",")
    return tuple(found)


def _matcher(part: re.Match[str], name: str) -> Matcher:
    label, operator, value = part.groups()
    try:
        return Matcher(label, MatchOp(operator), re.sub(r"\\(.)", r"\1", value))
    except InvalidMatcherError as error:
        raise ValidationError({name: [str(error)]}) from None
