"""The functions that templates may call: Prometheus's, and Go's own."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, quote_plus, urlsplit

import re2

from alerts.evaluation.templates.syntax import TemplateError
from monitoring.durations import milliseconds_of
from monitoring.promql.numbers import general

_PRINTF = re.compile(r"%(?:(%)|([-+# 0]*)(\d{0,3})(?:\.(\d{0,2}))?([a-zA-Z]))")
_LONGEST_TEXT = 20_000


@dataclass(frozen=True, slots=True)
class Sample:
    """One element of a query's answer."""

    value: float
    labels: dict[str, str] = field(default_factory=dict)


NumberFormat = Callable[[float], str]
Query = Callable[[str], list[Sample]]


@dataclass(frozen=True, slots=True)
class Context:
    number: NumberFormat
    query: Query | None
    external_url: str


def text_of(value: Any, number: NumberFormat) -> str:  # noqa: PLR0911 - one for each type
    """Return what an action writes."""
    match value:
        case str():
            return value
        case None:
            return "<no value>"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return number(value)
        case dict():
            inside = " ".join(f"{k}:{text_of(value[k], number)}" for k in sorted(value))
            return f"map[{inside}]"
        case list():
            return "[" + " ".join(text_of(each, number) for each in value) + "]"
    return str(value)


def truth(value: Any) -> bool:
    """Return whether Go takes it for true: not zero, not empty."""
    return not (isinstance(value, float) and value == 0) and bool(value)


