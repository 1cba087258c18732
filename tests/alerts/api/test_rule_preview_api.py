from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from django.utils import timezone

from monitoring.labels import make_labels
from monitoring.services.append import append_logs, append_samples
from monitoring.telemetry import LOG_COLUMNS, Level, LogBatch, SampleBatch
from tests.api_client import client_for
from tests.factories.alerts import make_channel

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

PATTERN = {
    "name": "Errors",
    "kind": "pattern",
    "pattern": "ERROR",
    "group_by": ["source"],
    "levels": [
        {"severity": "warning", "threshold": 3},
        {"severity": "critical", "threshold": 5},
    ],
}


@pytest.fixture
def api(cast):
    return client_for(cast.acme)


@pytest.fixture
def log(cast):
    """Store lines of one stream, so many seconds ago."""

    def store(lines: dict[int, str], *, team=None, **labels):
        now = timezone.now()
        moments = [int((now.timestamp() - ago) * 1e9) for ago in lines]
        columns = [
            [0] * len(lines),
            moments,
            list(lines.values()),
            [int(Level.ERROR)] * len(lines),
        ]
        stream = make_labels({"source": "app"} | labels)
        batch = LogBatch((stream,), pa.table(columns, schema=LOG_COLUMNS))
        team_id = team.pk if team else None
        append_logs(cast.system(), batch, team_id=team_id, now=now)

    return store


def preview(api, body, **times):
    return api.post("/rules/preview", body | times, format="json")


def test_a_patterns_past_is_told_by_the_stored_lines(api, log, cast):
    make_channel(cast.acme, "ops")
    log({3600 - second: f"ERROR {second}" for second in range(5)})
    log({7200 - second: f"INFO {second}" for second in range(5)})

    response = preview(api, PATTERN, range="3h")

    assert response.status_code == 200, response.json()
    body = response.json()
    found = [(a["labels"], a["severity"], len(a["reasons"])) for a in body["alerts"]]
    assert found == [({"source": "app"}, "critical", 4)]
    assert body["alerts"][0]["resolved_at"] is not None
    assert body["told"] == [{"channel": "ops", "kind": "webhook", "times": 2}]
    assert body["complete"] is True


def test_lines_too_far_apart_would_not_have_fired(api, log):
    log({1000: "ERROR", 900: "ERROR", 800: "ERROR"})

    assert preview(api, PATTERN).json()["alerts"] == []


def test_without_any_line_nothing_would_have_fired(api):
    assert preview(api, PATTERN).json()["alerts"] == []


def test_the_preview_shows_no_more_than_its_reader_may_see(cast, log):
    log({1000: "ERROR", 999: "ERROR", 998: "ERROR"}, team=cast.payments)
    theirs = client_for(cast.acme, "read", team=cast.payments)
    others = client_for(cast.acme, "read", team=cast.platform)

    assert len(preview(theirs, PATTERN).json()["alerts"]) == 1
    assert preview(others, PATTERN).json()["alerts"] == []


def test_a_querys_past_is_told_by_the_stored_samples(api, cast):
    now = timezone.now()
    start = int(now.timestamp() * 1000) - 3_600_000
    batch = SampleBatch(
        (make_labels({"__name__": "cpu", "host": "a"}),),
        np.zeros(240, np.int32),
        np.arange(start, start + 3_600_000, 15_000, dtype=np.int64),
        np.where(np.arange(240) // 40 == 2, 95.0, 10.0),
    )
    append_samples(cast.system(), batch, team_id=None, now=now)
    rule = {
        "name": "CPU",
        "kind": "threshold",
        "query": "cpu",
        "levels": [{"severity": "critical", "threshold": 90, "for": "2m"}],
    }

    body = preview(api, rule, range="2h").json()

    assert [alert["labels"] for alert in body["alerts"]] == [{"host": "a"}]
    assert body["alerts"][0]["reasons"][-1] == "value 10 is no longer > 90"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"pattern": "a("}, "pattern"),
        ({"range": "soon"}, "range"),
        ({"start": "2026-01-02T00:00:00Z", "end": "2026-01-01T00:00:00Z"}, "start"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_bad_field_is_named(api, change, field):
    response = preview(api, PATTERN, **change)

    assert response.status_code == 400
    assert list(response.json()["error"]["fields"]) == [field]


def test_a_preview_leaves_nothing_behind(api, log):
    from alerts.models import Alert, Rule

    log({1000: "ERROR", 999: "ERROR", 998: "ERROR"})

    preview(api, PATTERN)

    assert not Rule.unscoped.exists()
    assert not Alert.unscoped.exists()


def test_a_year_is_cut_to_the_last_seven_days(api):
    body = preview(api, PATTERN, range="52w").json()

    start, end = (datetime.fromisoformat(body[name]) for name in ("start", "end"))
    assert end - start == timedelta(days=7)
