from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import PermissionDenied

from accounts.models import AuditEntry
from accounts.services.scopes import scope_of_user
from alerts.evaluation.rule_files import read_rule_file
from alerts.models import Alert, Rule, RuleGroup, RuleGroupState
from alerts.services.group_evaluation import evaluate_group, groups_due, latest_tick
from alerts.services.rule_drafts import InvalidRuleError
from alerts.services.rule_groups import (
    Written,
    delete_group,
    draft_of_group,
    put_group,
    visible_groups,
)
from monitoring.services import queries
from monitoring.services.append import append_samples
from tests.factories.accounts import make_token, token_scope
from tests.factories.monitoring import sample_batch

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

RECORDING = """
groups:
- name: web
  interval: 1m
  labels: {origin: group}
  rules:
  - record: job:requests:sum
    expr: sum by (job) (requests)
  - record: job:requests:double
    expr: 2 * job:requests:sum
    labels: {kind: twice}
"""
ALERTING = """
groups:
- name: web
  interval: 1m
  rules:
  - alert: Busy
    expr: requests > 10
    for: 1m
    labels: {severity: page, what: "{{ $labels.job }}"}
    annotations: {summary: "{{ $labels.job }} has {{ $value }} of {{ query `sum(requests)` | first | value }}"}
"""


def put(scope, text, now=NOW, namespace="shop", team=None):
    (draft,) = read_rule_file(text, namespace).groups
    return put_group(scope, draft, team, now=now)


def write(scope, at, **values):
    ms = int(at.timestamp() * 1000)
    rows = [({"__name__": "requests", "job": j}, ms, v) for j, v in values.items()]
    append_samples(scope, sample_batch(rows), team_id=None, now=at)


def asked(scope, expr, at):
    result = queries.instant(scope, expr, now=at)
    column = result.values[:, 0].tolist()
    return dict(zip(result.labels, column, strict=True))


@pytest.fixture
def scope(cast, redis_client):
    return cast.system()


def run(group, at):
    """Evaluate the group at its tick of this minute; return that moment."""
    group = RuleGroup.unscoped.get(pk=group.pk)
    tick = latest_tick(group, at)
    RuleGroupState.objects.filter(group=group).update(due_at=tick)
    assert evaluate_group(group.pk, now=tick + timedelta(milliseconds=300))
    return tick


def test_rules_record_in_order_and_the_later_sees_the_earlier(scope):
    group = put(scope, RECORDING).group
    write(scope, latest_tick(group, NOW), web=3.0, api=4.0)

    at = run(group, NOW)

    assert asked(scope, "job:requests:sum", at) == {
        (("__name__", "job:requests:sum"), ("job", "api"), ("origin", "group")): 4.0,
        (("__name__", "job:requests:sum"), ("job", "web"), ("origin", "group")): 3.0,
    }
    doubled = asked(scope, "sum by (job, kind) (job:requests:double)", at)
    assert doubled == {
        (("job", "api"), ("kind", "twice")): 8.0,
        (("job", "web"), ("kind", "twice")): 6.0,
    }


def test_a_group_is_due_at_its_own_moment_of_each_interval(scope):
    group = put(scope, RECORDING).group
    at = run(group, NOW)

    state = RuleGroupState.objects.get(group=group)

    assert state.evaluated_at == at
    assert state.due_at == at + MINUTE
    assert group.pk not in groups_due(at + MINUTE / 2)
    assert group.pk in groups_due(at + MINUTE)


def test_missed_ticks_are_not_made_up_for(scope):
    group = put(scope, RECORDING).group
    at = run(group, NOW)

    evaluate_group(group.pk, now=at + 10 * MINUTE + timedelta(seconds=2))

    state = RuleGroupState.objects.get(group=group)
    assert state.evaluated_at == at + 10 * MINUTE
    assert not evaluate_group(group.pk, now=at + 10 * MINUTE + timedelta(seconds=3))


def test_a_recorded_series_that_disappears_ends(scope):
    group = put(scope, RECORDING).group
    tick = latest_tick(group, NOW)
    write(scope, tick - 4 * MINUTE, api=4.0)
    write(scope, tick, web=3.0)
    run(group, NOW)

    at = run(group, NOW + 2 * MINUTE)

    sums = asked(scope, "sum by (job) (job:requests:sum)", at)
    assert sums == {(("job", "web"),): 3.0}
    assert asked(scope, "job:requests:double{job='api'}", at) == {}


def test_the_series_of_a_rule_that_is_gone_end_with_the_next_evaluation(scope):
    group = put(scope, RECORDING).group
    write(scope, latest_tick(group, NOW), web=3.0)
    run(group, NOW)
    without = RECORDING.replace("job:requests:double", "job:requests:twice")
    put(scope, without)

    at = run(group, NOW + MINUTE)

    assert asked(scope, "job:requests:double", at) == {}
    assert len(asked(scope, "job:requests:twice", at)) == 1


def test_the_series_of_a_group_that_is_deleted_end(scope):
    group = put(scope, RECORDING).group
    write(scope, latest_tick(group, NOW), web=3.0)
    at = run(group, NOW)

    delete_group(scope, visible_groups(scope).get(), now=at + MINUTE)

    assert asked(scope, "job:requests:sum", at + MINUTE) == {}
    assert not Rule.unscoped.exists()


