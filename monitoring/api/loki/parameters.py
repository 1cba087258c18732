"""Parameters as Loki reads them, and refuses them: in its own words."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from monitoring.api.loki.envelope import bad_request
from monitoring.api.prometheus.parameters import Parameters, duration
from monitoring.durations import milliseconds_of
from monitoring.labels import Matcher
from monitoring.logql import Direction, LogQLSyntaxError, LogQuery, parse
from monitoring.services.logql_queries import MAX_STEPS
from monitoring.telemetry import nanoseconds

SECOND = 10**9

# Unix seconds have at most so many digits; a longer number counts nanoseconds.
_MOST_DIGITS_OF_SECONDS = 10
_MAX_NS = 2**63 - 1

_INTEGER = re.compile(r"[+-]?\d{1,19}", re.ASCII)
_FLOAT = re.compile(r"[+-]?(\d{1,15}\.\d*|\.\d+)", re.ASCII)
_RFC_3339 = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,18}))?(Z|[+-]\d\d:\d\d)", re.ASCII
)

END_BEFORE_START = "end timestamp must not be before or equal to start time"
NO_STEP = (
    "zero or negative query resolution step widths are not accepted. "
    "Try a positive integer"
)
STEP_TOO_SMALL = (
    "exceeded maximum resolution of 11,000 points per time series. "
    "Try increasing the value of the step parameter"
)


@dataclass(frozen=True, slots=True)
class Bounds:
    """start <= ts < end, in nanoseconds since the epoch."""

    start_ns: int
    end_ns: int


def moment_ns(text: str) -> int:
    """Return a time given in seconds, nanoseconds or RFC 3339. Raises ValueError."""
    if _FLOAT.fullmatch(text):
        fraction, whole = math.modf(float(text))
        return _bounded(int(whole) * SECOND + round(fraction * 1000) * 10**6)
    if _INTEGER.fullmatch(text):
        seconds = len(text) <= _MOST_DIGITS_OF_SECONDS
        return _bounded(int(text) * (SECOND if seconds else 1))
    found = _RFC_3339.fullmatch(text)
    if found is None:
        raise ValueError(f'cannot parse "{text}" to a valid timestamp')
    try:
        at = datetime.fromisoformat(found[1] + found[3].replace("Z", "+00:00"))
        whole_ns = nanoseconds(at.astimezone(UTC))
    except (ValueError, OverflowError):
        raise ValueError(f'cannot parse "{text}" to a valid timestamp') from None
    return _bounded(whole_ns + int((found[2] or "").ljust(9, "0")[:9]))


def _bounded(ns: int) -> int:
    return max(-_MAX_NS, min(ns, _MAX_NS))


def bounds(
    parameters: Parameters, now: datetime, *, since: timedelta = timedelta(hours=1)
) -> Bounds:
    """Return the range that is asked for; it reaches from `since` before its end.

    Where the end lies in the future, the start is counted from now.
    """
    text = parameters.text("since")
    if text:
        ms = milliseconds_of(text, ordered=True)
        if ms is None:
            problem = f'not a valid duration string: "{text}"'
            raise bad_request(f"could not parse 'since' parameter: {problem}")
        since = timedelta(milliseconds=ms)
    now_ns = nanoseconds(now)
    end = _moment(parameters, "end", now_ns)
    start = _moment(parameters, "start", min(end, now_ns) - nanoseconds_in(since))
    return Bounds(start, end)


def query_bounds(parameters: Parameters, now: datetime) -> Bounds:
    """Return the range of a query, which must not be empty."""
    found = bounds(parameters, now)
    if found.end_ns <= found.start_ns:
        raise bad_request(END_BEFORE_START)
    return found


def instant_ns(parameters: Parameters, now: datetime) -> int:
    return _moment(parameters, "time", nanoseconds(now))


def step_ns(parameters: Parameters, range_: Bounds) -> int:
    """Return the step; by default a 250th of the range, in whole seconds."""
    width = range_.end_ns - range_.start_ns
    usual = max(1, width // SECOND // 250) * SECOND
    step = _duration_ns(parameters, "step", usual)
    if step <= 0:
        raise bad_request(NO_STEP)
    if width // step > MAX_STEPS:
        raise bad_request(STEP_TOO_SMALL)
    return step


def interval_ns(parameters: Parameters) -> int:
    """Return how far apart entries of a stream must be at least; 0 takes all."""
    interval = _duration_ns(parameters, "interval", 0)
    if interval < 0:
        raise bad_request("interval must be >= 0")
    return interval


def limit(parameters: Parameters, *, name: str = "limit", usual: int = 100) -> int:
    text = parameters.text(name)
    if not text:
        return usual
    if not re.fullmatch(r"[+-]?\d{1,18}", text, re.ASCII):
        raise bad_request(f'strconv.Atoi: parsing "{text}": invalid syntax')
    if int(text) <= 0:
        raise bad_request(f"{name} must be a positive value")
    return int(text)


def direction(parameters: Parameters) -> Direction:
    text = parameters.text("direction") or Direction.BACKWARD
    try:
        return Direction(text.lower())
    except ValueError:
        raise bad_request(f"invalid direction '{text}'") from None


def matchers(text: str) -> tuple[Matcher, ...]:
    """Return the matchers of a selector without stages; of nothing, none.

    Raises LogQLError.
    """
    if not text or text.replace(" ", "") == "{}":
        return ()
    query = parse(text)
    if not isinstance(query, LogQuery) or query.stages:
        raise LogQLSyntaxError("only label matchers are supported", line=1, column=1)
    return query.matchers


def selectors(parameters: Parameters, *names: str) -> list[tuple[Matcher, ...]]:
    found = [matchers(text) for name in names for text in parameters.every(name)]
    return [one for one in found if one]


def nanoseconds_in(span: timedelta) -> int:
    return span // timedelta(microseconds=1) * 1000


def _moment(parameters: Parameters, name: str, usual: int) -> int:
    text = parameters.text(name)
    try:
        return moment_ns(text) if text else usual
    except ValueError as error:
        raise bad_request(f"could not parse '{name}' parameter: {error}") from None


def _duration_ns(parameters: Parameters, name: str, usual: int) -> int:
    text = parameters.text(name)
    try:
        return nanoseconds_in(duration(text)) if text else usual
    except (ValueError, OverflowError) as error:
        raise bad_request(str(error)) from None
