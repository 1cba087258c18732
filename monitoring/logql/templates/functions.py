"""The functions of templates that Loki documents. What they raise, a line carries."""

from __future__ import annotations

import base64
import binascii
import math
import time
import urllib.parse
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import re2

from monitoring import gotemplates
from monitoring.gotemplates import Function, TemplateError, printing
from monitoring.gotemplates.functions import grown, replaced, title
from monitoring.gotemplates.values import bounded, text_of
from monitoring.logql.expressions import checked
from monitoring.logql.literals import size_bytes
from monitoring.logql.stages.numbers import parse_seconds
from monitoring.logql.templates.moments import Moment, read_moment, zone_of
from monitoring.logql.templates.values import from_json, to_float, to_int

_EPOCH_UNITS = {5: 86_400 * 10**9, 10: 10**9, 13: 10**6, 16: 1000, 19: 1}


def _options() -> re2.Options:
    options = re2.Options()
    options.log_errors = False
    return options


_RE2 = _options()


@lru_cache(maxsize=512)
def _compiled(expression: str) -> Any:
    return re2.compile(checked(expression), options=_RE2)


def _text(function: Callable[..., str]) -> Function:
    """Take every argument as a text."""
    return lambda *values: bounded(function(*map(text_of, values)))


def _repeat(count: Any, text: Any) -> str:
    number, text = to_int(count), text_of(text)
    grown(number, len(text))
    return str(text) * max(0, number)


def _replace(old: str, new: str, text: str) -> str:
    grown(text.count(old), len(new))
    return text.replace(old, new)


def _replace_some(text: Any, old: Any, new: Any, count: Any) -> str:
    text, old, new = text_of(text), text_of(old), text_of(new)
    grown(text.count(old), len(new))
    return str(text.replace(old, new, to_int(count)))


def _regex_replace(expression: str, text: str, replacement: str) -> str:
    return replaced(_compiled(expression), text, replacement)