def test_one_rules_failure_is_its_own(scope):
    group = put(
        scope,
        """
        groups:
        - name: web
          rules:
          - record: broken
            expr: requests * on() group_left() requests
          - record: fine
            expr: sum(requests)
        """,
    ).group
    write(scope, latest_tick(group, NOW), web=3.0, api=4.0)

    at = run(group, NOW)

    broken, fine = Rule.unscoped.select_related("state").order_by("position")
    assert "many-to-many" in broken.state.error or "duplicate" in broken.state.error
    assert fine.state.error == ""
    assert list(asked(scope, "fine", at).values()) == [7.0]


def test_more_series_than_the_groups_limit_are_an_error(scope):
    group = put(scope, RECORDING.replace("interval: 1m", "limit: 1")).group
    write(scope, latest_tick(group, NOW), web=3.0, api=4.0)

    run(group, NOW)

    first = Rule.unscoped.select_related("state").order_by("position").first()
    assert first.state.error == "exceeded limit of 1 with 2 series"


def test_series_that_become_the_same_are_an_error(scope):
    same = RECORDING.replace("labels: {kind: twice}", 'labels: {job: ""}')
    group = put(scope, same).group
    write(scope, latest_tick(group, NOW), web=3.0, api=4.0)

    run(group, NOW)

    last = Rule.unscoped.select_related("state").order_by("position").last()
    assert "same labelset after applying rule labels" in last.state.error


def test_every_series_of_an_alerting_rule_is_a_breach_until_it_is_gone(scope):
    group = put(scope, ALERTING).group
    tick = latest_tick(group, NOW)
    write(scope, tick, web=30.0, api=4.0)

    run(group, NOW)
    alert = Alert.unscoped.get()
    assert (alert.status, alert.severity) == ("pending", "critical")
    assert alert.labels == {"job": "web", "severity": "page", "what": "web"}

    at = run(group, NOW + MINUTE)
    alert.refresh_from_db()
    assert alert.status == "firing"
    assert alert.annotations == {"summary": "web has 30 of 34"}
    firing = asked(scope, 'ALERTS{alertstate="firing"}', at)
    assert list(firing.values()) == [1.0]
    assert asked(scope, 'ALERTS{alertstate="pending"}', at) == {}
    (since,) = asked(scope, "ALERTS_FOR_STATE", at).values()
    assert since == int(tick.timestamp())

    write(scope, at + MINUTE, web=3.0, api=4.0)
    at = run(group, NOW + 2 * MINUTE)
    alert.refresh_from_db()
    assert alert.status == "resolved"
    assert asked(scope, "ALERTS", at) == {}


def test_not_a_number_is_a_breach_too(scope):
    group = put(scope, ALERTING.replace("requests > 10", "requests / 0")).group
    write(scope, latest_tick(group, NOW), web=0.0)

    run(group, NOW)

    assert Alert.unscoped.get().status == "pending"


def test_a_group_is_written_again_without_losing_its_alerts(scope):
    group = put(scope, ALERTING).group
    write(scope, latest_tick(group, NOW), web=30.0)
    run(group, NOW)
    before = Alert.unscoped.get()

    outcome = put(scope, ALERTING.replace("requests > 10", "requests > 20"))

    assert outcome.written is Written.UPDATED
    assert Alert.unscoped.get() == before
    assert Rule.unscoped.get().query == "requests > 20"


def test_a_rule_that_is_written_no_more_resolves_its_alerts(scope):
    group = put(scope, ALERTING.replace("for: 1m", "")).group
    write(scope, latest_tick(group, NOW), web=30.0)
    run(group, NOW)
    assert Alert.unscoped.get().status == "firing"

    put(scope, ALERTING.replace("Busy", "VeryBusy"))

    assert Alert.unscoped.get().status == "resolved"
    assert Rule.unscoped.get().name == "VeryBusy"


def test_the_same_again_changes_and_audits_nothing(scope):
    put(scope, RECORDING)
    audited = AuditEntry.unscoped.count()

    outcome = put(scope, RECORDING)

    assert outcome.written is Written.UNCHANGED
    assert AuditEntry.unscoped.count() == audited


def test_a_groups_draft_is_what_it_was_made_from(scope):
    (draft,) = read_rule_file(ALERTING, "shop").groups
    put_group(scope, draft, None, now=NOW)

    assert draft_of_group(visible_groups(scope).get()) == draft


def test_who_may_not_maintain_writes_nothing(cast):
    with pytest.raises(PermissionDenied):
        put(scope_of_user(cast.carol, "acme"), RECORDING)
    assert not RuleGroup.unscoped.exists()


def test_the_name_of_another_teams_group_is_taken(scope, cast):
    put(scope, RECORDING, team=cast.payments)
    platform = token_scope(make_token(cast.acme, team=cast.platform))

    with pytest.raises(InvalidRuleError, match="Another group has this name"):
        put(platform, RECORDING, team=cast.platform)
    assert RuleGroup.unscoped.get().team == cast.payments
