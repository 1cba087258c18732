"""Parameters as Prometheus reads them, and refuses them: in its own words."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta

from django.http import QueryDict
from django.utils.dateparse import parse_datetime

from monitoring import promql
from monitoring.api.prometheus.complaints import complaint
from monitoring.api.prometheus.envelope import (
    ErrorType,
    PrometheusError,
    bad_parameter,
)
from monitoring.durations import milliseconds_of
from monitoring.labels import Matcher
from monitoring.moments import EPOCH
from monitoring.promql.syntax import VectorSelector

# What Go calls the first and the last time there is.
_EARLIEST = "-292273086-05-16T16:47:06Z"
_LATEST = "292277025-08-18T07:12:54.999999999Z"

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_RFC_3339 = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII
)
# Go counts durations in nanoseconds, in 64 bits.
_LONGEST_SECONDS = 2**63 / 1e9

_NO_MATCHER = "match[] must contain at least one non-empty matcher"


class Parameters:
    """The form's fields and, behind them, those of the address."""

    def __init__(self, *forms: QueryDict) -> None:
        self._forms = forms

    def text(self, name: str) -> str:
        """Return the first value, or nothing."""
        return next(iter(self.every(name)), "")

    def every(self, name: str) -> list[str]:
        return [value for form in self._forms for value in form.getlist(name)]

    def time(self, name: str) -> datetime:
        try:
            return moment(self.text(name))
        except ValueError as error:
            raise bad_parameter(name, error) from None

    def optional_time(self, name: str) -> datetime | None:
        try:
            return moment(self.text(name)) if self.text(name) else None
        except ValueError as error:
            problem = f"Invalid time value for '{name}': {error}"
            raise bad_parameter(name, problem) from None

    def duration(self, name: str) -> timedelta:
        try:
            return duration(self.text(name))
        except ValueError as error:
            raise bad_parameter(name, error) from None

    def limit(self) -> int:
        """Return how many results are wanted; 0 means all."""
        text = self.text("limit")
        if not text:
            return 0
        if not re.fullmatch(r"[+-]?\d{1,18}", text, re.ASCII):
            problem = f'strconv.Atoi: parsing "{text}": invalid syntax'
            raise bad_parameter("limit", problem)
        if int(text) < 0:
            raise bad_parameter("limit", "limit must be non-negative")
        return int(text)

    def selectors(self) -> list[tuple[Matcher, ...]]:
        """Return the matchers of each `match[]`."""
        return [_selector(text) for text in self.every("match[]")]

    def require_selectors(self) -> None:
        if not self.every("match[]"):
            problem = "no match[] parameter provided"
            raise PrometheusError(ErrorType.BAD_DATA, problem)


def moment(text: str) -> datetime:
    """Return a time given as Unix seconds, to the millisecond, or as RFC 3339.

    Raises ValueError.
    """
    if text in {_EARLIEST, _LATEST}:
        edge = datetime.min if text == _EARLIEST else datetime.max  # noqa: DTZ901 - it gets its zone
        return edge.replace(tzinfo=UTC)
    try:
        if _NUMBER.fullmatch(text):
            fraction, whole = math.modf(float(text))
            return EPOCH + timedelta(seconds=whole, milliseconds=round(fraction * 1000))
        parsed = parse_datetime(text) if _RFC_3339.fullmatch(text) else None
        if parsed is not None:
            return parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError(f'cannot parse "{text}" to a valid timestamp')


def duration(text: str) -> timedelta:
    """Return a duration given as seconds or as 1h30m. Raises ValueError."""
    if _NUMBER.fullmatch(text):
        number = float(text)
        if abs(number) > _LONGEST_SECONDS:
            raise ValueError(
                f'cannot parse "{text}" to a valid duration. It overflows int64'
            )
        return timedelta(seconds=number)
    found = milliseconds_of(text, ordered=True)
    if found is None or found > _LONGEST_SECONDS * 1000:
        raise ValueError(f'cannot parse "{text}" to a valid duration')
    return timedelta(milliseconds=found)


def _selector(text: str) -> tuple[Matcher, ...]:
    try:
        tree = promql.parse(text)
    except promql.PromQLSyntaxError as error:
        if "at least one non-empty matcher" in str(error):
            raise bad_parameter("match[]", _NO_MATCHER) from None
        raise bad_parameter("match[]", complaint(error, text)) from None
    except promql.UnsupportedError as error:
        raise bad_parameter("match[]", f"parse error: {error}") from None
    if not isinstance(tree, VectorSelector) or tree.offset_ms or tree.at:
        problem = "1:1: parse error: expected a series selector and nothing else"
        raise bad_parameter("match[]", problem)
    if all(matcher.matches_empty for matcher in tree.matchers):
        raise bad_parameter("match[]", _NO_MATCHER)
    return tree.matchers
