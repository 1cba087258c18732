from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from django.db import connection

from alerts import periodic
from alerts.models import Alert, Notification, RuleState, Transition
from alerts.services import alerts as actions
from alerts.services.evaluation import evaluate_due_rules, next_due
from alerts.services.rules import update_rule
from monitoring.labels import make_labels
from monitoring.services.append import append_samples
from monitoring.telemetry import SampleBatch
from tests.factories.alerts import level, make_channel, make_rule, threshold_draft

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture
def measure(cast):
    """Store one value of a series."""

    def store(value: float, at: datetime, *, team=None, organization=None, **labels):
        series = make_labels({"__name__": "cpu", **labels})
        batch = SampleBatch(
            (series,),
            np.zeros(1, np.int32),
            np.array([int(at.timestamp() * 1000)], np.int64),
            np.array([value]),
        )
        team_id = team.pk if team else None
        append_samples(cast.system(organization), batch, team_id=team_id, now=at)

    return store


@pytest.fixture
def at(cast):
    """Evaluate what is due so many seconds after NOW."""

    def evaluate(seconds: float) -> int:
        return evaluate_due_rules(cast.acme.pk, now=NOW + seconds * SECOND)

    return evaluate


def only_alert() -> Alert:
    return Alert.unscoped.get()


def test_an_alert_worsens_eases_and_resolves(cast, measure, at):
    make_rule(cast.acme, threshold_draft(), now=NOW)

    story = []
    for step, value in enumerate([50, 85, 95, 85, 50]):
        measure(value, NOW + 15 * step * SECOND, host="a")
        at(15 * step)
        story.append([(a.status, a.severity) for a in Alert.unscoped.all()])

    assert story == [
        [],
        [("firing", "warning")],
        [("firing", "critical")],
        [("firing", "warning")],
        [("resolved", "warning")],
    ]
    assert [t.reason for t in Transition.unscoped.all()] == [
        "value 85 > 80 (warning)",
        "value 95 > 90 (critical)",
        "value 85 is no longer > 90 (critical recovered, still warning)",
        "value 50 is no longer > 80",
    ]


def test_each_series_is_an_alert_of_its_own(cast, measure, at):
    make_rule(cast.acme, threshold_draft(labels={"tier": "{{ $labels.host }}!"}))
    measure(85, NOW, host="a")
    measure(95, NOW, host="b")
    measure(5, NOW, host="c")

    at(10**9)
    RuleState.objects.update(due_at=NOW)
    at(0)

    found = Alert.unscoped.order_by("pk").values_list("labels", "severity")
    assert sorted(found, key=str) == [
        ({"host": "a", "tier": "a!"}, "warning"),
        ({"host": "b", "tier": "b!"}, "critical"),
    ]


def test_annotations_are_filled_in(cast, measure, at):
    texts = {"summary": "{{ $labels.host }} at {{ $value }} ({{ $labels.severity }})"}
    make_rule(cast.acme, threshold_draft(annotations=texts), now=NOW)
    measure(85, NOW, host="a")

    at(0)

    assert only_alert().annotations == {"summary": "a at 85 (warning)"}


def test_a_held_breach_fires_on_time(cast, measure, at):
    held = (level(hold_seconds=30),)
    make_rule(cast.acme, threshold_draft(levels=held), now=NOW)
    measure(85, NOW, host="a")

    statuses = []
    for seconds in (0, 15, 30):
        at(seconds)
        statuses.append(only_alert().status)

    assert statuses == ["pending", "pending", "firing"]
    assert Transition.unscoped.last().reason == "value 85 > 80 for 30s (warning)"
    assert only_alert().started_at == NOW


def test_a_rule_is_evaluated_on_its_grid_only(cast, at):
    rule = make_rule(cast.acme, threshold_draft(interval_seconds=10), now=NOW)

    evaluated = [at(seconds) for seconds in (0, 5, 13, 19, 20, 47.5)]

    assert evaluated == [1, 0, 1, 0, 1, 1]
    assert RuleState.objects.get(rule=rule).due_at == NOW + 50 * SECOND


