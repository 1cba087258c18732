"""What a label may look like, and how rows share label sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from monitoring.labels import LABEL_NAME, METRIC_NAME, Labels, make_labels
from sources.protocols import shown

MAX_LABELS = 64
MAX_NAME_BYTES = 255
MAX_VALUE_BYTES = 2048


class InvalidLabelsError(ValueError):
    """The text says which label is wrong, and what to send instead."""


def check_labels(labels: Any) -> None:
    """A null value means that the label is absent. Raises InvalidLabelsError."""
    if not isinstance(labels, dict):
        raise InvalidLabelsError('labels must be an object, as {"env": "prod"}')
    if len(labels) > MAX_LABELS:
        raise InvalidLabelsError(f"there are {len(labels)} labels; {MAX_LABELS} may be")
    for name, value in labels.items():
        check_label_name(name)
        check_label_value(name, value)


def check_label_name(name: Any) -> None:
    """Raises InvalidLabelsError."""
    if not isinstance(name, str) or not LABEL_NAME.match(name):
        raise InvalidLabelsError(
            f"{shown(name)} is no label name: use letters, digits and _, no digit first"
        )
    if len(name) > MAX_NAME_BYTES:
        raise InvalidLabelsError(
            f"the label name {shown(name)} is longer than {MAX_NAME_BYTES} bytes"
        )
    if name == METRIC_NAME:
        raise InvalidLabelsError(
            f"{METRIC_NAME} cannot be a label: it names the metric"
        )


def check_label_value(name: str, value: Any) -> None:
    """Raises InvalidLabelsError."""
    if value is None:
        return
    if not isinstance(value, str):
        raise InvalidLabelsError(f"label {name} must be a string, not {_kind(value)}")
    if len(value) * 4 > MAX_VALUE_BYTES and len(value.encode()) > MAX_VALUE_BYTES:
        raise InvalidLabelsError(f"label {name} is longer than {MAX_VALUE_BYTES} bytes")
    if "\x00" in value:
        raise InvalidLabelsError(f"label {name} contains a NUL character")


def _kind(value: Any) -> str:
    names = {bool: "a boolean", int: "a number", float: "a number", list: "an array"}
    return names.get(type(value), "an object")


class LabelSets:
    """Gives each distinct label set of a batch its index, with `overrides` put on top."""

    def __init__(self, overrides: Mapping[str, str]) -> None:
        self._overrides = overrides
        self._indexes: dict[Labels, int] = {}

    def index(self, labels: Mapping[str, str | None]) -> int:
        present = {name: value for name, value in labels.items() if value}
        canonical = make_labels({**present, **self._overrides})
        return self._indexes.setdefault(canonical, len(self._indexes))

    @property
    def sets(self) -> tuple[Labels, ...]:
        return tuple(self._indexes)


def index_columns(
    columns: Mapping[str, pa.Array], rows: int, sets: LabelSets
) -> npt.NDArray[np.int32]:
    """Return each row's index into `sets`, where `columns` holds one label each."""
    code = np.zeros(rows, np.int64)
    for column in columns.values():
        code = _densified(code * (len(column) + 1) + _codes(column))
    _, first, inverse = np.unique(code, return_index=True, return_inverse=True)
    indexes = np.empty(len(first), np.int32)
    for place in np.argsort(first):
        row = int(first[place])
        values = {name: column[row].as_py() for name, column in columns.items()}
        indexes[place] = sets.index(values)
    return indexes[inverse]


def index_rows(
    labels: Sequence[Mapping[str, str | None] | None], sets: LabelSets
) -> npt.NDArray[np.int32]:
    """Return each row's index into `sets`, for rows of any shape."""
    seen: dict[tuple[tuple[str, str | None], ...], int] = {}
    indexes = np.empty(len(labels), np.int32)
    for row, pairs in enumerate(labels):
        key = tuple(pairs.items()) if pairs else ()
        index = seen.get(key)
        if index is None:
            index = seen[key] = sets.index(pairs or {})
        indexes[row] = index
    return indexes


def _codes(column: pa.Array) -> npt.NDArray[np.int64]:
    """Return a small number for each distinct value; null has one too."""
    encoded = column.dictionary_encode(null_encoding="encode")
    return np.asarray(encoded.indices.to_numpy(zero_copy_only=False), np.int64)


def _densified(code: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Keep combined codes below the number of rows, so that they never overflow."""
    return _codes(pa.array(code))
