"""Telling of templates that were not known: on open pages, and in a counter.

A threshold rule may ask the counter how many there were.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.db import transaction

from accounts.scope import Scope
from monitoring import live
from monitoring.labels import METRIC_NAME, Labels, make_labels
from monitoring.models import LogPattern
from monitoring.services.append import LimitExceededError, append_samples
from monitoring.services.patterns import event_json
from monitoring.telemetry import Level, MetricMetadata, MetricType, SampleBatch

logger = logging.getLogger(__name__)

NEW_PATTERNS = "vedette_log_new_patterns_total"
TOPIC = "patterns"

# All that a stream says is new at first: nobody needs to be told.
LEARNING = timedelta(minutes=5)

# The labels that new patterns are counted by.
COUNTED_BY = ("app", "job", "namespace", "service_name", "source")


@dataclass(frozen=True, slots=True)
class Stream:
    """What is told of a stream with its templates."""

    team_id: int | None
    labels: Labels
    created_at: datetime


def tell(
    scope: Scope,
    created: Sequence[LogPattern],
    streams: Mapping[int, Stream],
    mined: Iterable[tuple[int, int]],
    *,
    now: datetime,
) -> None:
    """Count the rows that were created, in this commit, and publish them after it.

    `mined` are the stream and level of all that was found; `streams` has each by id.
    """
    new = [row for row in created if now - streams[row.stream_id].created_at > LEARNING]
    counts: dict[int | None, dict[Labels, int]] = defaultdict(dict)
    for stream_id, level in mined:
        stream = streams[stream_id]
        counts[stream.team_id].setdefault(_counted(stream, level), 0)
    for row in new:
        stream = streams[row.stream_id]
        counts[stream.team_id][_counted(stream, row.level)] += 1
    for team_id, totals in counts.items():
        _append(scope, team_id, totals, now)
    by_team: dict[int | None, list[dict[str, Any]]] = defaultdict(list)
    for row in new:
        labels = dict(streams[row.stream_id].labels)
        by_team[row.team_id].append(event_json(row, labels))
    for team_id, events in by_team.items():
        _publish(scope.organization_id, team_id, events)


def _append(
    scope: Scope, team_id: int | None, totals: Mapping[Labels, int], now: datetime
) -> None:
    """A counter is at 0 before the first, so that it is a rise."""
    batch = SampleBatch(
        series=tuple(totals),
        series_index=np.arange(len(totals), dtype=np.int32),
        ts_ms=np.full(len(totals), int(now.timestamp() * 1000), np.int64),
        values=np.fromiter(totals.values(), np.float64, len(totals)),
        metadata={
            NEW_PATTERNS: MetricMetadata(
                MetricType.COUNTER, "", "Kinds of log lines that were not known."
            )
        },
        is_delta=True,
    )
    try:
        append_samples(scope, batch, team_id=team_id, now=now)
    except LimitExceededError as error:
        logger.info("New patterns are not counted: %s", error)


def _publish(
    organization_id: int, team_id: int | None, events: list[dict[str, Any]]
) -> None:
    transaction.on_commit(
        lambda: live.publish_many(organization_id, TOPIC, events, team_id=team_id)
    )


def _counted(stream: Stream, level: int) -> Labels:
    kept = {name: value for name, value in stream.labels if name in COUNTED_BY}
    return make_labels({**kept, "level": Level(level).word, METRIC_NAME: NEW_PATTERNS})
