from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from alerts.api.serializers import AlertSerializer
from alerts.services.presentation import alert_json
from tests.api_client import client_for
from tests.factories.alerts import make_alert

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


@pytest.fixture
def api(cast):
    return client_for(cast.acme)


def post(api, path, body=None):
    return api.post(path, body or {}, format="json")


def names(response) -> list[str]:
    return [alert["name"] for alert in response.json()["results"]]


def test_an_alert_is_shown_whole(api, cast):
    at = datetime(2026, 1, 1, 12, 0, 0, 250_000, tzinfo=UTC)
    alert = make_alert(cast.acme, team=cast.payments, assignee=cast.bob, now=at)

    body = api.get("/alerts").json()["results"][0]

    assert body == {
        "id": alert.pk,
        "name": "CPU",
        "status": "firing",
        "severity": "warning",
        "value": 85.0,
        "labels": {"host": "web-1"},
        "annotations": {},
        "team": {"id": cast.payments.pk, "slug": "payments", "name": "Payments"},
        "rule": None,
        "started_at": "2026-01-01T12:00:00.250000Z",
        "fired_at": "2026-01-01T12:00:00.250000Z",
        "acknowledged_at": None,
        "acknowledged_by": None,
        "assignee": {"id": cast.bob.pk, "name": "Bob"},
        "resolved_at": None,
        "resolved_by": None,
        "resolution": None,
        "url": f"http://localhost:8000/o/acme/alerts/{alert.pk}",
    }


def test_the_schema_describes_what_is_shown(cast):
    shown = alert_json(make_alert(cast.acme))

    assert set(AlertSerializer().fields) == set(shown)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["resolved", "acknowledged", "firing"]),
        ({"status": "firing"}, ["firing"]),
        ({"status": "open"}, ["acknowledged", "firing"]),
        ({"status": "firing,resolved"}, ["resolved", "firing"]),
        ({"status": "pending"}, ["pending"]),
        ({"severity": "critical"}, ["acknowledged"]),
        ({"team": "payments"}, ["firing"]),
        ({"q": "resol"}, ["resolved"]),
        ({"q": "db-7"}, ["acknowledged"]),
        ({"since": "1h"}, ["acknowledged", "firing"]),
        ({"since": "2020-01-01T00:00:00Z", "limit": "1"}, ["resolved"]),
        ({"assignee": "none", "status": "firing"}, ["firing"]),
    ],
)
def test_lists_can_be_filtered(api, cast, query, expected):
    make_alert(cast.acme, name="firing", team=cast.payments)
    make_alert(
        cast.acme,
        name="acknowledged",
        status="acknowledged",
        severity="critical",
        labels={"host": "db-7"},
    )
    long_ago = timezone.now() - timedelta(days=1)
    make_alert(cast.acme, name="resolved", status="resolved", now=long_ago)
    make_alert(cast.acme, name="pending", status="pending")

    assert names(api.get("/alerts", query)) == expected


@pytest.mark.parametrize(
    "query",
    [{"status": "loud"}, {"severity": "x"}, {"since": "soon"}, {"colour": "red"}],
)
def test_a_bad_filter_is_named(api, query):
    response = api.get("/alerts", query)

    assert response.status_code == 400
    assert list(response.json()["error"]["fields"]) == list(query)


def test_an_alert_is_acknowledged_and_resolved(api, cast):
    alert = make_alert(cast.acme)

    first = post(api, f"/alerts/{alert.pk}/acknowledge", {"note": "Looking."})
    second = post(api, f"/alerts/{alert.pk}/acknowledge")
    resolved = post(api, f"/alerts/{alert.pk}/resolve", {"note": "Restarted."})

    assert [r.status_code for r in (first, second, resolved)] == [200, 200, 200]
    assert first.json()["status"] == second.json()["status"] == "acknowledged"
    assert resolved.json()["resolution"] == "Restarted."


def test_what_is_over_answers_a_conflict(api, cast):
    alert = make_alert(cast.acme, status="resolved")

    response = post(api, f"/alerts/{alert.pk}/acknowledge")

    assert response.status_code == 409
    assert response.json() == {
        "error": {
            "code": "conflict",
            "detail": "The alert is resolved: only firing ones wait.",
        }
    }


