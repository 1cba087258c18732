"""What templates calculate with, and how Go writes and converts it."""

from __future__ import annotations

from typing import Any

import orjson

from monitoring.logql.templates.moments import Moment
from monitoring.promql.numbers import general

# Texts that a template may make, so that `repeat` does no harm.
MAX_TEXT = 1 << 22


class TemplateError(ValueError):
    """The template does not parse, or does not work on this line."""


def text_of(value: Any) -> str:
    """Return what Go's Print makes of a value."""
    match value:
        case str():
            return value
        case bool():
            return str(value).lower()
        case float():
            return general(value)
        case list() | dict():
            return _text_of_many(value)
        case None:
            return "<no value>"
        case _:
            return value.text if isinstance(value, Moment) else str(value)


def _text_of_many(value: list[Any] | dict[str, Any]) -> str:
    if isinstance(value, list):
        return "[" + " ".join(map(text_of, value)) + "]"
    inside = (f"{key}:{text_of(each)}" for key, each in sorted(value.items()))
    return "map[" + " ".join(inside) + "]"


def is_true(value: Any) -> bool:
    return bool(value) or isinstance(value, Moment)


def to_int(value: Any) -> int:
    """Return the whole number of a text or number, 0 if it has none."""
    try:
        if isinstance(value, str):
            return int(value, 0) if value[:2].lower() == "0x" else int(value or 0)
        return int(value)
    except (ValueError, TypeError, OverflowError):
        return 0


def to_float(value: Any) -> float:
    try:
        return float(value)
    except (ValueError, TypeError, OverflowError):
        return 0.0


def bounded(text: str) -> str:
    """Raises TemplateError."""
    if len(text) > MAX_TEXT:
        raise TemplateError(f"a text longer than {MAX_TEXT:,} characters")
    return text


def from_json(text: str) -> Any:
    """Raises TemplateError."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise TemplateError(f"fromJson: {error}") from None
