"""Rules that read lines: standing alone, in groups, by Loki's ruler."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import yaml

from alerts.evaluation.rule_files import RuleFileError, read_group
from alerts.models import Alert, Rule, RuleGroup
from alerts.services.evaluation import evaluate_due_rules
from alerts.services.group_evaluation import evaluate_group
from alerts.services.observations import InvalidQueryError, check_query
from alerts.services.rule_groups import put_group
from monitoring.services import queries
from monitoring.services.append import append_logs
from monitoring.telemetry import nanoseconds
from tests.api_client import client_for
from tests.factories.alerts import level, make_rule, threshold_draft
from tests.factories.monitoring import log_batch

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ERRORS = 'sum by (app) (count_over_time({app="shop"} |= "error" [5m]))'
GROUP = """
name: lines
interval: 1m
rules:
- record: app:errors:count5m
  expr: sum by (app) (count_over_time({app="shop"} |= "error" [5m]))
- alert: Errors
  expr: sum by (app) (count_over_time({app="shop"} |= "error" [5m])) > 1
  labels: {severity: critical}
  annotations: {summary: "{{ $labels.app }} has {{ $value }}"}
"""


@pytest.fixture
def say(cast):
    def _say(*lines, at=NOW, team=None):
        batch = log_batch(
            [(nanoseconds(at) - 10**9, line) for line in lines], labels={"app": "shop"}
        )
        team_id = team.pk if team else None
        append_logs(cast.system(), batch, team_id=team_id, now=at)

    return _say


def test_a_threshold_rule_counts_lines(cast, say):
    draft = threshold_draft(
        query=ERRORS, language="logql", levels=(level(threshold=1),)
    )
    rule = make_rule(cast.acme, draft, now=NOW)
    say("error 1", "fine", "error 2")

    evaluate_due_rules(cast.acme.pk, now=NOW)

    alert = Alert.unscoped.get()
    assert (alert.status, alert.labels["app"]) == ("firing", "shop")
    rule.state.refresh_from_db()
    assert rule.state.error == ""


def test_a_rule_reads_what_its_team_sees(cast, say):
    say("error 1", "error 2", team=cast.payments)
    draft = threshold_draft(
        query=ERRORS,
        language="logql",
        levels=(level(threshold=1),),
        team=cast.platform,
    )
    make_rule(cast.acme, draft, now=NOW)

    evaluate_due_rules(cast.acme.pk, now=NOW)

    assert not Alert.unscoped.exists()


def test_a_query_that_fails_is_the_rules_error(cast, say):
    say("error took=x")
    query = 'sum(sum_over_time({app="shop"} | logfmt | unwrap took [5m]))'
    rule = make_rule(cast.acme, threshold_draft(query=query, language="logql"), now=NOW)

    evaluate_due_rules(cast.acme.pk, now=NOW)

    rule.state.refresh_from_db()
    assert "SampleExtractionErr" in rule.state.error


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ('{app="shop"}', "this is a log query"),
        ("up == 0", "This is not LogQL: parse error at line 1, col "),
        ('rate({app="shop"}[5m]', "This is not LogQL: parse error"),
    ],
)
def test_a_query_that_no_rule_can_have_is_refused(query, words):
    with pytest.raises(InvalidQueryError, match=words):
        check_query(query, "logql")


def test_the_api_takes_and_tells_the_language(cast):
    api = client_for(cast.acme)
    wanted = {
        "name": "Errors",
        "kind": "threshold",
        "query": ERRORS,
        "language": "logql",
        "levels": [{"severity": "warning", "threshold": 5}],
    }

    made = api.post("/rules", wanted, format="json")
    wrong = api.post(
        "/rules", wanted | {"name": "x", "language": "promql"}, format="json"
    )

    assert made.status_code == 201, made.content
    assert made.json()["language"] == "logql"
    assert "This is not PromQL" in str(wrong.json()["error"]["fields"]["query"])


def test_a_preview_shows_what_lines_would_have_raised(cast, say):
    say(*[f"error {n}" for n in range(9)])
    api = client_for(cast.acme)
    rule = {
        "name": "Errors",
        "kind": "threshold",
        "query": ERRORS,
        "language": "logql",
        "interval_seconds": 60,
        "levels": [{"severity": "warning", "threshold": 5}],
    }

    response = api.post(
        "/rules/preview",
        {
            **rule,
            "start": (NOW - timedelta(minutes=30)).isoformat(),
            "end": (NOW + timedelta(minutes=30)).isoformat(),
        },
        format="json",
    )

    assert response.status_code == 200, response.content
    [episode] = response.json()["alerts"]
    assert episode["labels"] == {"app": "shop"}


@pytest.fixture
def group(cast) -> RuleGroup:
    draft = read_group(GROUP, "shop", "logql").groups[0]
    return put_group(cast.system(), draft, None, now=NOW).group


def test_a_group_records_and_alerts_on_lines(cast, say, group):
    say("error 1", "error 2", "fine")

    assert evaluate_group(group.pk, now=NOW + timedelta(minutes=1))

    result = queries.instant(
        cast.system(), "app:errors:count5m", now=NOW + timedelta(minutes=1)
    )
    assert result.values[:, 0].tolist() == [2]
    alert = Alert.unscoped.get()
    assert (alert.name, alert.severity) == ("Errors", "critical")
    assert alert.annotations["summary"] == "shop has 2"
    assert set(Rule.unscoped.values_list("language", flat=True)) == {"logql"}


def test_a_rule_of_a_group_that_fails_says_why(cast, say):
    text = GROUP.replace("count_over_time", "sum_over_time").replace(
        '|= "error" [5m]', "| logfmt | unwrap took [5m]"
    )
    draft = read_group(text, "shop", "logql").groups[0]
    group = put_group(cast.system(), draft, None, now=NOW).group
    say("error took=x")

    evaluate_group(group.pk, now=NOW + timedelta(minutes=1))

    errors = {rule.state.error for rule in Rule.unscoped.all()}
    assert all("SampleExtractionErr" in error for error in errors)


@pytest.mark.parametrize("kind", ["loki", "logql"])
def test_a_file_may_say_that_its_group_reads_lines(kind):
    assert read_group(f"type: {kind}\n{GROUP}", "x").groups[0].language == "logql"


def test_a_group_of_metrics_takes_no_log_query():
    with pytest.raises(RuleFileError, match="could not parse expression"):
        read_group(GROUP, "shop")


BASE = "/loki/api/v1/rules"


def test_lokis_ruler_takes_groups_and_gives_them_back(cast):
    api = client_for(cast.acme)

    posted = api.post(f"{BASE}/shop", GROUP, content_type="application/yaml")
    one = api.get(f"{BASE}/shop/lines")
    every = api.get(BASE)

    expected = yaml.safe_load(GROUP)
    assert posted.status_code == 202
    assert one["Content-Type"] == "application/yaml"
    assert yaml.safe_load(one.content) == expected
    assert yaml.safe_load(every.content) == {"shop": [expected]}
    assert RuleGroup.unscoped.get().language == "logql"


def test_the_rulers_of_both_languages_keep_to_themselves(cast):
    api = client_for(cast.acme)
    api.post(f"{BASE}/shop", GROUP, content_type="application/yaml")

    assert api.get("/prometheus/config/v1/rules").status_code == 404
    assert api.delete("/prometheus/config/v1/rules/shop/lines").status_code == 404
    assert api.delete(f"{BASE}/shop/lines").status_code == 202
    assert api.get(BASE).content == b"no rule groups found\n"


def test_rules_of_lines_are_told_where_loki_mounts_them(cast, say, group):
    say("error 1", "error 2")
    evaluate_group(group.pk, now=NOW + timedelta(minutes=1))
    api = client_for(cast.acme, "read")

    rules = api.get("/prometheus/api/v1/rules").json()["data"]["groups"]
    alerts = api.get("/prometheus/api/v1/alerts").json()["data"]["alerts"]

    assert [g["name"] for g in rules] == ["lines"]
    assert [a["labels"]["alertname"] for a in alerts] == ["Errors"]


def test_another_organization_has_no_such_group(cast, group):
    theirs = client_for(cast.globex)

    assert theirs.get(f"{BASE}/shop/lines").status_code == 404
    assert theirs.delete(f"{BASE}/shop").status_code == 404