@pytest.mark.parametrize(
    ("late", "due"), [(0, 10), (9.9, 10), (10, 20), (25, 30), (86_400, 86_410)]
)
def test_lateness_never_shifts_the_grid(late, due):
    found = next_due(NOW, 10 * SECOND, now=NOW + late * SECOND)

    assert found == NOW + due * SECOND


def test_a_failing_query_leaves_alerts_as_they_are(cast, measure, at):
    rule = make_rule(cast.acme, threshold_draft(), now=NOW)
    measure(85, NOW, host="a")
    at(0)
    failing = 'label_replace(cpu, "host", "same", "", "")'
    rule.__class__.unscoped.filter(pk=rule.pk).update(query=failing)
    measure(85, NOW, host="b")

    at(15)

    assert only_alert().status == "firing"
    rule.state.refresh_from_db()
    assert rule.state.error
    assert rule.state.due_at == NOW + 30 * SECOND


def test_an_alert_of_a_silent_series_stays(cast, measure, at):
    make_rule(cast.acme, threshold_draft(), now=NOW)
    measure(85, NOW, host="a")
    at(0)

    at(3600)

    assert only_alert().status == "firing"


def test_a_query_that_answers_breaches_only_resolves_when_it_is_silent(
    cast, measure, at
):
    make_rule(
        cast.acme,
        threshold_draft(query="cpu > 80", levels=(level(threshold=0.0),)),
        now=NOW,
    )
    measure(85, NOW, host="a")
    at(0)
    measure(50, NOW + 15 * SECOND, host="a")

    at(15)

    assert only_alert().status == "resolved"


def test_the_alert_about_no_answer_at_all(cast, measure, at):
    make_rule(cast.acme, threshold_draft(no_data="alert"), now=NOW)

    at(0)
    assert (only_alert().labels, only_alert().severity) == ({}, "critical")
    measure(50, NOW + 15 * SECOND, host="a")
    at(15)

    assert only_alert().status == "resolved"


def test_an_acknowledgement_outlives_evaluations_but_not_a_worse_level(
    cast, measure, at
):
    make_rule(cast.acme, threshold_draft(), now=NOW)
    measure(85, NOW, host="a")
    at(0)
    actions.acknowledge(cast.scope(cast.alice), only_alert(), now=NOW)

    at(15)
    assert only_alert().status == "acknowledged"
    measure(95, NOW + 30 * SECOND, host="a")
    at(30)

    alert = only_alert()
    assert (alert.status, alert.acknowledged_by) == ("firing", "")


def test_an_alert_resolved_by_hand_comes_back_after_its_condition_ended(
    cast, measure, at
):
    make_rule(cast.acme, threshold_draft(), now=NOW)
    measure(85, NOW, host="a")
    at(0)
    actions.resolve(cast.scope(cast.alice), only_alert(), now=NOW)

    at(15)
    assert Alert.unscoped.count() == 1
    measure(50, NOW + 30 * SECOND, host="a")
    at(30)
    measure(85, NOW + 45 * SECOND, host="a")
    at(45)

    statuses = Alert.unscoped.order_by("pk").values_list("status", "awaits_recovery")
    assert list(statuses) == [("resolved", False), ("firing", False)]


def test_an_alert_resolved_by_hand_comes_back_when_it_is_worse(cast, measure, at):
    make_rule(cast.acme, threshold_draft(), now=NOW)
    measure(85, NOW, host="a")
    at(0)
    actions.resolve(cast.scope(cast.alice), only_alert(), now=NOW)
    measure(95, NOW + 15 * SECOND, host="a")

    at(15)

    found = Alert.unscoped.order_by("pk").values_list("status", "severity")
    assert list(found) == [("resolved", "warning"), ("firing", "critical")]


