from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import AuditEntry
from monitoring.models import DeleteRequest, RetentionRule
from monitoring.services import deletion
from monitoring.services.append import append_logs, append_samples
from monitoring.telemetry import nanoseconds
from tests.api_client import client_for
from tests.factories.monitoring import log_batch, sample_batch, system_scope

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

HOUR = timedelta(hours=1)
RULE = {"signal": "logs", "selector": '{env="dev"}', "keep_for": "2d"}


@pytest.fixture
def client(cast):
    return client_for(cast.acme)


@pytest.fixture
def stored(cast):
    """A day-old and a fresh sample and line, of dev and of prod each."""
    scope, now = system_scope(cast.acme), timezone.now()
    for env in ("dev", "prod"):
        for age in (timedelta(days=3), HOUR):
            ns = nanoseconds(now - age)
            labels = {"__name__": "up", "env": env}
            samples = sample_batch([(labels, ns // 10**6, 1.0)])
            append_samples(scope, samples, team_id=None, now=now)
            lines = log_batch([(ns, f"{env} line")], labels={"env": env})
            append_logs(scope, lines, team_id=None, now=now)
    return scope


def test_a_rule_is_made_changed_and_deleted(client, cast):
    made = client.post("/retention/rules", RULE, format="json").json()
    address = f"/retention/rules/{made['id']}"
    changed = client.patch(address, {"keep_for": "1w"}, format="json").json()
    listed = client.get("/retention/rules").json()["results"]
    gone = client.delete(address)

    assert made == {"id": made["id"], "position": 1, "team": None, **RULE}
    assert changed == {**made, "keep_for": "7d"}
    assert listed == [changed]
    assert gone.status_code == 204
    actions = AuditEntry.unscoped.filter(organization=cast.acme, action__contains="ret")
    assert [entry.action.partition(".")[2] for entry in actions.order_by("pk")] == [
        "create",
        "update",
        "delete",
    ]


def test_rules_are_put_in_order(client):
    ids = [
        client.post("/retention/rules", RULE, format="json").json()["id"]
        for _ in range(3)
    ]

    answer = client.put("/retention/rules/order", {"order": ids[::-1]}, format="json")

    assert answer.status_code == 204
    rules = client.get("/retention/rules").json()["results"]
    assert [rule["id"] for rule in rules] == ids[::-1]
    some = client.put("/retention/rules/order", {"order": ids[:2]}, format="json")
    assert some.json()["error"]["fields"] == {"order": ["Name every rule once."]}


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"keep_for": "soon"}, "keep_for"),
        ({"keep_for": "0h"}, "keep_for"),
        ({"keep_for": "401d"}, "keep_for"),
        ({"selector": "{env=}"}, "selector"),
        ({"selector": 'up{env="dev"}'}, "selector"),
        ({"selector": "rate(up[5m])", "signal": "metrics"}, "selector"),
        ({"signal": "traces"}, "signal"),
        ({"team": "nobodys"}, "team"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(client, wrong, field):
    answer = client.post("/retention/rules", {**RULE, **wrong}, format="json")

    assert answer.status_code == 400
    assert field in answer.json()["error"]["fields"]


def test_only_admins_change_rules(cast):
    member = client_for(cast.acme, "read", "write")

    assert member.get("/retention/rules").status_code == 200
    assert member.post("/retention/rules", RULE, format="json").status_code == 403


def test_a_preview_says_what_would_go(client, stored):
    rule = {"signal": "metrics", "selector": '{env="dev"}', "keep_for": "2d"}
    body = {"rules": [RULE, rule]}

    found = client.post("/retention/preview", body, format="json").json()["results"]

    day = (timezone.now() - timedelta(days=3)).date().isoformat()
    for loss, signal in zip(found, ("metrics", "logs"), strict=True):
        assert loss.pop("bytes") > 0
        assert loss == {
            "signal": signal,
            "series": 1,
            "records": 1,
            "buckets": 0,
            "oldest_day": day,
            "exact": True,
        }
    assert RetentionRule.unscoped.count() == 0


def test_deleted_lines_are_hidden_at_once_and_seen_again_when_taken_back(
    client, stored
):
    body = {"match": ['{env="dev"}'], "start": "0", "end": str(2**33)}

    made = client.post("/logs/delete", body, format="json")
    hidden = client.get("/logs/count").json()["count"]
    append_logs(
        stored,
        log_batch([(nanoseconds(timezone.now()), "later")], labels={"env": "dev"}),
        team_id=None,
        now=timezone.now(),
    )
    later = client.get("/logs/count").json()["count"]
    back = client.delete(f"/retention/deletes/{made.json()['id']}").json()

    assert (made.status_code, made.json()["matched"]) == (202, 1)
    assert (hidden, later) == (2, 3)
    assert back["status"] == "cancelled"
    assert client.get("/logs/count").json()["count"] == 5


def test_what_was_deleted_is_gone_and_cannot_be_taken_back(client, stored):
    body = {"match": ['{env="dev"}'], "start": "0", "end": str(2**33)}
    made = client.post("/logs/delete", body, format="json").json()

    deletion.work_off(timezone.now() + HOUR)

    shown = client.get(f"/retention/deletes/{made['id']}").json()
    assert (shown["status"], shown["deleted"]) == ("done", 2)
    assert client.delete(f"/retention/deletes/{made['id']}").status_code == 409
    assert client.get("/logs/count").json()["count"] == 2


@pytest.mark.parametrize("method", ["post", "put"])
def test_series_are_deleted_as_prometheus_does(client, stored, method):
    answer = getattr(client, method)(
        "/prometheus/api/v1/admin/tsdb/delete_series",
        "match[]=%7Benv%3D%22dev%22%7D",
        content_type="application/x-www-form-urlencoded",
    )

    assert (answer.status_code, answer.content) == (204, b"")
    found = client.get("/metrics/snapshot").json()["metrics"]
    assert "dev" not in {sample["labels"]["env"] for sample in found}
    assert DeleteRequest.unscoped.get().selectors == ['{env="dev"}']


def test_a_delete_without_a_telling_matcher_is_refused(client, stored):
    address = "/prometheus/api/v1/admin/tsdb/delete_series"
    nothing = client.post(address)
    body = {"match": ['{env=~".*"}'], "start": "0", "end": "1"}
    everything = client.post("/metrics/delete", body, format="json")

    assert nothing.json()["errorType"] == "bad_data"
    assert everything.status_code == 400
    assert DeleteRequest.unscoped.count() == 0


def test_the_state_says_defaults_archive_and_troubles(client):
    found = client.get("/retention").json()

    assert found == {
        "defaults": {"metrics": "30d", "logs": "7d"},
        "longest": "400d",
        "archive": [],
        "failing": [],
    }
