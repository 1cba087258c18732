"""Levels of whole columns at once: by word, by number, by keyword in free text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from monitoring.telemetry import Level

SPELLINGS: Mapping[Level, str] = {
    Level.TRACE: "trace trc verbose vrb finest finer silly",
    Level.DEBUG: "debug dbg dbug fine config d d1 d2 d3 d4 d5",
    Level.INFO: "info information informational inf notice note log i n success system "
    "statement detail hint context",
    Level.WARN: "warn warning wrn w",
    Level.ERROR: "error err eror e severe fail failure",
    Level.FATAL: "fatal ftl critical crit crt panic dpanic emerg emergency alert f a c",
}
WORDS: Mapping[str, Level] = {
    word: level for level, text in SPELLINGS.items() for word in text.split()
}

# Severities of syslog, GELF and journald: the smaller the worse.
SYSLOG = (
    Level.FATAL, Level.FATAL, Level.FATAL, Level.ERROR,
    Level.WARN, Level.INFO, Level.INFO, Level.DEBUG,
)  # fmt: skip

# Bunyan, pino: 10 trace to 60 fatal. Python: 10 debug to 50 critical.
BUNYAN = (Level.TRACE, Level.DEBUG, Level.INFO, Level.WARN, Level.ERROR, Level.FATAL)
PYTHON = (Level.DEBUG, Level.INFO, Level.WARN, Level.ERROR, Level.FATAL)

# How far into a line a keyword still speaks of the line itself.
NEAR = 160

# An explicit level beats a word in passing, wherever it stands.
EXPLICIT = (
    r"(?i)(?:^|[\s{,\[(;])[\"']?(?:log[._]?)?(?:level|lvl|severity)(?:_?name)?[\"']?"
    r"\s*[=:]\s*[\"'\[]?(?P<word>[a-z]+)"
)
KEYWORD = (
    r"(?i)(?:^|[^a-z0-9_.\-/])(?P<word>emerg(?:ency)?|panic|fatal|crit(?:ical)?"
    r"|alert|severe|err(?:or)?|warn(?:ing)?|notice|info|debug|trace)"
    r"(?:$|[^a-z0-9_.\-/=]|[.\-](?:$|[^a-z0-9]))"
)


def of_words(column: Any, extra: Mapping[str, Level] | None = None) -> pa.Array:
    """Return the int8 column of the words' levels; null for a word unknown."""
    words = {**WORDS, **(extra or {})}
    known = pa.array(list(words), pa.large_string())
    codes = pa.array([int(level) for level in words.values()], pa.int8())
    lowered = pc.ascii_lower(pc.ascii_trim_whitespace(column))
    return codes.take(pc.index_in(lowered, value_set=known))


def of_numbers(column: Any, scale: tuple[Level, ...], *, step: int = 1) -> pa.Array:
    """Return the levels of numbers written as text, `step` apart on the scale.

    With a step the scale begins at one step, without at zero; what lies between two
    steps is the lower one.
    """
    good = pc.match_substring_regex(column, r"^\d{1,3}$")
    numbers = pc.if_else(good, column, None).cast(pa.int64())
    index = pc.fill_null(numbers, -1).to_numpy(zero_copy_only=False)
    index = index // step - (1 if step > 1 else 0)
    inside = (index >= 0) & (index < len(scale))
    codes = np.array(scale, np.int8)[np.where(inside, index, 0)]
    return pa.array(codes, pa.int8(), mask=~inside)


def of_status(column: Any) -> pa.Array:
    """Return the levels of HTTP status codes: 5xx error, 4xx warn, else info."""
    first = pc.binary_slice(column.cast(pa.large_binary()), 0, 1).cast(
        pa.large_string()
    )
    kinds = pa.array(["1", "2", "3", "4", "5"], pa.large_string())
    levels = (Level.INFO, Level.INFO, Level.INFO, Level.WARN, Level.ERROR)
    codes = pa.array([int(level) for level in levels], pa.int8())
    return codes.take(pc.index_in(first, value_set=kinds))


def by_keyword(lines: pa.Array) -> pa.Array:
    """Return the level that a line of free text names, null where it names none.

    The first whole word near the start counts; `level=` and `"level":` come first.
    """
    near = pc.binary_slice(lines.cast(pa.large_binary()), 0, NEAR)
    # A cut through a character must not matter: the words are ASCII.
    text = near.view(pa.large_string())
    explicit = _word(text, EXPLICIT)
    levels = of_words(explicit)
    open_rows = pc.is_null(levels)
    if not pc.any(open_rows).as_py():
        return levels
    return pc.coalesce(levels, of_words(_word(text, KEYWORD)))


def _word(text: pa.Array, expression: str) -> pa.Array:
    return pc.struct_field(pc.extract_regex(text, expression), "word")
