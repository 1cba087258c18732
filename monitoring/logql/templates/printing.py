"""printf, as Go has it for texts and numbers."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import Any

from monitoring.logql.literals import quote
from monitoring.logql.templates.values import TemplateError, bounded, text_of
from monitoring.promql.numbers import general

_VERB = re.compile(r"%([-+ 0#]*)(\d+)?(?:\.(\d+))?(.)", re.DOTALL)
_MAX_WIDTH = 4096


def printf(template: str, *values: Any) -> str:
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
        text = _verb(verb, rest.pop(0), flags, precision)
        return _padded(text, flags, int(width or 0))

    text = _VERB.sub(written, template)
    if rest:
        extra = ", ".join(f"{_type(each)}={text_of(each)}" for each in rest)
        text += f"%!(EXTRA {extra})"
    return bounded(text)


def _type(value: Any) -> str:
    names = {bool: "bool", str: "string", int: "int", float: "float64"}
    return names.get(type(value), type(value).__name__)


def _verb(verb: str, value: Any, flags: str, precision: str | None) -> str:
    sign = "+" if "+" in flags and not isinstance(value, str) and value >= 0 else ""
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
            text = format(value, f".{precision or 6}{verb}")
        case "g", float():
            text = format(value, f".{precision}g") if precision else general(value)
    return f"%!{verb}({_type(value)}={text_of(value)})" if text is None else sign + text


def _of_text(verb: str, text: str, precision: str | None) -> str:
    if verb == "q":
        return quote(text)
    cut = text if precision is None else text[: int(precision)]
    return cut.encode().hex() if verb == "x" else cut


def _padded(text: str, flags: str, width: int) -> str:
    if "-" in flags:
        return text.ljust(width)
    if "0" in flags:
        return text.zfill(width)
    return text.rjust(width)


def printed(values: Sequence[Any]) -> str:
    """Join values as Print does: blanks stand only between two that are no texts."""
    out, before = "", ""
    for number, value in enumerate(values):
        plain = not isinstance(value, str) and not isinstance(before, str)
        out += (" " if number and plain else "") + text_of(value)
        before = value
    return bounded(out)
