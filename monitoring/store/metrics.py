"""Names of metrics and what their senders say about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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

    An unknown type or an empty text never replaces a known one.
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
    _update(owner, changed)
    known.put_on_commit({key[name]: said for name, said in changed.items()}, now)


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
