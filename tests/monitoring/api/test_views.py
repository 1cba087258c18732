from __future__ import annotations

import time
from datetime import timedelta

import pytest
from django.utils import timezone

from monitoring.services.append import append_logs, append_samples
from monitoring.telemetry import Level, MetricMetadata, MetricType
from tests.api_client import client_for
from tests.factories.monitoring import mixed_log_batch, sample_batch

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

LINES = [("one", Level.INFO), ("two failed", Level.ERROR), ("three", Level.WARN)]


def store_lines(
    cast, lines=LINES, *, organization=None, team=None, source="app", age=timedelta(0)
):
    """Store lines one second apart, the last one at that age."""
    now = timezone.now()
    end_ns = time.time_ns() - int(age.total_seconds()) * 1_000_000_000
    start_ns = end_ns - len(lines) * 1_000_000_000
    rows = [
        (start_ns + n * 1_000_000_000, line, level, 0)
        for n, (line, level) in enumerate(lines)
    ]
    batch = mixed_log_batch(rows, streams=[{"source": source, "env": "prod"}])
    scope = cast.system(organization)
    append_logs(scope, batch, team_id=team.pk if team else None, now=now)


def store_samples(cast, *values, name="queue_depth", organization=None, **labels):
    """Store samples ten seconds apart, the last one now."""
    now = timezone.now()
    ms = int(now.timestamp() * 1000)
    samples = [
        ({"__name__": name, **labels}, ms - 10_000 * (len(values) - 1 - n), value)
        for n, value in enumerate(values)
    ]
    metadata = {name: MetricMetadata(MetricType.GAUGE, "jobs", "Waiting jobs.")}
    batch = sample_batch(samples, metadata=metadata)
    append_samples(cast.system(organization), batch, team_id=None, now=now)


def lines_of(response) -> list[str]:
    return [record["line"] for record in response.json()["results"]]


def test_lines_come_newest_first(cast):
    store_lines(cast)

    response = client_for(cast.acme, "read").get("/logs")

    assert lines_of(response) == ["three", "two failed", "one"]


def test_a_line_comes_with_all_that_is_known_of_it(cast):
    store_lines(cast, [("two failed", Level.ERROR)])

    record = client_for(cast.acme, "read").get("/logs").json()["results"][0]

    assert record.pop("timestamp").endswith("Z")
    assert record.pop("id")
    assert record == {
        "line": "two failed",
        "level": "error",
        "labels": {"source": "app", "env": "prod"},
        "fields": {},
        "source": "app",
    }


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("direction=forward", ["one", "two failed", "three"]),
        ("contains=failed", ["two failed"]),
        ("level=warn,error", ["three", "two failed"]),
        ("source=app&limit=1", ["three"]),
        ("source=other", []),
        ('match={env="prod"}&contains=one', ["one"]),
        ('match={env=~"dev|test"}', []),
    ],
)
def test_lines_are_chosen_by_the_parameters(cast, query, expected):
    store_lines(cast)

    response = client_for(cast.acme, "read").get(f"/logs?{query}")

    assert lines_of(response) == expected


def test_pages_follow_each_other_without_gap_or_repetition(cast):
    store_lines(cast, [(f"line {n}", Level.INFO) for n in range(7)])
    client = client_for(cast.acme, "read")

    seen, cursor = [], ""
    while cursor is not None:
        page = client.get("/logs", {"limit": 3, "range": "1h", "cursor": cursor}).json()
        seen += [record["line"] for record in page["results"]]
        cursor = page["next"]

    assert seen == [f"line {n}" for n in reversed(range(7))]


def test_the_next_page_is_an_address_like_that_of_any_list(cast):
    store_lines(cast, [(f"line {n}", Level.INFO) for n in range(5)])
    client = client_for(cast.acme, "read")

    first = client.get("/logs?limit=3&direction=forward").json()
    second = client.get(first["next"].removeprefix("http://testserver")).json()

    lines = [record["line"] for record in [*first["results"], *second["results"]]]
    assert lines == [f"line {n}" for n in range(5)]
    assert second["next"] is None


def test_lists_and_counts_reach_back_as_far_as_lines_are_kept(cast):
    store_lines(cast, age=timedelta(days=6))
    client = client_for(cast.acme, "read")

    assert len(client.get("/logs").json()["results"]) == 3
    assert client.get("/logs/count").json() == {"count": 3}


def test_counts_are_exact(cast):
    store_lines(cast)
    client = client_for(cast.acme, "read")

    counts = [
        client.get(f"/logs/count?{query}").json()["count"]
        for query in ("source=app", "contains=t", "level=error", "source=other")
    ]

    assert counts == [3, 2, 1, 0]


