"""Names of OTLP's metrics as Prometheus has them: underscores, units and suffixes.

Source: prometheus/otlptranslator, the strategy UnderscoreEscapingWithSuffixes.
"""

from __future__ import annotations

import re
from functools import lru_cache

_SEPARATORS = re.compile(r"[^a-zA-Z0-9:]+")
_NO_UNIT_CHARACTER = re.compile(r"[^a-zA-Z0-9:]+")

_UNITS = {
    # Time.
    "d": "days",
    "h": "hours",
    "min": "minutes",
    "s": "seconds",
    "ms": "milliseconds",
    "us": "microseconds",
    "ns": "nanoseconds",
    # Bytes.
    "By": "bytes",
    "KiBy": "kibibytes",
    "MiBy": "mebibytes",
    "GiBy": "gibibytes",
    "TiBy": "tibibytes",
    "KBy": "kilobytes",
    "MBy": "megabytes",
    "GBy": "gigabytes",
    "TBy": "terabytes",
    # What physics measures in.
    "m": "meters",
    "V": "volts",
    "A": "amperes",
    "J": "joules",
    "W": "watts",
    "g": "grams",
    "Cel": "celsius",
    "Hz": "hertz",
    # No dimension.
    "1": "",
    "%": "percent",
}
_PER = {
    "s": "second",
    "m": "minute",
    "h": "hour",
    "d": "day",
    "w": "week",
    "mo": "month",
    "y": "year",
}


@lru_cache(maxsize=10_000)
def metric_name(
    name: str, unit: str, *, is_counter: bool = False, is_gauge: bool = False
) -> str:
    """Return the name with its unit, with _total for a counter, _ratio for a gauge of 1.

    An empty name stays empty.
    """
    tokens = [token for token in _SEPARATORS.split(name) if token]
    if not tokens:
        return ""
    main, per = _unit_words(unit)
    if main and main not in tokens:
        tokens.append(main)
    if per and per not in tokens:
        tokens += ["per", per]
    if is_counter:
        tokens = _with_last(tokens, "total")
    if is_gauge and unit.strip() == "1":
        tokens = _with_last(tokens, "ratio")
    joined = "_".join(tokens)
    return f"_{joined}" if joined[0].isdigit() else joined


def _with_last(words: list[str], last: str) -> list[str]:
    return [*(word for word in words if word != last), last]


def unit_word(unit: str) -> str:
    """Return a unit in the words that names have, as seconds or bytes_per_second."""
    main, per = _unit_words(unit)
    return "_".join([word for word in (main, "per" if per else "", per) if word])


def _unit_words(unit: str) -> tuple[str, str]:
    """Return the unit and what it is per; annotations in braces have no word."""
    main, _, per = unit.partition("/")
    return _word(main, _UNITS), _word(per, _PER)


def _word(part: str, known: dict[str, str]) -> str:
    part = part.strip()
    if "{" in part or "}" in part:
        return ""
    return _NO_UNIT_CHARACTER.sub("_", known.get(part, part)).strip("_")
