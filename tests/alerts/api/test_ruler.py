from __future__ import annotations

import pytest
import yaml

from alerts.models import Rule, RuleGroup
from tests.api_client import client_for

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

BASE = "/prometheus/config/v1/rules"
GROUP = """
name: web
interval: 30s
query_offset: 10s
limit: 100
labels: {origin: group}
rules:
- record: job:up:sum
  expr: sum by (job) (up)
- alert: Down
  expr: up == 0
  for: 1m30s
  keep_firing_for: 5m
  labels: {severity: critical}
  annotations: {summary: "{{ $labels.instance }} is down"}
"""


@pytest.fixture
def api(cast, redis_client):
    return client_for(cast.acme)


def post(api, namespace="shop", body=GROUP):
    return api.post(f"{BASE}/{namespace}", body, content_type="application/yaml")


def test_a_group_comes_out_as_it_went_in(api):
    response = post(api)

    assert response.status_code == 202
    assert response.json()["status"] == "success"
    found = api.get(f"{BASE}/shop/web")
    assert found["Content-Type"] == "application/yaml"
    expected = yaml.safe_load(GROUP)
    assert yaml.safe_load(found.content) == expected
    assert yaml.safe_load(api.get(BASE).content) == {"shop": [expected]}
    assert yaml.safe_load(api.get(f"{BASE}/shop").content) == {"shop": [expected]}


@pytest.mark.parametrize(
    ("method", "path", "text"),
    [
        ("get", "", "no rule groups found\n"),
        ("get", "/shop", "no rule groups found\n"),
        ("get", "/shop/web", "group does not exist\n"),
        ("delete", "/shop/web", "group does not exist\n"),
        ("delete", "/shop", "group namespace does not exist\n"),
    ],
)
def test_what_is_not_there_is_said_as_mimir_says_it(api, method, path, text):
    response = getattr(api, method)(BASE + path)

    assert response.status_code == 404
    assert response.content.decode() == text


@pytest.mark.parametrize("path", ["/shop/web", "/shop"])
def test_a_group_and_a_namespace_can_be_deleted(api, path):
    post(api)

    response = api.delete(BASE + path)

    assert response.status_code == 202
    assert not RuleGroup.unscoped.exists()
    assert not Rule.unscoped.exists()


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("", "the body must be a rule group"),
        ("{", "line 2: did not find expected node content"),
        ("rules: []", "Groupname must not be empty"),
        ("name: a\nname: b", "the key “name” stands twice"),
        ("name: a\ninterval: soon", "“interval”: not a valid duration string: 'soon'"),
        (
            "name: a\nrules: [{record: a, alert: b, expr: up}]",
            "only one of 'record' and 'alert' must be set",
        ),
        ("name: a\nrules: [{record: a-b, expr: up}]", "invalid recording rule name"),
        (
            "name: a\nrules: [{alert: b, expr: 'up =='}]",
            'group "a", rule 1, "b": could not parse expression',
        ),
        (
            "name: a\nrules: [{record: b, expr: up, for: 1m}]",
            "invalid field 'for' in recording rule",
        ),
        (
            "name: a\nrules: [{alert: b, expr: up, annotations: {x: '{{ if }}'}}]",
            "template of “x”: missing value",
        ),
        ("name: a\nrules: [{alert: b, expr: 'up[5m]'}]", "this is a range vector"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(api, body, complaint):
    response = post(api, body=body)

    assert response.status_code == 400
    assert complaint in response.content.decode()


def test_a_viewer_reads_but_does_not_write(api, cast):
    post(api)
    viewer = client_for(cast.acme, "read")

    assert viewer.get(BASE).status_code == 200
    assert post(viewer).status_code == 403
    assert viewer.delete(f"{BASE}/shop").status_code == 403


def test_a_teams_token_makes_its_teams_groups(api, cast):
    post(client_for(cast.acme, team=cast.payments))

    assert RuleGroup.unscoped.get().team == cast.payments
    other = client_for(cast.acme, team=cast.platform)
    assert other.get(BASE).status_code == 404


def test_grafana_sees_that_rules_can_be_edited(api):
    answer = api.get("/prometheus/api/v1/status/buildinfo").json()

    assert answer["data"]["features"] == {"ruler_config_api": "true"}
