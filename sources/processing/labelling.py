"""Extra labels of streams: fixed ones, and fields that become labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from monitoring.labels import Labels, make_labels
from monitoring.telemetry import FIELD_PREFIX
from sources.formats.spans import Ints
from sources.processing.rules import OTHER, Promotion

# Says which of some values may be used: (what they are for, the values, at most how
# many there may ever be) -> those that may.
Admit = Callable[[str, Sequence[str], int], set[str]]
# A longer value of a label is no value: it stays a field.
LONGEST_VALUE = 256


def labelled(
    extra: Mapping[str, str],
    promotions: Sequence[Promotion],
    streams: Sequence[Labels],
    table: pa.Table,
    admit: Admit,
) -> tuple[tuple[Labels, ...], pa.Table]:
    """Return streams with the labels that the rules add, and which line is in which.

    What the sender has said of a stream counts more than a fixed label, and a field
    less than either. Fields stay fields.
    """
    streams = tuple(make_labels({**extra, **dict(labels)}) for labels in streams)
    for promotion in promotions:
        streams, table = _promoted(promotion, streams, table, admit)
    return streams, table


def admitted(
    column: Any, slot: str, most: int, admit: Admit
) -> tuple[Ints, tuple[str, ...]]:
    """Return for each row its place among some values, and the values.

    Value 0 is "", that of rows without one; what is not admitted is OTHER.
    """
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    encoded = pc.dictionary_encode(pc.utf8_slice_codeunits(column, 0, LONGEST_VALUE))
    texts = encoded.dictionary.to_pylist()
    allowed = admit(slot, [text for text in texts if text], most)
    values: dict[str, int] = {"": 0}
    places = [
        values.setdefault(text if not text or text in allowed else OTHER, len(values))
        for text in texts
    ]
    codes = pc.fill_null(encoded.indices, len(places)).to_numpy()
    return np.array([*places, 0], np.int64)[codes], tuple(values)


def _promoted(
    promotion: Promotion, streams: tuple[Labels, ...], table: pa.Table, admit: Admit
) -> tuple[tuple[Labels, ...], pa.Table]:
    name = FIELD_PREFIX + promotion.field
    if name not in table.column_names:
        return streams, table
    slot = f"label:{promotion.label}"
    places, values = admitted(table.column(name), slot, promotion.most, admit)
    pairs = table.column("stream").to_numpy().astype(np.int64) * len(values) + places
    used, index = np.unique(pairs, return_inverse=True)
    made = tuple(
        make_labels({promotion.label: values[pair % len(values)],
                     **dict(streams[pair // len(values)])})
        for pair in used.tolist()
    )  # fmt: skip
    column = pa.array(index.astype(np.int32))
    return made, table.set_column(table.column_names.index("stream"), "stream", column)
