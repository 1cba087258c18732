"""Ids of series, metrics and log streams: looked up in bulk, created when new.

Only one transaction at a time registers for an organization, so that two drains that
meet the same new series cannot deadlock, and limits are exact.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson
from django.db import transaction

from monitoring.labels import (
    METRIC_NAME,
    Labels,
    packed_fingerprint,
    unpack_labels,
)
from monitoring.store import metrics
from monitoring.store.connection import Row, execute, fetch
from monitoring.store.known import KnownIds
from monitoring.store.owner import Owner, lock
from monitoring.telemetry import packed_series

# `last_seen` is written this seldom. With the age of cached ids it is true to within
# seven hours, which is what the clean-up of unused series counts on.
TOUCH_AFTER = timedelta(hours=6)
# Of so many new label sets it is worth a look whether they can be taken at all.
MANY_NEW = 1_000


class LimitExceededError(Exception):
    """The organization may not have that many series or log streams."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """One of the two tables of label sets; `columns` make up an id."""

    table: str
    noun: str
    columns: str
    insert: Callable[[Owner, Mapping[int, Labels], datetime], None]
    known: KnownIds[Row]


def forget() -> None:
    """Empty the caches, as a new process has them."""
    for known in (_SERIES.known, _STREAMS.known, metrics.known):
        known.clear()


def resolve_series(
    owner: Owner, series: Sequence[Labels], *, limit: Callable[[], int], now: datetime
) -> list[Row]:
    """Return (series id, metric id) for each label set, registering new ones.

    Packed sets are looked up as they are. `limit` is asked only when there are new
    ones. Raises LimitExceededError before anything is written.
    """
    return _resolve(_SERIES, owner, packed_series(series), limit, now)


def find_series(
    owner: Owner, sets: Sequence[bytes], *, now: datetime
) -> dict[bytes, Row]:
    """Return (series id, metric id) of those packed label sets that are registered.

    They are noted to be in use, as those that are resolved.
    """
    salt = owner.team_id or 0
    prints = {labels: packed_fingerprint(labels, salt=salt) for labels in sets}
    wanted = sorted(prints.values())
    rows = _read(_SERIES, owner, wanted)
    if _unused(rows, now):
        with transaction.atomic():
            lock(owner)
            rows = _read(_SERIES, owner, wanted)
            _touch(_SERIES, owner, _unused(rows, now), now)
    return {
        labels: rows[found][1:] for labels, found in prints.items() if found in rows
    }


def resolve_streams(
    owner: Owner, streams: Sequence[Labels], *, limit: Callable[[], int], now: datetime
) -> list[int]:
    """Return the stream id for each label set, registering new ones.

    `limit` is asked only when there are new ones. Raises LimitExceededError before
    anything is written.
    """
    packed = packed_series(streams)
    return [row[0] for row in _resolve(_STREAMS, owner, packed, limit, now)]


def _resolve(
    kind: _Kind,
    owner: Owner,
    sets: Sequence[bytes],
    limit: Callable[[], int],
    now: datetime,
) -> list[Row]:
    keys = [(owner.organization_id, owner.team_id, hash(labels)) for labels in sets]
    found = kind.known.get_many(keys, now)
    missing: dict[Hashable, bytes] = {
        key: labels
        for key, labels, row in zip(keys, sets, found, strict=True)
        if row is None
    }
    if not missing:
        return [row for row in found if row is not None]
    rows = _look_up(kind, owner, missing, limit, now)
    kind.known.put_on_commit(rows, now)
    return [
        rows[key] if row is None else row for key, row in zip(keys, found, strict=True)
    ]


def _look_up(
    kind: _Kind,
    owner: Owner,
    missing: Mapping[Hashable, bytes],
    limit: Callable[[], int],
    now: datetime,
) -> dict[Hashable, Row]:
    salt = owner.team_id or 0
    prints = {key: packed_fingerprint(p, salt=salt) for key, p in missing.items()}
    wanted = sorted(set(prints.values()))
    rows = _read(kind, owner, wanted)
    new = len(wanted) - len(rows)
    if new > MANY_NEW and new > limit():
        # More than there may be at all: refused before anybody waits for the lock.
        _check_limit(kind, owner, new, limit())
    if len(rows) < len(wanted) or _unused(rows, now):
        by_print = {prints[key]: unpack_labels(p) for key, p in missing.items()}
        rows = _register(kind, owner, by_print, limit, now)
    return {key: rows[prints[key]][1:] for key in missing}


def _register(
    kind: _Kind,
    owner: Owner,
    by_print: Mapping[int, Labels],
    limit: Callable[[], int],
    now: datetime,
) -> dict[int, Row]:
    """Create what does not exist and note what is in use again, alone."""
    lock(owner)
    rows = _read(kind, owner, list(by_print))
    new = {p: labels for p, labels in by_print.items() if p not in rows}
    if new:
        _check_limit(kind, owner, len(new), limit())
        kind.insert(owner, new, now)
    _touch(kind, owner, _unused(rows, now), now)
    return _read(kind, owner, list(by_print))


def _read(kind: _Kind, owner: Owner, prints: list[int]) -> dict[int, Row]:
    """Return (last_seen, *id) of those that exist, by fingerprint."""
    rows = fetch(
        f"SELECT fingerprint, last_seen, {kind.columns} FROM {kind.table}"  # noqa: S608 - constants
        " WHERE organization_id = %s AND fingerprint = ANY(%s::bigint[])",
        [owner.organization_id, prints],
    )
    return {row[0]: row[1:] for row in rows}


def _unused(rows: Mapping[int, Row], now: datetime) -> list[int]:
    return [p for p, row in rows.items() if row[0] < now - TOUCH_AFTER]


def _touch(kind: _Kind, owner: Owner, prints: list[int], now: datetime) -> None:
    if prints:
        execute(
            f"UPDATE {kind.table} SET last_seen = %s"  # noqa: S608 - constants
            " WHERE organization_id = %s AND fingerprint = ANY(%s::bigint[])",
            [now, owner.organization_id, prints],
        )


def _check_limit(kind: _Kind, owner: Owner, new: int, limit: int) -> None:
    ((there,),) = fetch(
        f"SELECT count(*) FROM {kind.table} WHERE organization_id = %s",  # noqa: S608 - constants
        [owner.organization_id],
    )
    if there + new > limit:
        raise LimitExceededError(
            f"{new} new {kind.noun} would exceed the limit of {limit}; {there} exist."
        )


def _insert_series(owner: Owner, new: Mapping[int, Labels], now: datetime) -> None:
    names = {p: dict(labels)[METRIC_NAME] for p, labels in new.items()}
    ids = metrics.register(owner, sorted(set(names.values())))
    prints = list(new)
    execute(
        "INSERT INTO monitoring_series (organization_id, team_id, metric_id, labels,"
        " fingerprint, created_at, last_seen)"
        " SELECT %s, %s, metric, labels::jsonb, print, %s, %s"
        " FROM unnest(%s::bigint[], %s::text[], %s::bigint[]) AS n(metric, labels, print)"
        " ON CONFLICT DO NOTHING",
        [
            owner.organization_id,
            owner.team_id,
            now,
            now,
            [ids[names[p]] for p in prints],
            [_json(new[p]) for p in prints],
            prints,
        ],
    )


def _insert_streams(owner: Owner, new: Mapping[int, Labels], now: datetime) -> None:
    prints = list(new)
    execute(
        "INSERT INTO monitoring_logstream (organization_id, team_id, labels,"
        " fingerprint, created_at, last_seen)"
        " SELECT %s, %s, labels::jsonb, print, %s, %s"
        " FROM unnest(%s::text[], %s::bigint[]) AS n(labels, print)"
        " ON CONFLICT DO NOTHING",
        [
            owner.organization_id,
            owner.team_id,
            now,
            now,
            [_json(new[p]) for p in prints],
            prints,
        ],
    )


def _json(labels: Labels) -> str:
    """The metric's name stands in its own table, not among the labels."""
    stored = storable(pair for pair in labels if pair[0] != METRIC_NAME)
    return orjson.dumps(stored).decode()