def test_a_teams_rule_reads_what_its_team_sees(cast, measure, at):
    make_rule(cast.acme, threshold_draft(team=cast.payments), now=NOW)
    measure(85, NOW, host="ours", team=cast.payments)
    measure(85, NOW, host="everyones")
    measure(85, NOW, host="theirs", team=cast.platform)
    measure(85, NOW, host="strange", organization=cast.globex)

    at(0)

    hosts = {alert.labels["host"] for alert in Alert.unscoped.all()}
    assert hosts == {"ours", "everyones"}
    assert {alert.team for alert in Alert.unscoped.all()} == {cast.payments}


def test_firing_worsening_and_the_end_are_told_once_a_channel(cast, measure, at):
    named, default = make_channel(cast.acme, "named", is_default=False), None
    default = make_channel(cast.acme, "default")
    make_channel(cast.acme, "another team's", team=cast.platform)
    make_channel(cast.acme, "off", enabled=False)
    levels = (level(), level("critical", 90.0, channels=(named,)))
    make_rule(cast.acme, threshold_draft(levels=levels), now=NOW)

    for step, value in enumerate([85, 85, 95, 85, 50]):
        measure(value, NOW + 15 * step * SECOND, host="a")
        at(15 * step)

    told = [
        (n.channel, n.transition.to_status, n.transition.to_severity)
        for n in Notification.unscoped.order_by("pk")
    ]
    assert told == [
        (default, "firing", "warning"),
        (named, "firing", "critical"),
        (named, "resolved", "warning"),
        (default, "resolved", "warning"),
    ]


def test_a_changed_query_ends_the_alerts_of_the_old_one(cast, measure, at):
    rule = make_rule(cast.acme, threshold_draft(), now=NOW)
    measure(85, NOW, host="a")
    at(0)

    update_rule(cast.system(), rule, threshold_draft(query="other"), now=NOW)

    assert only_alert().status == "resolved"
    assert Transition.unscoped.last().reason == "the rule was changed"


def test_a_changed_threshold_keeps_the_alert(cast, measure, at):
    rule = make_rule(cast.acme, threshold_draft(), now=NOW)
    measure(85, NOW, host="a")
    at(0)

    update_rule(cast.system(), rule, threshold_draft(levels=(level(),)), now=NOW)
    at(15)

    assert only_alert().status == "firing"


def test_switching_a_rule_off_ends_its_alerts(cast, measure, at):
    rule = make_rule(cast.acme, threshold_draft(), now=NOW)
    measure(85, NOW, host="a")
    at(0)

    update_rule(cast.system(), rule, threshold_draft(enabled=False), now=NOW)

    assert only_alert().status == "resolved"
    assert at(15) == 0


def test_beat_is_told_what_is_due_by_organization(cast):
    make_rule(cast.acme, threshold_draft(), now=NOW)
    make_rule(cast.acme, threshold_draft(name="Second"), now=NOW)
    make_rule(cast.globex, threshold_draft(), now=NOW + 60 * SECOND)

    calls = periodic.due(NOW)

    assert [(call.path, call.args) for call in calls] == [
        ("alerts.tasks.evaluate_rules", (cast.acme.pk,))
    ]


@pytest.mark.django_db(transaction=True)
def test_a_rule_that_another_worker_evaluates_is_left_to_it(cast, measure, at):
    import threading

    from django.db import transaction

    make_rule(cast.acme, threshold_draft(), now=NOW)
    measure(85, NOW, host="a")
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            list(RuleState.objects.select_for_update())
            held.set()
            done.wait(10)
        connection.close()

    worker = threading.Thread(target=hold)
    worker.start()
    held.wait(10)
    try:
        assert at(0) == 0
    finally:
        done.set()
        worker.join()
    assert not Alert.unscoped.exists()


@pytest.mark.parametrize("count", [1, 3])
def test_an_evaluation_costs_the_same_for_any_number_of_alerts(
    cast, measure, at, count, django_assert_max_num_queries
):
    make_rule(cast.acme, threshold_draft(), now=NOW)
    for number in range(count):
        measure(85, NOW, host=f"host-{number}")

    with django_assert_max_num_queries(30):
        at(0)

    assert Alert.unscoped.count() == count
