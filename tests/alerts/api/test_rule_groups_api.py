from __future__ import annotations

import pytest

from accounts.models import AuditEntry
from alerts.models import Rule, RuleGroup
from tests.api_client import client_for

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

GROUP = {
    "namespace": "shop",
    "name": "web",
    "interval": "30s",
    "rules": [
        {"kind": "recording", "name": "up:sum", "expr": "sum(up)"},
        {
            "kind": "alerting",
            "name": "Down",
            "expr": "up == 0",
            "for": "2m",
            "labels": {"severity": "critical"},
            "annotations": {"summary": "{{ $labels.job }} is down"},
        },
    ],
}


@pytest.fixture
def api(cast, redis_client):
    return client_for(cast.acme)


def post(api, **changes):
    return api.post("/rule-groups", {**GROUP, **changes}, format="json")


def test_a_group_is_made_read_changed_and_deleted(api):
    created = post(api)
    assert created.status_code == 201, created.json()
    group = created.json()
    assert group["interval_seconds"] == 30
    assert group["rules"][1]["for"] == 120
    path = f"/rule-groups/{group['id']}"
    assert api.get(path).json() == group
    assert [g["id"] for g in api.get("/rule-groups").json()["results"]] == [group["id"]]

    assert api.put(path, group, format="json").json() == group
    changed = api.patch(path, {"interval": "1m"}, format="json").json()
    assert changed["interval_seconds"] == 60
    assert len(changed["rules"]) == 2

    assert api.delete(path).status_code == 204
    assert not RuleGroup.unscoped.exists()
    audited = AuditEntry.unscoped.filter(object_type="alerts.rulegroup")
    actions = audited.order_by("sequence").values_list("action", flat=True)
    assert list(actions) == [f"rule_group.{w}" for w in ("create", "update", "delete")]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"namespace": ""}, "namespace"),
        ({"interval": "soon"}, "interval_seconds"),
        ({"rules": [{"kind": "recording", "name": "a-b", "expr": "up"}]}, "rules"),
        ({"rules": [{"kind": "recording", "name": "a", "expr": "up =="}]}, "rules"),
        ({"rules": [{"kind": "threshold", "name": "a", "expr": "up"}]}, "rules"),
        ({"language": "logql"}, "rules"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_is_wrong_is_said_by_field(api, changes, field):
    response = post(api, **changes)

    assert response.status_code == 400
    assert field in response.json()["error"]["fields"]
    assert not RuleGroup.unscoped.exists()


def test_a_group_is_created_once(api):
    post(api)

    assert post(api).json()["error"]["fields"] == {
        "name": ["Another group has this name."]
    }


def test_a_group_keeps_its_name(api):
    group = post(api).json()

    response = api.patch(f"/rule-groups/{group['id']}", {"name": "b"}, format="json")

    assert response.status_code == 400


def test_a_rule_of_a_group_is_listed_but_changed_with_its_group(api):
    post(api)
    rule = Rule.unscoped.get(name="Down")

    shown = api.get(f"/rules/{rule.pk}").json()
    assert shown["group"]["name"] == "web"
    assert shown["kind"] == "alerting"
    for response in (
        api.delete(f"/rules/{rule.pk}"),
        api.patch(f"/rules/{rule.pk}", {"enabled": False}, format="json"),
    ):
        assert response.status_code == 400
        assert "group" in response.json()["error"]["fields"]


def test_a_viewer_changes_nothing(api, cast):
    group = post(api).json()
    viewer = client_for(cast.acme, "read")

    assert viewer.get("/rule-groups").status_code == 200
    assert viewer.post("/rule-groups", GROUP, format="json").status_code == 403
    assert viewer.delete(f"/rule-groups/{group['id']}").status_code == 403