def storable(labels: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return labels as PostgreSQL can store them."""
    return {_clean(name): _clean(value) for name, value in labels}


def _clean(text: str) -> str:
    """Replace what PostgreSQL cannot store: NUL, and halves of a surrogate pair."""
    whole = text.encode("utf-8", "replace").decode()
    return whole.replace("\0", "\N{REPLACEMENT CHARACTER}")


_SERIES = _Kind(
    "monitoring_series", "series", "id, metric_id", _insert_series, KnownIds()
)
_STREAMS = _Kind(
    "monitoring_logstream", "log streams", "id", _insert_streams, KnownIds()
)


def delete_unused_series(organization_id: int, before: datetime) -> int:
    """Delete series last seen before then, and metrics left without any."""
    with transaction.atomic():
        lock(Owner(organization_id, None))
        deleted = _delete_unused(_SERIES, organization_id, before)
        execute(
            "DELETE FROM monitoring_metric m WHERE organization_id = %s AND NOT EXISTS"
            " (SELECT FROM monitoring_series s WHERE s.metric_id = m.id)",
            [organization_id],
        )
    return deleted


def delete_unused_streams(organization_id: int, before: datetime) -> int:
    with transaction.atomic():
        lock(Owner(organization_id, None))
        return _delete_unused(_STREAMS, organization_id, before)


def _delete_unused(kind: _Kind, organization_id: int, before: datetime) -> int:
    return execute(
        f"DELETE FROM {kind.table} WHERE organization_id = %s AND last_seen < %s",  # noqa: S608 - constants
        [organization_id, before],
    )
