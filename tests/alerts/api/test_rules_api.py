from __future__ import annotations

import pytest

from accounts.models import AuditEntry
from alerts.models import Rule
from tests.api_client import client_for
from tests.factories.alerts import make_channel, make_rule, pattern_draft

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

PATTERN = {
    "name": "Errors",
    "kind": "pattern",
    "pattern": r"\bERROR\b",
    "levels": [{"severity": "warning", "threshold": 5}],
}
THRESHOLD = {
    "name": "CPU",
    "kind": "threshold",
    "query": "100 * avg_over_time(host_cpu_usage_ratio[1m])",
    "levels": [
        {
            "severity": "warning",
            "comparator": ">",
            "threshold": 80,
            "recovery_threshold": 75,
            "for": "2m",
        },
        {"severity": "critical", "comparator": ">", "threshold": 90, "for": 60},
    ],
}


@pytest.fixture
def api(cast):
    return client_for(cast.acme)


def post(api, body, path="/rules"):
    return api.post(path, body, format="json")


def test_a_threshold_rule_is_created_as_written(api, cast):
    channel = make_channel(cast.acme, "ops")
    levels = [THRESHOLD["levels"][0] | {"channels": ["ops"], "keep_firing_for": "5m"}]

    response = post(api, THRESHOLD | {"levels": levels, "interval": "30s"})

    assert response.status_code == 201, response.json()
    body = response.json()
    assert body["query"] == THRESHOLD["query"]
    assert body["interval_seconds"] == 30
    assert body["levels"] == [
        {
            "severity": "warning",
            "comparator": "gt",
            "threshold": 80.0,
            "recovery_threshold": 75.0,
            "for": 120,
            "keep_firing_for": 300,
            "channels": [channel.pk],
        }
    ]
    assert body["state"]["health"] == "unknown"
    assert AuditEntry.unscoped.get(action="rule.create").after["name"] == "CPU"


def test_a_pattern_rule_counts_lines_in_a_window(api):
    matchers = {"source": "app"}
    options = {"window": "2m", "matchers": matchers, "group_by": ["host"]}

    body = post(api, PATTERN | options).json()

    assert (body["window_seconds"], body["group_by"]) == (120, ["host"])
    assert body["matchers"] == [{"name": "source", "op": "=", "value": "app"}]
    assert body["levels"][0]["comparator"] == "ge"


def test_what_is_answered_can_be_sent_back(api):
    created = post(api, THRESHOLD).json()

    response = api.put(f"/rules/{created['id']}", created, format="json")

    assert response.status_code == 200, response.json()
    again = response.json()
    assert {k: v for k, v in again.items() if k != "updated_at"} == {
        k: v for k, v in created.items() if k != "updated_at"
    }


def test_one_field_can_be_changed(api):
    created = post(api, PATTERN).json()

    response = api.patch(f"/rules/{created['id']}", {"enabled": False}, format="json")

    assert response.json()["enabled"] is False
    assert response.json()["levels"] == created["levels"]


def test_a_deleted_rule_is_gone(api):
    created = post(api, PATTERN).json()

    assert api.delete(f"/rules/{created['id']}").status_code == 204
    assert api.get(f"/rules/{created['id']}").status_code == 404


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"colour": "red"}, "colour", "Unknown field"),
        ({"pattern": "a(b"}, "pattern", "position 1"),
        ({"pattern": ""}, "pattern", "Say which lines"),
        ({"levels": []}, "levels", "at least one level"),
        ({"window": "soon"}, "window_seconds", "no duration"),
        ({"window": "3d"}, "window_seconds", "1 second to 1 day"),
        ({"kind": "magic"}, "kind", "magic"),
        ({"matchers": {"1x": "y"}}, "matchers", "no label name"),
        ({"matchers": ['a=~"("']}, "matchers", "does not compile"),
        ({"group_by": ["a b"]}, "group_by", "no label name"),
        ({"team": "nobody"}, "team", "no team"),
        ({"labels": {"severity": "x"}}, "labels", "set by Vedette"),
    ],
)
def test_a_bad_field_is_named(api, change, field, words):
    response = post(api, PATTERN | change)

    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (400, "invalid")
    assert words in str(error["fields"][field])
    assert not Rule.unscoped.exists()


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("sum(cpu", "PromQL"),
        ("cpu[5m]", "range vector"),
        ("", "Say what to watch"),
        ('"text"', "string"),
    ],
)
def test_a_bad_query_is_refused(api, query, words):
    response = post(api, THRESHOLD | {"query": query})

    assert response.status_code == 400
    assert words in str(response.json()["error"]["fields"]["query"])