def _regex_literal(expression: str, text: str, replacement: str) -> str:
    grown(len(text) + 1, len(replacement) // 64)
    return str(_compiled(expression).sub(lambda _: replacement, text))


def _count(expression: Any, text: Any) -> int:
    return len(_compiled(text_of(expression)).findall(text_of(text)))


def _indented(width: Any, text: Any) -> str:
    number, text = max(0, to_int(width)), text_of(text)
    grown(text.count("\n") + 1, number)
    pad = " " * number
    return pad + str(text).replace("\n", "\n" + pad)


def _trunc(length: Any, text: Any) -> str:
    number, text = to_int(length), text_of(text)
    if number < 0:
        return str(text[number:]) if len(text) + number > 0 else str(text)
    return str(text[:number])


def _substr(start: Any, end: Any, text: Any) -> str:
    first, last, text = to_int(start), to_int(end), text_of(text)
    if first < 0:
        return str(text[: max(0, last)])
    if last < 0 or last > len(text):
        return str(text[first:])
    return str(text[first:last])


def _aligned(width: Any, text: Any, *, left: bool) -> str:
    number, text = to_int(width), text_of(text)
    grown(number, 1)
    if number < 0 or number == len(text):
        return str(text)
    if number < len(text):
        return str(text[:number] if left else text[len(text) - number :])
    return str(text.ljust(number) if left else text.rjust(number))


def _divided(one: Any, *others: Any) -> int:
    total = to_int(one)
    for other in map(to_int, others):
        if other == 0:
            raise TemplateError("integer divide by zero")
        quotient = abs(total) // abs(other)
        total = quotient if (total < 0) is (other < 0) else -quotient
    return total


def _modulo(one: Any, other: Any) -> int:
    divisor = to_int(other)
    if divisor == 0:
        raise TemplateError("integer divide by zero")
    return int(math.fmod(to_int(one), divisor))


def _divided_f(one: Any, *others: Any) -> float:
    total = to_float(one)
    for other in map(to_float, others):
        if other == 0:
            return math.nan if total == 0 else math.copysign(math.inf, total)
        total /= other
    return total


def _round(value: Any, places: Any = 0, edge: Any = 0.5) -> float:
    """Round half away from zero, as sprig does."""
    power = 10.0 ** max(-15, min(15, to_int(places)))
    scaled = to_float(value) * power
    whole = math.floor(abs(scaled))
    if abs(scaled) - whole >= to_float(edge):
        whole += 1
    return math.copysign(whole, scaled) / power


def _whole(function: Callable[[float], int]) -> Function:
    def run(value: Any) -> float:
        number = to_float(value)
        return float(function(number)) if math.isfinite(number) else number

    return run


def _of_epoch(text: Any) -> Moment:
    digits = text_of(text)
    if not digits.isdecimal() or len(digits) not in _EPOCH_UNITS:
        raise TemplateError(f"unable to parse time '{digits[:40]}'")
    return Moment(int(digits) * _EPOCH_UNITS[len(digits)])


def _date(layout: Any, value: Any) -> str:
    moment = value if isinstance(value, Moment) else Moment(to_int(value) * 10**9)
    return moment.laid_out(text_of(layout))


def _moment(value: Any) -> Moment:
    if not isinstance(value, Moment):
        raise TemplateError("wrong type of argument: a time is expected")
    return value


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise TemplateError(f"b64dec: {error}") from None


def _without_prefix(prefix: str, text: str) -> str:
    return text.removeprefix(prefix)


_TEXTS: dict[str, Callable[..., str]] = {
    "b64dec": _decoded,
    "b64enc": lambda text: base64.b64encode(text.encode()).decode(),
    "lower": str.lower,
    "regexReplaceAll": _regex_replace,
    "regexReplaceAllLiteral": _regex_literal,
    "replace": _replace,
    "title": title,
    "Title": title,
    "ToLower": str.lower,
    "ToUpper": str.upper,
    "trim": str.strip,
    "Trim": str.strip,
    "trimAll": lambda cut, text: text.strip(cut),
    "TrimLeft": str.lstrip,
    "trimPrefix": _without_prefix,
    "TrimPrefix": lambda text, prefix: text.removeprefix(prefix),
    "TrimRight": str.rstrip,
    "TrimSpace": str.strip,
    "trimSuffix": lambda suffix, text: text.removesuffix(suffix),
    "TrimSuffix": lambda text, suffix: text.removesuffix(suffix),
    "upper": str.upper,
    "urldecode": urllib.parse.unquote_plus,
    "urlencode": urllib.parse.quote_plus,
}
FUNCTIONS: dict[str, Function] = {
    **gotemplates.FUNCTIONS,
    **printing(),
    **{name: _text(function) for name, function in _TEXTS.items()},
    "add": lambda *values: sum(map(to_int, values)),
    "addf": lambda *values: math.fsum(map(to_float, values)),
    "alignLeft": lambda width, text: _aligned(width, text, left=True),
    "alignRight": lambda width, text: _aligned(width, text, left=False),
    "bytes": lambda text: size_bytes(text_of(text)),
    "ceil": _whole(math.ceil),
    "contains": lambda part, text: text_of(part) in text_of(text),
    "count": _count,
    "date": _date,
    "default": lambda other, value="": value or other,
    "div": _divided,
    "divf": _divided_f,
    "duration": lambda text: parse_seconds(text_of(text)),
    "duration_seconds": lambda text: parse_seconds(text_of(text)),
    "float64": to_float,
    "floor": _whole(math.floor),
    "fromJson": lambda text: from_json(text_of(text)),
    "hasPrefix": lambda part, text: text_of(text).startswith(text_of(part)),
    "hasSuffix": lambda part, text: text_of(text).endswith(text_of(part)),
    "indent": _indented,
    "int": to_int,
    "max": lambda *values: max(map(to_int, values)),
    "maxf": lambda *values: max(map(to_float, values)),
    "min": lambda *values: min(map(to_int, values)),
    "minf": lambda *values: min(map(to_float, values)),
    "mod": _modulo,
    "mul": lambda *values: math.prod(map(to_int, values)),
    "mulf": lambda *values: math.prod(map(to_float, values)),
    "nindent": lambda width, text: "\n" + _indented(width, text),
    "now": lambda: Moment(time.time_ns()),
    "repeat": _repeat,
    "Replace": _replace_some,
    "round": _round,
    "sub": lambda one, other: to_int(one) - to_int(other),
    "subf": lambda one, *others: to_float(one) - math.fsum(map(to_float, others)),
    "substr": _substr,
    "toDate": lambda layout, text: read_moment(text_of(layout), text_of(text)),
    "toDateInZone": lambda layout, zone, text: read_moment(
        text_of(layout), text_of(text), zone_of(text_of(zone))
    ),
    "trunc": _trunc,
    "unixEpoch": lambda value: str(_moment(value).ns // 10**9),
    "unixEpochMillis": lambda value: str(_moment(value).ns // 10**6),
    "unixEpochNanos": lambda value: str(_moment(value).ns),
    "unixToTime": _of_epoch,
}
