"""print and printf, as Go has them for texts and numbers."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from monitoring.gotemplates.literals import quote
from monitoring.gotemplates.values import (
    NumberFormat,
    TemplateError,
    bounded,
    text_of,
)
from monitoring.promql.numbers import general

_VERB = re.compile(r"%([-+ 0#]*)(\d+)?(?:\.(\d*))?(.)", re.DOTALL)
_MAX_WIDTH = 4096

# How a value is written.
Text = Callable[[Any], str]


def printing(number: NumberFormat = general) -> dict[str, Callable[..., str]]:
    """Return the functions that print, writing floats in this format."""
    text = text_of if number is general else partial(text_of, number=number)
    return {
        "print": lambda *values: _print(values, text),
        "printf": lambda template, *values: _printf(text(template), values, text),
        "println": lambda *values: bounded(" ".join(map(text, values)) + "\n"),
    }


def _printf(template: str, values: Sequence[Any], text_of: Text) -> str:
    """Raises TemplateError for widths beyond reason."""
    rest = list(values)

    def written(found: re.Match[str]) -> str:
        flags, width, precision, verb = found.groups()
        if verb == "%":
            return "%"
        if max(int(width or 0), int(precision or 0)) > _MAX_WIDTH:
            raise TemplateError("printf: a width beyond reason")
        if not rest:
            return f"%!{verb}(MISSING)"
        # Nothing behind the point means none.
        digits = None if precision is None else int(precision or 0)
        text = _verb(verb, rest.pop(0), flags, digits, text_of)
        return _padded(text, flags, int(width or 0))

    text = _VERB.sub(written, template)
    if rest:
        extra = ", ".join(f"{_type(each)}={text_of(each)}" for each in rest)
        text += f"%!(EXTRA {extra})"
    return bounded(text)


def _type(value: Any) -> str:
    names = {bool: "bool", str: "string", int: "int", float: "float64"}
    return names.get(type(value), type(value).__name__)


def _verb(
    verb: str, value: Any, flags: str, precision: int | None, text_of: Text
) -> str:
    signed = "+" in flags and isinstance(value, int | float) and value >= 0
    text: str | None = None
    match verb, value:
        case "v", _:
            text = text_of(value)
        case (("s" | "q" | "x"), str()):
            text = _of_text(verb, value, precision)
        case "t", bool():
            text = text_of(value)
        case (("d" | "x" | "X" | "o" | "b"), int()) if not isinstance(value, bool):
            text = format(value, verb)
        case "c", int() if value in range(sys.maxunicode + 1):
            text = chr(value)
        case (("f" | "F" | "e" | "E"), float()):
            text = format(value, f".{6 if precision is None else precision}{verb}")
        case (("g" | "G"), float()):
            text = _shortest(verb, value, precision)
    if text is None:
        return f"%!{verb}({_type(value)}={text_of(value)})"
    return "+" + text if signed else text


def _shortest(verb: str, value: float, precision: int | None) -> str:
    if precision is not None:
        return format(value, f".{precision}{verb}")
    return general(value) if verb == "g" else general(value).upper()


def _of_text(verb: str, text: str, precision: int | None) -> str:
    if verb == "q":
        return quote(text)
    cut = text[:precision]
    return cut.encode().hex() if verb == "x" else cut


def _padded(text: str, flags: str, width: int) -> str:
    if "-" in flags:
        return text.ljust(width)
    if "0" in flags:
        return text.zfill(width)
    return text.rjust(width)


def _print(values: Sequence[Any], text_of: Text) -> str:
    """Blanks stand only between two that are no texts."""
    out, before = "", ""
    for number, value in enumerate(values):
        plain = not isinstance(value, str) and not isinstance(before, str)
        out += (" " if number and plain else "") + text_of(value)
        before = value
    return bounded(out)
