from __future__ import annotations

import pytest
from django.utils import timezone

from alerts.evaluation.rule_files import read_rule_file
from alerts.models import RuleGroupState
from alerts.services.group_evaluation import evaluate_group, latest_tick
from alerts.services.rule_groups import put_group
from monitoring.services.append import append_samples
from tests.api_client import client_for
from tests.factories.alerts import make_alert
from tests.factories.monitoring import sample_batch

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

RULES = "/prometheus/api/v1/rules"
FILE = """
groups:
- name: web
  limit: 10
  labels: {origin: group}
  rules:
  - record: requests:sum
    expr: sum(requests)
  - alert: Busy
    expr: requests > 10
    keep_firing_for: 5m
    labels: {severity: critical}
    annotations: {summary: "{{ $value }} of {{ $labels.job }}"}
- name: broken
  interval: 30s
  rules:
  - record: never
    expr: requests * on() group_left() requests
"""


@pytest.fixture
def groups(cast, redis_client):
    """The groups of FILE in two namespaces; those of the first are evaluated."""
    scope, now = cast.system(), timezone.now()
    for namespace in ("one", "two"):
        for draft in read_rule_file(FILE, namespace).groups:
            group = put_group(scope, draft, None, now=now).group
            if namespace == "two":
                continue
            at = latest_tick(group, now)
            ms = int(at.timestamp() * 1000)
            rows = [({"__name__": "requests", "job": j}, ms, 30.0) for j in "ab"]
            append_samples(scope, sample_batch(rows), team_id=None, now=now)
            RuleGroupState.objects.filter(group=group).update(due_at=at)
            evaluate_group(group.pk, now=now)


@pytest.fixture
def api(cast, groups):
    return client_for(cast.acme, "read")


def get(api, **query):
    response = api.get(RULES, query)
    assert response.status_code == 200, response.content
    return response.json()["data"]


def names(data):
    return [
        (g["file"], g["name"], [r["name"] for r in g["rules"]]) for g in data["groups"]
    ]


def test_a_group_has_prometheus_shape(api):
    group = get(api, **{"file[]": "one", "rule_group[]": "web"})["groups"][0]

    assert {
        k: v
        for k, v in group.items()
        if k not in {"rules", "evaluationTime", "lastEvaluation"}
    } == {
        "name": "web",
        "file": "one",
        "interval": 60,
        "limit": 10,
    }
    record, alert = group["rules"]
    assert record["type"] == "recording"
    assert record["health"] == "ok"
    assert "state" not in record
    assert alert["type"] == "alerting"
    assert (alert["state"], alert["duration"], alert["keepFiringFor"]) == (
        "firing",
        0,
        300,
    )
    assert alert["labels"] == {"origin": "group", "severity": "critical"}
    one, other = sorted(alert["alerts"], key=lambda a: a["labels"]["job"])
    assert (one["labels"]["job"], other["labels"]["job"]) == ("a", "b")
    assert one["value"] == "3e+01"
    assert one["state"] == "firing"
    assert one["annotations"] == {"summary": "30 of a"}
    assert one["labels"]["alertname"] == "Busy"


def test_a_failing_rule_says_why(api):
    (group,) = get(api, **{"file[]": "one", "rule_group[]": "broken"})["groups"]

    (rule,) = group["rules"]
    assert rule["health"] == "err"
    assert rule["lastError"]


def test_what_was_never_evaluated_is_unknown(api):
    (group,) = get(api, **{"file[]": "two", "rule_group[]": "web"})["groups"]

    assert [rule["health"] for rule in group["rules"]] == ["unknown", "unknown"]
    assert group["rules"][1]["state"] == "unknown"
    assert group["lastEvaluation"] == "0001-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"type": "alert", "file[]": "one"}, [("one", "web", ["Busy"])]),
        (
            {"type": "record", "rule_group[]": "web", "file[]": "two"},
            [("two", "web", ["requests:sum"])],
        ),
        ({"rule_name[]": "never", "file[]": "two"}, [("two", "broken", ["never"])]),
        (
            {"match[]": '{severity="critical"}', "file[]": "one"},
            [("one", "web", ["Busy"])],
        ),
        (
            {"match[]": '{origin=~"g.*"}', "file[]": "one"},
            [("one", "web", ["requests:sum", "Busy"])],
        ),
        ({"file[]": "three"}, []),
    ],
)
def test_filters_leave_what_they_name(api, query, found):
    assert names(get(api, **query)) == found


def test_alerts_can_be_left_out(api):
    (group,) = get(
        api, **{"file[]": "one", "rule_group[]": "web", "exclude_alerts": "true"}
    )["groups"]

    assert "alerts" not in group["rules"][1]


def test_groups_come_in_pages(api):
    first = get(api, group_limit=3)
    second = get(api, group_limit=3, group_next_token=first["groupNextToken"])

    assert len(first["groups"]) == 3
    assert len(second["groups"]) == 1
    assert "groupNextToken" not in second


@pytest.mark.parametrize(
    "query",
    [
        {"type": "other"},
        {"exclude_alerts": "perhaps"},
        {"group_limit": "0"},
        {"group_next_token": "x"},
        {"group_limit": "1", "group_next_token": "x"},
        {"match[]": "up{"},
    ],
)
def test_bad_parameters_are_bad_data(api, query):
    response = api.get(RULES, query)

    assert response.status_code == 400
    assert response.json()["errorType"] == "bad_data"


def test_all_open_alerts_are_listed(api, cast):
    make_alert(cast.acme, name="Own", status="pending")
    make_alert(cast.acme, name="Over", status="resolved")

    found = api.get("/prometheus/api/v1/alerts").json()["data"]["alerts"]

    listed = [(a["labels"]["alertname"], a["state"]) for a in found]
    assert listed == [("Busy", "firing"), ("Busy", "firing"), ("Own", "pending")]


def test_there_is_no_alertmanager_to_be_told(api):
    found = api.get("/prometheus/api/v1/alertmanagers").json()["data"]

    assert found == {"activeAlertmanagers": [], "droppedAlertmanagers": []}
