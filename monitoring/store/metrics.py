"""Names of metrics and what their senders say about them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from datetime import datetime

from monitoring.store.connection import execute, fetch
from monitoring.store.known import KnownIds
from monitoring.store.owner import Owner, lock
from monitoring.telemetry import MetricMetadata, MetricType

known = KnownIds[MetricMetadata]()


def register(owner: Owner, names: Sequence[str]) -> dict[str, int]:
    execute(
        "INSERT INTO monitoring_metric (organization_id, name, type, unit, help)"
        " SELECT %s, name, %s, '', '' FROM unnest(%s::text[]) AS n(name)"
        " ON CONFLICT DO NOTHING",
        [owner.organization_id, MetricType.UNKNOWN.value, list(names)],
    )
    rows = fetch(
        "SELECT name, id FROM monitoring_metric"
        " WHERE organization_id = %s AND name = ANY(%s::text[])",
        [owner.organization_id, list(names)],
    )
    return dict(rows)


def describe(
    owner: Owner, metadata: Mapping[str, MetricMetadata], *, now: datetime
) -> None:
    """Store what senders say of their metrics, where it differs from what is known.

    An unknown type or an empty text never replaces a known one. What is said of a
    metric that has no series yet is said again by its sender, and kept then.
    """
    key = {name: (owner.organization_id, name) for name in metadata}
    changed = {
        name: said
        for name, said in sorted(metadata.items())
        if said != MetricMetadata() and known.get(key[name], now) != said
    }
    if not changed:
        return
    lock(owner)
    by_name = {
        name: said for family, said in changed.items() for name in _names(family, said)
    }
    _update(owner, by_name)
    there = _there(owner, list(by_name))
    described: dict[Hashable, MetricMetadata] = {
        key[family]: said
        for family, said in changed.items()
        if there.issuperset(_names(family, said)[-1:])
    }
    known.put_on_commit(described, now)


# What the names of a family's series end in; the last is always there.
_PARTS = {
    MetricType.COUNTER: ("", "_total"),
    MetricType.HISTOGRAM: ("_bucket", "_sum", "_count"),
    MetricType.GAUGE_HISTOGRAM: ("_bucket", "_gsum", "_gcount"),
    MetricType.SUMMARY: ("", "_sum", "_count"),
    MetricType.INFO: ("", "_info"),
}


def _names(family: str, said: MetricMetadata) -> list[str]:
    """Return the names that series of the family have: metadata go by family."""
    parts = _PARTS.get(said.type, ("",))
    endings = tuple(part for part in parts if part)
    if endings and family.endswith(endings):
        return [family]
    return [f"{family}{part}" for part in parts]


def _there(owner: Owner, names: Sequence[str]) -> set[str]:
    rows = fetch(
        "SELECT name FROM monitoring_metric"
        " WHERE organization_id = %s AND name = ANY(%s::text[])",
        [owner.organization_id, list(names)],
    )
    return {name for (name,) in rows}


def _update(owner: Owner, changed: Mapping[str, MetricMetadata]) -> None:
    execute(
        "UPDATE monitoring_metric AS m SET"
        " type = CASE WHEN n.type = 'unknown' THEN m.type ELSE n.type END,"
        " unit = CASE WHEN n.unit = '' THEN m.unit ELSE n.unit END,"
        " help = CASE WHEN n.help = '' THEN m.help ELSE n.help END"
        " FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[])"
        " AS n(name, type, unit, help)"
        " WHERE m.organization_id = %s AND m.name = n.name"
        " AND (m.type, m.unit, m.help) IS DISTINCT FROM (n.type, n.unit, n.help)",
        [
            list(changed),
            [said.type.value for said in changed.values()],
            [said.unit[:50] for said in changed.values()],
            [said.help for said in changed.values()],
            owner.organization_id,
        ],
    )
