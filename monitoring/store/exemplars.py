"""Exemplars: few rows beside many samples, so each is a row of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import orjson

from monitoring.labels import Labels
from monitoring.store.connection import execute, fetch
from monitoring.store.registry import storable

Int64s = npt.NDArray[np.int64]

# What a question is answered with at most, the latest first.
MAX_ANSWERED = 10_000


@dataclass(frozen=True, slots=True)
class StoredExemplar:
    series_id: int
    ts_ms: int
    value: float
    labels: dict[str, str]


def append(
    organization_id: int,
    series: Int64s,
    ts_ms: Int64s,
    values: npt.NDArray[np.float64],
    labels: Sequence[Labels],
) -> None:
    """Keep what is new; one that was sent before is passed over."""
    execute(
        "INSERT INTO monitoring_exemplar"
        " (organization_id, series_id, ts_ms, value, labels)"
        " SELECT %s, series, ts, value, labels::jsonb FROM unnest(%s::bigint[],"
        " %s::bigint[], %s::float8[], %s::text[]) AS n(series, ts, value, labels)"
        " ORDER BY series, ts ON CONFLICT DO NOTHING",
        [
            organization_id,
            series.tolist(),
            ts_ms.tolist(),
            values.tolist(),
            [orjson.dumps(storable(one)).decode() for one in labels],
        ],
    )


def read(
    organization_id: int, series: Sequence[int], start_ms: int, end_ms: int
) -> Iterator[StoredExemplar]:
    """Yield those of the series by series and time, the latest if there are many."""
    rows = fetch(
        "SELECT series_id, ts_ms, value, labels FROM ("
        " SELECT * FROM monitoring_exemplar"
        " WHERE organization_id = %s AND ts_ms BETWEEN %s AND %s"
        " AND series_id = ANY(%s::bigint[]) ORDER BY ts_ms DESC LIMIT %s) AS latest"
        " ORDER BY series_id, ts_ms",
        [organization_id, start_ms, end_ms, list(series), MAX_ANSWERED],
    )
    return (StoredExemplar(*row) for row in rows)


def delete_before(ts_ms: int) -> int:
    return execute("DELETE FROM monitoring_exemplar WHERE ts_ms < %s", [ts_ms])
