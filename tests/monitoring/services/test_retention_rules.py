from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from accounts.models import Organization
from monitoring.labels import Matcher, MatchOp
from monitoring.models import LogBlock, RetentionPass, SampleBlock
from monitoring.services import policy
from monitoring.services.append import append_logs, append_samples
from monitoring.services.queries import querier
from monitoring.services.retention import apply_rules
from monitoring.services.retention_rules import RetentionDraft, create_rule
from monitoring.store import registry
from monitoring.telemetry import nanoseconds
from sources.ingest.senders import find_sender
from tests.factories.accounts import make_token
from tests.factories.monitoring import log_batch, sample_batch, system_scope

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def scope(cast):
    registry.forget()
    yield system_scope(cast.acme)
    registry.forget()


def append(scope, age, labels, team=None):
    ns = nanoseconds(NOW - age)
    samples = sample_batch(
        [({"__name__": "up", **one}, ns // 10**6, 1.0) for one in labels]
    )
    outcome = append_samples(scope, samples, team_id=team and team.pk, now=NOW)
    for one in labels:
        append_logs(
            scope, log_batch([(ns, "x")], labels=one), team_id=team and team.pk, now=NOW
        )
    return outcome


def kept(scope):
    bounds = (nanoseconds(NOW + age) // 10**6 for age in (-90 * DAY, DAY))
    found = querier(scope).select([Matcher("__name__", MatchOp.EQUAL, "up")], *bounds)
    return {dict(labels).get("env", "") for labels in found.labels}


def test_the_first_rule_that_takes_a_series_decides(scope, cast):
    for selector, days in (('{env="dev", keep="yes"}', 20), ('{env="dev"}', 2)):
        create_rule(scope, RetentionDraft("metrics", days * DAY, selector))
    append(scope, 5 * DAY, [{"env": "dev"}, {"env": "prod"}])
    append(scope, 5 * DAY, [{"env": "dev", "keep": "yes"}])
    append(scope, DAY, [{"env": "dev"}])

    list(apply_rules(scope, NOW))

    counts = SampleBlock.objects.filter(organization_id=scope.organization_id)
    assert sorted(counts.values_list("count", flat=True)) == [1, 1, 1]
    assert kept(scope) == {"dev", "prod"}


def test_a_teams_rule_decides_about_its_telemetry_only(scope, cast):
    create_rule(scope, RetentionDraft("logs", 2 * DAY, team=cast.payments))
    append(scope, 5 * DAY, [{"env": "ours"}])
    append(scope, 5 * DAY, [{"env": "theirs"}], team=cast.payments)

    list(apply_rules(scope, NOW))

    blocks = LogBlock.objects.filter(organization_id=scope.organization_id)
    assert [block.stream.labels["env"] for block in blocks] == ["ours"]


def test_a_day_is_looked_at_again_only_when_something_has_changed(scope):
    create_rule(scope, RetentionDraft("metrics", 2 * DAY, '{env="dev"}'))
    append(scope, 5 * DAY, [{"env": "dev"}, {"env": "prod"}])
    first = [step.records for step in apply_rules(scope, NOW)]
    second = [step.records for step in apply_rules(scope, NOW)]
    append(scope, 5 * DAY, [{"env": "dev"}])
    third = [step.records for step in apply_rules(scope, NOW)]

    assert (sum(first), second, sum(third)) == (1, [], 1)
    assert RetentionPass.unscoped.filter(signal="metrics").count() == 1


def test_samples_are_taken_as_old_as_the_longest_rule_keeps(scope, cast):
    before = append(scope, 60 * DAY, [{"env": "prod"}]).rejected
    create_rule(scope, RetentionDraft("metrics", 90 * DAY, '{env="prod"}'))
    after = append(scope, 60 * DAY, [{"env": "prod"}]).rejected

    sender = find_sender(make_token(cast.acme), None)

    assert (dict(before), dict(after)) == ({"older_than_retention": 1}, {})
    assert sender.keeps_samples_for == 90 * DAY


def test_nothing_is_kept_longer_than_the_operator_allows(scope):
    create_rule(scope, RetentionDraft("logs", 90 * DAY, '{env="prod"}'))
    mine = Organization.objects.filter(pk=scope.organization_id)
    mine.update(max_retention_days=10, metric_retention_days=20)

    known = policy.policy_of(scope.organization_id)

    assert known.longest("logs") == known.longest("metrics") == 10 * DAY
    assert policy.longest_kept(scope.organization_id, "logs") == 10 * DAY
    assert known.defaults["logs"] == 7 * DAY
