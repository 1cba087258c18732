"""Numbers in messages, as samples of metrics. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import orjson

from sources.connectors.streams.parcels import Point
from sources.connectors.streams.paths import Path, text_of
from sources.connectors.streams.templates import filled
from sources.connectors.streams.topics import fits
from sources.protocols.log_rows import label_name

_WORDS = {"true": 1.0, "on": 1.0, "open": 1.0, "online": 1.0}
_WORDS |= {"false": 0.0, "off": 0.0, "closed": 0.0, "offline": 0.0}


class Rule:
    """Which messages are samples of which metric."""

    def __init__(self, rule: Mapping[str, Any]) -> None:
        """Raises InvalidPathError."""
        self.name: str = rule["name"]
        self._topic: str = rule.get("topic", "#")
        self._value = Path(rule["value"]) if rule.get("value") else None
        self._labels = {
            label_name(name): Path(text)
            for name, text in (rule.get("labels") or {}).items()
        }

    def point(
        self, topic: str, parts: Mapping[str, str], payload: str, ts_ms: int
    ) -> Point | None:
        """Return the sample; None where the message has no number for it."""
        if not fits(self._topic, topic):
            return None
        document = _document(payload) if self._value or self._labels else None
        value = _number(self._value.first(document) if self._value else payload.strip())
        if value is None:
            return None
        found = {name: path.first(document) for name, path in self._labels.items()}
        labels = {n: text_of(v) for n, v in found.items() if v is not None}
        name = label_name(filled(self.name, parts))
        return Point(name, {**parts, **labels}, value, ts_ms)


def _document(payload: str) -> Any:
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError:
        return None


def _number(value: Any) -> float | None:
    """Return a number, a number's text, or what on and off stand for."""
    if isinstance(value, str):
        word = _WORDS.get(value.lower())
        if word is not None:
            return word
        if len(value) > 40:  # noqa: PLR2004 - no number of a sensor is longer
            return None
    elif not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
