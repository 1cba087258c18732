"""Which lines a condition holds for."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from monitoring.telemetry import FIELD_PREFIX
from sources.formats.spans import Bools
from sources.processing.rules import Condition


def holds(condition: Condition, table: pa.Table) -> Bools:
    """Return the lines of a batch's table for which the condition holds."""
    result = np.ones(table.num_rows, np.bool_)
    levels = table.column("level").to_numpy()
    if condition.at_least is not None:
        result &= levels >= int(condition.at_least)
    if condition.at_most is not None:
        result &= levels <= int(condition.at_most)
    if condition.contains or condition.matches or condition.field:
        result &= _told(condition, table)
    return result


def column_of(table: pa.Table, field: str) -> Any:
    """Return a field's column, or the lines where no field is named."""
    name = FIELD_PREFIX + field if field else "line"
    if name in table.column_names:
        return table.column(name).combine_chunks()
    return pa.nulls(table.num_rows, pa.large_string())


def valid(column: Any) -> Bools:
    """Return where the column is not null."""
    return np.asarray(column.is_valid().to_numpy(zero_copy_only=False))


def _told(condition: Condition, table: pa.Table) -> Bools:
    column = column_of(table, condition.field)
    result = column.is_valid()
    if condition.contains:
        result = pc.and_(result, pc.match_substring(column, condition.contains))
    if condition.matches:
        found = _matching(column, condition.matches)
        result = pc.and_(result, found)
    told = pc.fill_null(result, fill_value=False)
    return np.asarray(told.to_numpy(zero_copy_only=False))


def _matching(column: Any, pattern: str) -> Any:
    """A pattern that is a few plain texts is looked for as those: many times as fast."""
    texts = _plain_texts(pattern)
    if not texts:
        return pc.match_substring_regex(column, pattern)
    found = pc.match_substring(column, texts[0])
    for text in texts[1:]:
        found = pc.or_(found, pc.match_substring(column, text))
    return found


_SPECIAL = re.compile(r"[\\.^$*+?{}()\[\]]")
_FEW = 4


@lru_cache(maxsize=1000)
def _plain_texts(pattern: str) -> tuple[str, ...]:
    texts = tuple(pattern.split("|"))
    plain = len(texts) <= _FEW and all(texts) and not _SPECIAL.search(pattern)
    return texts if plain else ()
