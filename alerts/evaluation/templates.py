"""The texts of annotations and labels: `{{ $labels.host }} is at {{ $value }}`.

The useful part of Prometheus's template language, without evaluating anything: a
variable, and functions behind pipes or in front. What is not understood stays as
it was written, so that a slip in a template never loses a notification.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import timedelta

from alerts.evaluation.reasons import format_value
from monitoring.durations import format_duration

MAX_LENGTH = 4000
_LONGEST_SECONDS = 1e11
_EXPRESSION = re.compile(r"\{\{-?([^{}]{1,200}?)-?\}\}")
_LABEL = re.compile(r"\$labels\.([a-zA-Z_][a-zA-Z0-9_]*)\Z")
_WORD = re.compile(r'"[^"]*"|\S+')
_PRINTF = re.compile(r'"%(?:\.(\d))?f(%%)?"\Z')

Value = float | str


class _NotUnderstoodError(ValueError):
    """The expression is outside the language."""


def render(template: str, *, labels: Mapping[str, str], value: float | None) -> str:
    """Return the text with its expressions filled in, 4,000 characters at most."""

    def fill(match: re.Match[str]) -> str:
        try:
            result = _evaluate(match[1], labels, value)
        except _NotUnderstoodError:
            return match[0]
        return result if isinstance(result, str) else format_value(result)

    return _EXPRESSION.sub(fill, template[:MAX_LENGTH])[:MAX_LENGTH]


def render_all(
    templates: Mapping[str, str], *, labels: Mapping[str, str], value: float | None
) -> dict[str, str]:
    return {
        name: render(template, labels=labels, value=value)
        for name, template in templates.items()
    }


def _evaluate(expression: str, labels: Mapping[str, str], value: float | None) -> Value:
    first, *pipes = [_WORD.findall(stage) for stage in expression.split("|")]
    if not first:
        raise _NotUnderstoodError
    result = _operand(first[-1], labels, value)
    for stage in [first[:-1], *pipes]:
        result = _apply(stage, result) if stage else result
    return result


def _operand(word: str, labels: Mapping[str, str], value: float | None) -> Value:
    if word == "$value":
        return math.nan if value is None else value
    if found := _LABEL.match(word):
        return labels.get(found[1], "")
    raise _NotUnderstoodError


def _apply(words: list[str], argument: Value) -> Value:
    if words[0] == "printf" and len(words) == 2:  # noqa: PLR2004 - printf and its format
        return _printf(words[1], _number(argument))
    if len(words) != 1 or words[0] not in _FUNCTIONS:
        raise _NotUnderstoodError
    return _FUNCTIONS[words[0]](argument)


def _number(argument: Value) -> float:
    try:
        return float(argument)
    except ValueError:
        raise _NotUnderstoodError from None


def _printf(form: str, number: float) -> str:
    found = _PRINTF.match(form)
    if found is None:
        raise _NotUnderstoodError
    return f"{number:.{found[1] or 6}f}{'%' if found[2] else ''}"


def _humanize(argument: Value) -> str:
    """1234567 is 1.235M, 0.0021 is 2.1m."""
    number = _number(argument)
    if number == 0 or not math.isfinite(number):
        return f"{number:.4g}"
    prefixes = "yzafpnum kMGTPEZY"
    power = max(-8, min(8, math.floor(math.log10(abs(number)) / 3)))
    prefix = prefixes[power + 8].strip()
    return f"{number / 1000.0**power:.4g}{prefix}"


def _humanize_1024(argument: Value) -> str:
    number = _number(argument)
    if abs(number) < 1 or not math.isfinite(number):
        return f"{number:.4g}"
    power = min(8, math.floor(math.log2(abs(number)) / 10))
    prefix = ["", "ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"][power]
    return f"{number / 1024.0**power:.4g}{prefix}"


def _humanize_percentage(argument: Value) -> str:
    return f"{_number(argument) * 100:.4g}%"


def _humanize_duration(argument: Value) -> str:
    number = _number(argument)
    if not math.isfinite(number) or abs(number) > _LONGEST_SECONDS:
        return f"{number:.4g}"
    if 0 < abs(number) < 1:
        return f"{_humanize(number)}s"
    words = format_duration(timedelta(seconds=abs(round(number))))
    spaced = re.sub(r"([a-z]+)(?=\d)", r"\1 ", words)
    return f"-{spaced}" if number < 0 else spaced


_FUNCTIONS: dict[str, Callable[[Value], Value]] = {
    "humanize": _humanize,
    "humanize1024": _humanize_1024,
    "humanizePercentage": _humanize_percentage,
    "humanizeDuration": _humanize_duration,
    "toUpper": lambda argument: str(argument).upper(),
    "toLower": lambda argument: str(argument).lower(),
    "title": lambda argument: str(argument).title(),
}