def number_of(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TemplateError(f"{str(value)[:40]!r} is no number") from None


def _one(arguments: Sequence[Any]) -> Any:
    if len(arguments) != 1:
        raise TemplateError("wrong number of arguments: want 1")
    return arguments[0]


def _texts(arguments: Sequence[Any], count: int) -> list[str]:
    if len(arguments) != count or not all(isinstance(a, str) for a in arguments):
        raise TemplateError(f"wrong arguments: want {count} texts")
    return list(arguments)


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


def _query(context: Context, arguments: Sequence[Any]) -> list[Sample]:
    (text,) = _texts(arguments, 1)
    if context.query is None:
        raise TemplateError("there is nothing to query here")
    return context.query(text)


def _first(context: Context, arguments: Sequence[Any]) -> Sample:
    found = _one(arguments)
    if not isinstance(found, list) or not found:
        raise TemplateError("first() called on vector with no elements")
    sample: Sample = found[0]
    return sample


def _sample(arguments: Sequence[Any]) -> Sample:
    found = _one(arguments)
    if not isinstance(found, Sample):
        raise TemplateError("this is no element of a query's answer")
    return found


def _label(context: Context, arguments: Sequence[Any]) -> str:
    if len(arguments) != 2 or not isinstance(arguments[1], Sample):  # noqa: PLR2004 - name, sample
        raise TemplateError("wrong arguments: want a name and an element")
    return arguments[1].labels.get(str(arguments[0]), "")


def _sort_by_label(context: Context, arguments: Sequence[Any]) -> list[Sample]:
    if len(arguments) != 2 or not isinstance(arguments[1], list):  # noqa: PLR2004 - name, answer
        raise TemplateError("wrong arguments: want a name and an answer")
    name = str(arguments[0])
    return sorted(arguments[1], key=lambda sample: sample.labels.get(name, ""))


def _pattern(text: str) -> Any:
    try:
        return re2.compile(text)
    except re2.error as error:
        raise TemplateError(f"invalid regular expression {text!r}: {error}") from None


def _replace(context: Context, arguments: Sequence[Any]) -> str:
    pattern, replacement, text = _texts(arguments, 3)
    wanted = re.sub(
        r"\$(?:\{(\d)\}|(\d))", r"\\\1\2", replacement.replace("\\", "\\\\")
    )
    replaced: str = _pattern(pattern).sub(wanted, text[:_LONGEST_TEXT])
    return replaced


def _match(context: Context, arguments: Sequence[Any]) -> bool:
    pattern, text = _texts(arguments, 2)
    return _pattern(pattern).search(text[:_LONGEST_TEXT]) is not None


def _printf(context: Context, arguments: Sequence[Any]) -> str:
    if not arguments or not isinstance(arguments[0], str):
        raise TemplateError("printf wants a format")
    values = list(arguments[1:])

    def write(found: re.Match[str]) -> str:
        percent, flags, width, digits, verb = found.groups()
        if percent:
            return "%"
        if not values:
            return f"%!{verb}(MISSING)"
        text = _formatted(verb, flags, digits, values.pop(0), context.number)
        return _padded(text, flags, int(width or 0))

    return _PRINTF.sub(write, arguments[0])


def _formatted(
    verb: str, flags: str, digits: str | None, value: Any, number: NumberFormat
) -> str:
    if verb in "feEgG":
        sign = "+" if "+" in flags else ""
        if verb in "gG" and digits is None:
            return general(number_of(value))
        return f"{number_of(value):{sign}.{digits or 6 if digits != '' else 0}{verb}}"
    if verb in "dxXob":
        try:
            return f"{int(number_of(value)):{verb}}"
        except (ValueError, OverflowError):
            raise TemplateError(f"{value} is no whole number") from None
    text = text_of(value, number)
    if verb == "q":
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if verb in "sv":
        return text[: int(digits)] if digits else text
    raise TemplateError(f"printf knows no %{verb}")


def _padded(text: str, flags: str, width: int) -> str:
    if "-" in flags:
        return text.ljust(width)
    return text.rjust(width, "0" if "0" in flags else " ")


def _strip_port(text: str) -> str:
    found = re.fullmatch(r"\[(.*)\](?::\d+)?|([^:]*)(?::\d+)?", text)
    return (found[1] or found[2] or text) if found else text


def _strip_domain(text: str) -> str:
    host, colon, port = text.partition(":")
    if re.fullmatch(r"[\d.]+", host) or text.startswith("["):
        return text
    return host.partition(".")[0] + colon + port


def _parse_duration(context: Context, arguments: Sequence[Any]) -> float:
    (text,) = _texts(arguments, 1)
    found = milliseconds_of(text[:100], ordered=True)
    if found is None:
        raise TemplateError(f"not a valid duration string: {text[:40]!r}")
    return found / 1000


def _compare(
    holds: Callable[[Any, Any], bool],
) -> Callable[[Context, Sequence[Any]], bool]:
    def compare(context: Context, arguments: Sequence[Any]) -> bool:
        if len(arguments) < 2:  # noqa: PLR2004 - it compares two
            raise TemplateError("missing argument for comparison")
        first, *others = arguments
        try:
            return any(holds(first, other) for other in others)
        except TypeError:
            raise TemplateError("incompatible types for comparison") from None

    return compare


def _index(context: Context, arguments: Sequence[Any]) -> Any:
    value, *keys = arguments or [None]
    for key in keys:
        if isinstance(value, dict):
            value = value.get(str(key), "")
        elif (
            isinstance(value, list | str) and isinstance(key, int) and key < len(value)
        ):
            value = value[key]
        else:
            raise TemplateError("nothing stands there")
    return value


def _and(context: Context, arguments: Sequence[Any]) -> Any:
    return next(
        (a for a in arguments if not truth(a)), arguments[-1] if arguments else False
    )


def _or(context: Context, arguments: Sequence[Any]) -> Any:
    return next(
        (a for a in arguments if truth(a)), arguments[-1] if arguments else False
    )


def _len(context: Context, arguments: Sequence[Any]) -> int:
    found = _one(arguments)
    if not isinstance(found, str | list | dict):
        raise TemplateError("this has no length")
    return len(found)


def _print(context: Context, arguments: Sequence[Any]) -> str:
    return " ".join(text_of(each, context.number) for each in arguments)


def _link(view: str) -> Callable[[Context, Sequence[Any]], str]:
    def link(context: Context, arguments: Sequence[Any]) -> str:
        (text,) = _texts(arguments, 1)
        return f"/graph?g0.expr={quote_plus(text)}&g0.tab={view}"

    return link


def _of_number(
    function: Callable[[float], Any],
) -> Callable[[Context, Sequence[Any]], Any]:
    return lambda context, arguments: function(number_of(_one(arguments)))


def _of_text(function: Callable[[str], Any]) -> Callable[[Context, Sequence[Any]], Any]:
    return lambda context, arguments: function(_texts(arguments, 1)[0])


FUNCTIONS: dict[str, Callable[[Context, Sequence[Any]], Any]] = {
    "query": _query,
    "first": _first,
    "value": lambda context, arguments: _sample(arguments).value,
    "label": _label,
    "strvalue": lambda context, arguments: _sample(arguments).labels.get(
        "__value__", ""
    ),
    "sortByLabel": _sort_by_label,
    "humanize": _of_number(humanize),
    "humanize1024": _of_number(humanize_1024),
    "humanizeDuration": _of_number(humanize_duration),
    "humanizePercentage": _of_number(lambda value: f"{_short(value * 100)}%"),
    "humanizeTimestamp": _of_number(_humanize_timestamp),
    "toTime": _of_number(_humanize_timestamp),
    "toUpper": _of_text(str.upper),
    "toLower": _of_text(str.lower),
    "title": _of_text(str.title),
    "stripPort": _of_text(_strip_port),
    "stripDomain": _of_text(_strip_domain),
    "safeHtml": _of_text(lambda text: text),
    "html": _of_text(html.escape),
    "urlquery": _of_text(quote_plus),
    "urlpath": _of_text(quote),
    "match": _match,
    "reReplaceAll": _replace,
    "graphLink": _link("0"),
    "tableLink": _link("1"),
    "parseDuration": _parse_duration,
    "externalURL": lambda context, arguments: context.external_url,
    "pathPrefix": lambda context, arguments: urlsplit(context.external_url).path,
    "printf": _printf,
    "print": _print,
    "println": lambda context, arguments: _print(context, arguments) + "\n",
    "len": _len,
    "index": _index,
    "and": _and,
    "or": _or,
    "not": lambda context, arguments: not truth(_one(arguments)),
    "eq": _compare(lambda a, b: a == b),
    "ne": _compare(lambda a, b: a != b),
    "lt": _compare(lambda a, b: a < b),
    "le": _compare(lambda a, b: a <= b),
    "gt": _compare(lambda a, b: a > b),
    "ge": _compare(lambda a, b: a >= b),
}