def test_volume_tells_the_levels_apart(cast):
    store_lines(cast)

    answer = client_for(cast.acme, "read").get("/logs/volume?range=1h&step=1h").json()

    total = {}
    for bucket in answer["results"]:
        for level, count in bucket["levels"].items():
            total[level] = total.get(level, 0) + count
    assert {k: v for k, v in total.items() if v} == {"info": 1, "error": 1, "warn": 1}


def test_labels_are_listed_with_their_values(cast):
    store_lines(cast)

    answer = client_for(cast.acme, "read").get("/logs/labels").json()

    assert answer["labels"] == {"env": ["prod"], "source": ["app"]}


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/logs?limit=0", "limit"),
        ("/logs?limit=5001", "limit"),
        ("/logs?level=loud", "level"),
        ("/logs?direction=up", "direction"),
        ("/logs?cursor=nonsense", "cursor"),
        ("/logs?start=yesterday", "start"),
        ("/logs?match={", "match"),
        ("/logs?sauce=app", "sauce"),
        ("/logs/volume?step=1ms", "step"),
        ("/metrics/history", "name"),
        ("/metrics/history?name=x&resolution=0", "resolution"),
        ("/metrics/history?name=x&range=400d&resolution=1s", "resolution"),
    ],
)
def test_a_bad_parameter_is_named(cast, path, field):
    response = client_for(cast.acme, "read").get(path)

    assert response.status_code == 400
    assert field in response.json()["error"]["fields"]


def test_the_snapshot_has_the_latest_sample_of_each_series(cast):
    store_samples(cast, 3, 5, queue="mail")

    metrics = client_for(cast.acme, "read").get("/metrics/snapshot").json()["metrics"]

    assert [(m["name"], m["labels"], m["value"], m["unit"]) for m in metrics] == [
        ("queue_depth", {"queue": "mail"}, 5.0, "jobs")
    ]


def test_the_snapshot_can_be_narrowed_to_some_metrics(cast):
    store_samples(cast, 1, name="a")
    store_samples(cast, 2, name="b")

    answer = client_for(cast.acme, "read").get("/metrics/snapshot?name=b").json()

    assert [m["name"] for m in answer["metrics"]] == ["b"]


def test_a_value_that_is_no_number_is_null(cast):
    store_samples(cast, float("nan"))

    answer = client_for(cast.acme, "read").get("/metrics/snapshot").json()

    assert [m["value"] for m in answer["metrics"]] == [None]


def test_history_summarises_each_step(cast):
    store_samples(cast, 1, 2, 6)

    answer = client_for(cast.acme, "read").get(
        "/metrics/history", {"name": "queue_depth", "range": "10m", "resolution": "10m"}
    )

    body = answer.json()
    series = body["series"][0]
    assert len(body["timestamps"]) == len(series["avg"]) == 1
    assert (series["avg"], series["min"], series["max"], series["last"]) == (
        [3.0],
        [1.0],
        [6.0],
        [6.0],
    )


def test_history_shows_gaps_as_null(cast):
    store_samples(cast, 1)

    answer = client_for(cast.acme, "read").get(
        "/metrics/history", {"name": "queue_depth", "range": "3m", "resolution": "1m"}
    )

    assert answer.json()["series"][0]["avg"][0] is None


def test_another_organizations_telemetry_does_not_exist(cast):
    store_lines(cast)
    store_samples(cast, 1)
    client = client_for(cast.globex, "read")

    assert lines_of(client.get("/logs")) == []
    assert client.get("/logs/count").json() == {"count": 0}
    assert client.get("/logs/labels").json() == {"labels": {}}
    assert client.get("/metrics/snapshot").json()["metrics"] == []
    assert client.get("/metrics/history?name=queue_depth").json()["series"] == []


def test_another_teams_telemetry_does_not_exist(cast):
    store_lines(cast, [("theirs", Level.INFO)], team=cast.platform)
    store_lines(cast, [("everyone's", Level.INFO)])

    response = client_for(cast.acme, "read", team=cast.payments).get("/logs")

    assert lines_of(response) == ["everyone's"]


def test_one_may_publish_on_a_topic_of_ones_own(cast, redis_client):
    client = client_for(cast.acme)

    response = client.post("/live/custom.deploys", {"data": {"v": 418}}, format="json")

    assert response.status_code == 202
    assert redis_client.xlen(f"vedette:live:{cast.acme.pk}:custom.deploys") == 1


def test_one_may_not_publish_on_the_platforms_topics(cast):
    response = client_for(cast.acme).post("/live/alerts", {"data": {}}, format="json")

    assert response.status_code == 400


def test_a_range_without_lines_is_empty(cast):
    store_lines(cast)
    end = timezone.now() - timedelta(hours=5)

    response = client_for(cast.acme, "read").get("/logs", {"end": end.isoformat()})

    assert lines_of(response) == []
