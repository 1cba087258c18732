"""How Loki's functions convert values."""

from __future__ import annotations

from typing import Any

import orjson

from monitoring.gotemplates import TemplateError


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


def from_json(text: str) -> Any:
    """Raises TemplateError."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise TemplateError(f"fromJson: {error}") from None
