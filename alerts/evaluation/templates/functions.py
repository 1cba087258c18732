"""The functions of Prometheus that templates may call, beside Go's own."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import quote, quote_plus, urlsplit

import re2

from monitoring import gotemplates
from monitoring.durations import milliseconds_of
from monitoring.gotemplates import Function, NumberFormat, TemplateError, printing
from monitoring.gotemplates.functions import COMPARISONS, index, replaced, title
from monitoring.promql.numbers import general

_LONGEST_TEXT = 20_000


@dataclass(frozen=True, slots=True)
class Sample:
    """One element of a query's answer."""

    value: float
    labels: dict[str, str] = field(default_factory=dict)


Query = Callable[[str], list[Sample]]


@dataclass(frozen=True, slots=True)
class Context:
    number: NumberFormat
    query: Query | None
    external_url: str


def number_of(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TemplateError(f"{str(value)[:40]!r} is no number") from None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TemplateError(f"{str(value)[:40]!r} is no text")
    return value


def humanize(value: float) -> str:
    """1234567 is 1.235M, 0.0021 is 2.1m."""
    if value == 0 or not math.isfinite(value):
        return _short(value)
    prefixes = "yzafpnum kMGTPEZY"
    power = max(-8, min(8, math.floor(math.log10(abs(value)) / 3)))
    prefix = prefixes[power + 8].strip()
    return f"{_short(value / 1000.0**power)}{prefix}"


def humanize_1024(value: float) -> str:
    if abs(value) <= 1 or not math.isfinite(value):
        return _short(value)
    power = min(8, math.floor(math.log2(abs(value)) / 10))
    prefix = ["", "ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"][power]
    return f"{_short(value / 1024.0**power)}{prefix}"


def humanize_duration(value: float) -> str:
    """5412 is 1h 30m 12s, 0.25 is 250ms."""
    if not math.isfinite(value):
        return _short(value)
    size, sign = abs(value), "-" if value < 0 else ""
    if size == 0:
        return "0s"
    if size < 1:
        return f"{sign}{humanize(size)}s"
    minutes, seconds = divmod(int(size), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "m"), (seconds, "s")]
    while len(parts) > 1 and not parts[0][0]:
        parts.pop(0)
    if len(parts) == 1:
        return f"{sign}{_short(size)}s"
    return sign + " ".join(f"{count}{unit}" for count, unit in parts)


def _short(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else general(value)


def _humanize_timestamp(value: float) -> str:
    try:
        return datetime.fromtimestamp(value, UTC).strftime(
            "%Y-%m-%d %H:%M:%S +0000 UTC"
        )
    except (ValueError, OverflowError, OSError):
        raise TemplateError(f"{value} is no time") from None


def _query(query: Query | None, text: Any) -> list[Sample]:
    if query is None:
        raise TemplateError("there is nothing to query here")
    return query(_text(text))


def _first(found: Any) -> Sample:
    if not isinstance(found, list) or not found:
        raise TemplateError("first() called on vector with no elements")
    return _sample(found[0])


def _sample(found: Any) -> Sample:
    if not isinstance(found, Sample):
        raise TemplateError("this is no element of a query's answer")
    return found


def _sort_by_label(name: Any, found: Any) -> list[Sample]:
    if not isinstance(found, list):
        raise TemplateError("wrong arguments: want a name and an answer")
    name = _text(name)
    return sorted(map(_sample, found), key=lambda sample: sample.labels.get(name, ""))


def _pattern(text: str) -> Any:
    try:
        return re2.compile(text)
    except re2.error as error:
        raise TemplateError(f"invalid regular expression {text!r}: {error}") from None


def _replace(pattern: str, replacement: str, text: str) -> str:
    return replaced(_pattern(pattern), text[:_LONGEST_TEXT], replacement)


def _match(pattern: str, text: str) -> bool:
    return _pattern(pattern).search(text[:_LONGEST_TEXT]) is not None


def _strip_port(text: str) -> str:
    found = re.fullmatch(r"\[(.*)\](?::\d+)?|([^:]*)(?::\d+)?", text)
    return (found[1] or found[2] or text) if found else text


def _strip_domain(text: str) -> str:
    host, colon, port = text.partition(":")
    if re.fullmatch(r"[\d.]+", host) or text.startswith("["):
        return text
    return host.partition(".")[0] + colon + port


def _parse_duration(text: str) -> float:
    found = milliseconds_of(text[:100], ordered=True)
    if found is None:
        raise TemplateError(f"not a valid duration string: {text[:40]!r}")
    return found / 1000


def _link(view: str) -> Callable[[str], str]:
    return lambda text: f"/graph?g0.expr={quote_plus(text)}&g0.tab={view}"


def _of_number(function: Callable[[float], Any]) -> Function:
    return lambda value: function(number_of(value))


def _of_texts(function: Callable[..., Any]) -> Function:
    return lambda *values: function(*map(_text, values))


def _of_any_numbers(function: Callable[..., bool]) -> Function:
    """Compare `$value`, which is a float, to whole numbers too."""

    def compare(*values: Any) -> bool:
        if any(isinstance(value, float) for value in values):
            values = tuple(float(v) if type(v) is int else v for v in values)
        return function(*values)

    return compare


_NUMBERS: dict[str, Callable[[float], Any]] = {
    "humanize": humanize,
    "humanize1024": humanize_1024,
    "humanizeDuration": humanize_duration,
    "humanizePercentage": lambda value: f"{_short(value * 100)}%",
    "humanizeTimestamp": _humanize_timestamp,
    "toTime": _humanize_timestamp,
}
_TEXTS: dict[str, Callable[..., Any]] = {
    "graphLink": _link("0"),
    "match": _match,
    "parseDuration": _parse_duration,
    "reReplaceAll": _replace,
    "safeHtml": str,
    "stripDomain": _strip_domain,
    "stripPort": _strip_port,
    "tableLink": _link("1"),
    "title": title,
    "toLower": str.lower,
    "toUpper": str.upper,
    "urlpath": quote,
}
_FUNCTIONS: dict[str, Function] = {
    **gotemplates.FUNCTIONS,
    **{name: _of_any_numbers(function) for name, function in COMPARISONS.items()},
    **{name: _of_number(function) for name, function in _NUMBERS.items()},
    **{name: _of_texts(function) for name, function in _TEXTS.items()},
    "first": _first,
    # All maps are of texts, and such a map has an empty one for what it lacks.
    "index": partial(index, missing=""),
    "label": lambda name, sample: _sample(sample).labels.get(_text(name), ""),
    "sortByLabel": _sort_by_label,
    "strvalue": lambda sample: _sample(sample).labels.get("__value__", ""),
    "value": lambda sample: _sample(sample).value,
}


def functions_of(context: Context) -> Mapping[str, Function]:
    return {
        **_FUNCTIONS,
        **printing(context.number),
        "externalURL": lambda: context.external_url,
        "pathPrefix": lambda: urlsplit(context.external_url).path,
        "query": lambda text: _query(context.query, text),
    }
