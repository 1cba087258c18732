"""From JSON values to the texts that a log line's fields hold.

Both readers of a body use these, so that a number reads the same whichever of them
has met it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from sources.protocols.timestamps import EXACT_FLOAT


class InexactNumberError(ValueError):
    """A column of floats would lose digits of one of its numbers."""


def texts_of_column(column: pa.Array) -> pa.Array:
    """Return a column of strings, booleans or doubles as texts.

    Raises InexactNumberError.
    """
    if not pa.types.is_floating(column.type):
        return column.cast(pa.large_string())
    values = column.fill_null(0).to_numpy(zero_copy_only=False)
    if not np.all(np.abs(values) < EXACT_FLOAT):
        raise InexactNumberError
    return _texts_of_floats(column)


def texts_of_values(values: Sequence[Any]) -> pa.Array:
    """Return values of any kind as texts; an object or array as compact JSON."""
    try:
        # Most columns are texts and nothing else, which Arrow checks itself.
        return pa.array(values, pa.large_string())
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return _texts_of_kinds(values)


def _texts_of_kinds(values: Sequence[Any]) -> pa.Array:
    texts = [value if isinstance(value, str) else _text(value) for value in values]
    floats = [row for row, value in enumerate(values) if type(value) is float]
    if floats:
        numbers = _texts_of_floats(pa.array([values[row] for row in floats]))
        for row, text in zip(floats, numbers.to_pylist(), strict=True):
            texts[row] = text
    return pa.array(texts, pa.large_string())


def _text(value: Any) -> str | None:
    if value is None or type(value) is float:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else orjson.dumps(value).decode()


def _texts_of_floats(column: pa.Array) -> pa.Array:
    """Return the shortest texts; a whole number has no fraction, as in JavaScript."""
    whole = pc.and_(
        pc.equal(pc.trunc(column), column), pc.less(pc.abs(column), EXACT_FLOAT)
    )
    integers = pc.if_else(whole, column, 0.0).cast(pa.int64())
    return pc.if_else(
        whole, integers.cast(pa.large_string()), column.cast(pa.large_string())
    )
