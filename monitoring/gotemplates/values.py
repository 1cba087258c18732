"""What templates calculate with, and how Go writes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from monitoring.promql.numbers import general

# How floats are written.
NumberFormat = Callable[[float], str]

# Characters that a function may make of a template, so that `repeat` does no harm.
MAX_TEXT = 1 << 22


class TemplateError(ValueError):
    """The text is no template, or it cannot be filled in; the text says why."""


def text_of(value: Any, number: NumberFormat = general) -> str:
    """Return what Go's Print makes of a value."""
    match value:
        case str():
            return value
        case bool():
            return str(value).lower()
        case float():
            return number(value)
        case list() | dict():
            return _text_of_many(value, number)
        case None:
            return "<no value>"
        case _:
            return str(value)


def _text_of_many(value: list[Any] | dict[str, Any], number: NumberFormat) -> str:
    if isinstance(value, list):
        return "[" + " ".join(text_of(each, number) for each in value) + "]"
    inside = (f"{key}:{text_of(each, number)}" for key, each in sorted(value.items()))
    return "map[" + " ".join(inside) + "]"


def bounded(text: str) -> str:
    """Raises TemplateError."""
    if len(text) > MAX_TEXT:
        raise TemplateError(f"a text longer than {MAX_TEXT:,} characters")
    return text