def test_an_alert_is_assigned_by_id_or_address(api, cast):
    alert, _ = make_alert(cast.acme), cast.carol
    path = f"/alerts/{alert.pk}/assign"

    by_id = post(api, path, {"user": cast.bob.pk}).json()
    by_address = post(api, path, {"user": "CAROL@example.org"}).json()
    to_nobody = post(api, path, {"user": None}).json()

    assert by_id["assignee"]["name"] == "Bob"
    assert by_address["assignee"]["name"] == "Carol"
    assert to_nobody["assignee"] is None


@pytest.mark.parametrize("user", ["mallory@example.org", 10**12, True, ["x"], ""])
def test_whom_nobody_knows_cannot_be_assigned(api, cast, user):
    _ = cast.mallory
    alert = make_alert(cast.acme)

    response = post(api, f"/alerts/{alert.pk}/assign", {"user": user})

    assert response.status_code == 400
    assert "user" in response.json()["error"]["fields"]


def test_the_timeline_is_part_of_the_detail(api, cast):
    alert = make_alert(cast.acme)
    post(api, f"/alerts/{alert.pk}/acknowledge", {"note": "Looking."})
    post(api, f"/alerts/{alert.pk}/comment", {"note": "Disk."})

    detail = api.get(f"/alerts/{alert.pk}").json()
    listed = api.get(f"/alerts/{alert.pk}/transitions").json()

    assert [t["note"] for t in detail["timeline"]] == ["Looking.", "Disk."]
    assert listed["results"] == detail["timeline"]


def test_a_comment_says_something(api, cast):
    alert = make_alert(cast.acme)

    assert post(api, f"/alerts/{alert.pk}/comment").status_code == 400


def test_an_unknown_field_of_an_act_is_named(api, cast):
    alert = make_alert(cast.acme)

    response = post(api, f"/alerts/{alert.pk}/resolve", {"reason": "x"})

    assert response.status_code == 400
    assert "reason" in response.json()["error"]["fields"]


ACTS = ["acknowledge", "unacknowledge", "resolve", "comment", "assign"]


@pytest.mark.parametrize("act", ACTS)
def test_another_organizations_alert_does_not_exist(cast, act):
    alert = make_alert(cast.acme)
    stranger = client_for(cast.globex)

    assert stranger.get("/alerts").json()["results"] == []
    assert stranger.get(f"/alerts/{alert.pk}").status_code == 404
    assert stranger.get(f"/alerts/{alert.pk}/transitions").status_code == 404
    response = post(stranger, f"/alerts/{alert.pk}/{act}", {"note": "x", "user": None})
    assert response.status_code == 404
    alert.refresh_from_db()
    assert alert.status == "firing"


def test_another_teams_alert_does_not_exist(cast):
    alert = make_alert(cast.acme, team=cast.payments)
    api = client_for(cast.acme, "read", "write", team=cast.platform)

    assert api.get(f"/alerts/{alert.pk}").status_code == 404


@pytest.mark.parametrize("act", ACTS)
def test_reading_is_not_enough_to_act(cast, act):
    alert = make_alert(cast.acme)
    api = client_for(cast.acme, "read")

    assert post(api, f"/alerts/{alert.pk}/{act}").status_code == 403


@pytest.mark.parametrize("count", [1, 3])
def test_a_list_of_any_length_costs_the_same(
    api, cast, count, django_assert_max_num_queries
):
    for _ in range(count):
        make_alert(cast.acme, team=cast.payments, assignee=cast.bob)
    api.get("/alerts")

    with django_assert_max_num_queries(4):
        response = api.get("/alerts")

    assert len(response.json()["results"]) == count


def test_pages_follow_each_other(api, cast):
    for number in range(3):
        make_alert(cast.acme, name=f"alert {number}")

    first = api.get("/alerts", {"limit": 2})
    second = api.get(first.json()["next"])

    assert names(first) + names(second) == ["alert 2", "alert 1", "alert 0"]
    assert second.json()["next"] is None


@pytest.mark.parametrize(
    "address",
    [
        "/alerts?source=%00",
        "/alerts?q=%00",
        "/rules?team=%00",
        "/notifications?channel=%00",
    ],
)
def test_a_null_character_is_refused_by_name(cast, address):
    response = client_for(cast.acme).get(address)

    assert response.status_code == 400
    assert "Null characters" in response.json()["error"]["detail"]