def level(severity, threshold, **options):
    return {"severity": severity, "threshold": threshold, **options}


@pytest.mark.parametrize(
    ("levels", "words"),
    [
        ([level("critical", 90), level("warning", 80)], "from mild to worst"),
        ([level("warning", 90), level("critical", 80)], "reached before"),
        ([level("warning", 80), level("warning", 90)], "from mild to worst"),
        ([level("warning", 80, recovery_threshold=85)], "or below"),
        ([level("warning", 80, comparator="lt", recovery_threshold=70)], "or above"),
        ([level("warning", 80, comparator="eq", recovery_threshold=70)], "no sense"),
        ([level("warning", "many")], "Give a number"),
        ([level("warning", 80, comparator="~")], "not a valid choice"),
        ([level("loud", 80)], "not a valid choice"),
        ([level("warning", 80, channels=["nobody"])], "no notification channel"),
        ([level("warning", 80, **{"for": "-1"})], "no duration"),
        ([level("warning", 80, **{"for": "30d"})], "7 days"),
        ([level("warning", 80, colour="red")], "Unknown field"),
    ],
)
def test_levels_that_make_no_sense_are_refused(api, levels, words):
    response = post(api, THRESHOLD | {"levels": levels})

    assert response.status_code == 400
    assert words in str(response.json()["error"]["fields"])


def test_falling_levels_get_worse_downwards(api):
    levels = [
        level("warning", 20, comparator="<"),
        level("critical", 10, comparator="<"),
    ]

    assert post(api, THRESHOLD | {"levels": levels}).status_code == 201


def test_a_pattern_that_would_always_alert_is_refused(api):
    levels = [level("warning", 0, comparator="ge")]

    response = post(api, PATTERN | {"levels": levels})

    assert "Without any matching line" in str(response.json()["error"]["fields"])


def test_two_rules_cannot_have_one_name(api):
    post(api, PATTERN)

    response = post(api, PATTERN)

    assert response.json()["error"]["fields"] == {
        "name": ["Another rule has this name."]
    }


def test_another_organizations_rule_does_not_exist(api, cast):
    theirs = make_rule(cast.globex, pattern_draft())

    assert api.get("/rules").json() == {"results": [], "next": None}
    for method in ("get", "delete"):
        assert getattr(api, method)(f"/rules/{theirs.pk}").status_code == 404
    assert api.patch(f"/rules/{theirs.pk}", {}, format="json").status_code == 404


def test_another_organizations_channel_does_not_exist(api, cast):
    theirs = make_channel(cast.globex, "theirs")
    levels = [level("warning", 80, channels=[theirs.pk])]

    response = post(api, THRESHOLD | {"levels": levels})

    assert "no notification channel" in str(response.json()["error"]["fields"])


def test_another_teams_rule_does_not_exist(cast):
    make_rule(cast.acme, pattern_draft(team=cast.payments))
    api = client_for(cast.acme, "read", "write", team=cast.platform)

    assert api.get("/rules").json()["results"] == []


def test_a_teams_token_may_not_make_rules_for_everyone(cast):
    api = client_for(cast.acme, "read", "write", team=cast.platform)

    assert post(api, PATTERN).status_code == 403
    assert post(api, PATTERN | {"team": "platform"}).status_code == 201


def test_reading_is_not_enough_to_make_rules(cast):
    api = client_for(cast.acme, "read")

    assert api.get("/rules").status_code == 200
    assert post(api, PATTERN).status_code == 403


@pytest.mark.parametrize("count", [1, 3])
def test_a_list_of_any_length_costs_the_same(
    api, cast, count, django_assert_max_num_queries
):
    for number in range(count):
        make_rule(cast.acme, pattern_draft(name=f"Rule {number}"))
    api.get("/rules")

    with django_assert_max_num_queries(6):
        response = api.get("/rules")

    assert len(response.json()["results"]) == count


def test_lists_can_be_filtered(api):
    post(api, PATTERN)
    post(api, THRESHOLD)

    found = api.get("/rules", {"kind": "pattern"}).json()["results"]

    assert [rule["name"] for rule in found] == ["Errors"]


def test_an_unknown_filter_is_named(api):
    response = api.get("/rules", {"colour": "red"})

    assert response.status_code == 400
    assert "colour" in response.json()["error"]["fields"]
