"""Keeps each organization's index of series in this process, and up to date.

One statement per question asks whether anything is newer than the index, or was
deleted: a series is found as soon as it is committed, in every process. New series
of an organization are committed in the order of their ids, because only one
transaction at a time registers (see registry.py).
"""

from __future__ import annotations

import threading
from collections import OrderedDict

import numpy as np

from monitoring.store.connection import fetch
from monitoring.store.series_index import SeriesIndex

# What all indexes of a process may hold together: about 100 bytes a series.
MAX_SERIES = 2_000_000

# It is planned for each question, which takes longer than to answer it. All newer series
# are counted, because a search for the first might go through other organizations'.
_UNCHANGED = """
SELECT coalesce((SELECT generation FROM monitoring_registrychange
    WHERE organization_id = %(organization)s), 0) = %(generation)s
  AND (SELECT count(*) FROM monitoring_series
    WHERE organization_id = %(organization)s AND id > %(last)s) = 0
"""
_NEWS = """
SELECT change.generation, pg_current_xact_id_if_assigned() IS NULL,
  s.id, s.metric_id, s.team_id, m.name, s.labels
FROM (SELECT coalesce((SELECT generation FROM monitoring_registrychange
  WHERE organization_id = %(organization)s), 0) AS generation) change
LEFT JOIN (
  SELECT id, metric_id, team_id, labels::text AS labels FROM monitoring_series
  WHERE organization_id = %(organization)s AND id > %(last)s
) s ON true
LEFT JOIN monitoring_metric m ON m.id = s.metric_id
ORDER BY s.id
"""
_LEFT = """
SELECT change.generation, s.ids
FROM (SELECT coalesce((SELECT generation FROM monitoring_registrychange
  WHERE organization_id = %(organization)s), 0) AS generation) change,
(SELECT coalesce(array_agg(id), '{}') AS ids FROM monitoring_series
  WHERE organization_id = %(organization)s) s
"""

_indexes: OrderedDict[int, SeriesIndex] = OrderedDict()
_lock = threading.Lock()


def index_of(organization_id: int) -> SeriesIndex:
    """Return the index of all series that this transaction can see."""
    with _lock:
        known = _indexes.get(organization_id, SeriesIndex())
    state = {"generation": known.generation, "last": known.last_id}
    ((is_unchanged,),) = fetch(_UNCHANGED, {"organization": organization_id, **state})
    return known if is_unchanged else _renewed(organization_id, known)


def _renewed(organization_id: int, known: SeriesIndex) -> SeriesIndex:
    rows = fetch(_NEWS, {"organization": organization_id, "last": known.last_id})
    generation, clean = rows[0][:2]
    index = known.extended([row[2:] for row in rows if row[2] is not None])
    if generation != index.generation:
        index = _without_deleted(organization_id, index)
    # What an open transaction has written may still be rolled back.
    if clean and index is not known:
        _keep(organization_id, index)
    return index


def _without_deleted(organization_id: int, index: SeriesIndex) -> SeriesIndex:
    ((generation, ids),) = fetch(_LEFT, {"organization": organization_id})
    return index.without_deleted(np.array(ids, np.int64), generation)


def _keep(organization_id: int, index: SeriesIndex) -> None:
    with _lock:
        known = _indexes.get(organization_id)
        if known is None or _is_newer(index, known):
            _indexes[organization_id] = index
        _indexes.move_to_end(organization_id)
        total = sum(map(len, _indexes.values()))
        while total > MAX_SERIES and len(_indexes) > 1:
            total -= len(_indexes.popitem(last=False)[1])


def _is_newer(index: SeriesIndex, than: SeriesIndex) -> bool:
    """Threads may come back in any order."""
    mine = (index.generation, index.last_id)
    return mine > (than.generation, than.last_id)


def forget() -> None:
    """Empty the cache, as a new process has it."""
    with _lock:
        _indexes.clear()
