"""Matching lines counted by the second, and summed over a rule's sliding window.

Lines count when they arrive, whatever time they carry. Who changes the counts of an
organization holds its lock until the commit, so that concurrent drains and the
periodic evaluation see each other's lines and never wait for each other in a circle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson
from django.db import connection

from alerts.models import PatternCount
from monitoring.labels import Labels, fingerprint

_LOCK_CLASS = 0x50415454  # "PATT"
_GRACE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Group:
    """Where the lines of one alert of a pattern rule are counted.

    `team_id` is the team of the lines where the rule itself has none: their alert is
    seen by whom the lines are seen.
    """

    rule_id: int
    labels: Labels
    team_id: int | None

    @property
    def fingerprint(self) -> int:
        return fingerprint(self.labels, salt=self.team_id or 0)


def lock(organization_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK_CLASS, organization_id]
        )


_ADD = """
INSERT INTO alerts_patterncount (rule_id, fingerprint, labels, second, count)
SELECT rule_id, fingerprint, labels::jsonb, %s, count
FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::bigint[])
     AS new (rule_id, fingerprint, labels, count)
ON CONFLICT (rule_id, fingerprint, second)
DO UPDATE SET count = alerts_patterncount.count + excluded.count
"""


def add(counts: Mapping[Group, int], *, now: datetime) -> None:
    """Add matching lines to the current second; hold the lock."""
    groups = list(counts)
    with connection.cursor() as cursor:
        cursor.execute(
            _ADD,
            [
                now.replace(microsecond=0),
                [group.rule_id for group in groups],
                [group.fingerprint for group in groups],
                [orjson.dumps(dict(group.labels)).decode() for group in groups],
                [counts[group] for group in groups],
            ],
        )


_SUMS = """
SELECT asked.rule_id, asked.fingerprint, sum(bucket.count)
FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[])
     AS asked (rule_id, fingerprint, after)
JOIN alerts_patterncount bucket
  ON bucket.rule_id = asked.rule_id AND bucket.fingerprint = asked.fingerprint
 AND bucket.second > asked.after
GROUP BY 1, 2
"""


def sums(
    keys: Sequence[tuple[int, int]], windows: Mapping[int, timedelta], *, now: datetime
) -> dict[tuple[int, int], int]:
    """Return the lines in the window for (rule, fingerprint) pairs; absent means none."""
    with connection.cursor() as cursor:
        cursor.execute(
            _SUMS,
            [
                [rule_id for rule_id, _ in keys],
                [key for _, key in keys],
                [now - windows[rule_id] for rule_id, _ in keys],
            ],
        )
        return {(rule, key): int(count) for rule, key, count in cursor.fetchall()}


_PRUNE = """
DELETE FROM alerts_patterncount bucket USING alerts_rule rule
WHERE bucket.rule_id = rule.id AND rule.organization_id = %s
  AND bucket.second <= %s - make_interval(secs => rule.window_seconds)
"""


def prune(organization_id: int, *, now: datetime) -> None:
    """Delete what has left its rule's window for good, which needs no lock."""
    with connection.cursor() as cursor:
        cursor.execute(_PRUNE, [organization_id, now - _GRACE])


def forget(rule_id: int, key: int) -> None:
    """Begin the count of one group anew; hold the lock."""
    PatternCount.objects.filter(rule_id=rule_id, fingerprint=key).delete()
