from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from django.db import transaction

from alerts.detection import detect
from alerts.models import Alert, Notification, PatternCount, Rule, Transition
from alerts.services.alerts import resolve
from alerts.services.evaluation import evaluate_due_rules
from alerts.services.rules import delete_rule, update_rule
from monitoring.labels import make_labels
from monitoring.telemetry import LOG_COLUMNS, LogBatch
from tests.factories.alerts import make_channel, make_rule, pattern_draft

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def batch(*lines: str, **labels: str) -> LogBatch:
    return batch_of(dict.fromkeys([make_labels({"source": "app"} | labels)], lines))


def batch_of(streams: dict) -> LogBatch:
    rows = [
        (index, line) for index, lines in enumerate(streams.values()) for line in lines
    ]
    columns = [
        [index for index, _ in rows],
        [0] * len(rows),
        [line for _, line in rows],
        [0] * len(rows),
    ]
    return LogBatch(tuple(streams), pa.table(columns, schema=LOG_COLUMNS))


@pytest.fixture
def see(cast):
    """Detect in lines that arrive at a moment, as the pipeline does."""

    def run(found: LogBatch, *, now=NOW, team=None, organization=None):
        with transaction.atomic():
            detect(
                cast.system(organization),
                found,
                team_id=team.pk if team else None,
                now=now,
            )

    return run


def only_alert() -> Alert:
    return Alert.unscoped.get()


def test_the_fifth_line_is_a_warning_that_the_tenth_worsens(cast, see):
    make_rule(cast.acme, pattern_draft())

    see(batch(*["ERROR payment failed"] * 4))
    assert not Alert.unscoped.exists()
    see(batch("ERROR payment failed", "INFO fine"))
    assert only_alert().severity == "warning"
    see(batch(*["ERROR payment failed"] * 5))

    alert = only_alert()
    assert (alert.status, alert.severity, alert.value) == ("firing", "critical", 10)
    assert alert.labels == {"source": "app"}
    assert [t.reason for t in Transition.unscoped.all()] == [
        "5 matching lines in 1m ≥ 5 (warning)",
        "10 matching lines in 1m ≥ 10 (critical)",
    ]


def test_each_group_has_its_own_alert(cast, see):
    make_rule(cast.acme, pattern_draft())
    app = make_labels({"source": "app", "host": "a"})
    app_b = make_labels({"source": "app", "host": "b"})
    web = make_labels({"source": "web"})

    see(batch_of({app: ["ERROR"] * 3, app_b: ["ERROR"] * 3, web: ["ERROR"] * 4}))

    alert = only_alert()
    assert (alert.labels, alert.value) == ({"source": "app"}, 6)


def test_lines_leave_the_window_after_its_length(cast, see):
    make_rule(cast.acme, pattern_draft())

    see(batch(*["ERROR"] * 4))
    see(batch("ERROR"), now=NOW + 61 * SECOND)

    assert not Alert.unscoped.exists()


def test_the_alert_resolves_when_its_window_is_empty(cast, see):
    rule = make_rule(cast.acme, pattern_draft(), now=NOW)
    see(batch(*["ERROR"] * 5))

    evaluate_due_rules(cast.acme.pk, now=NOW + 30 * SECOND)
    assert only_alert().status == "firing"
    evaluate_due_rules(cast.acme.pk, now=NOW + 61 * SECOND)

    alert = only_alert()
    assert (alert.status, alert.resolved_by) == ("resolved", "system")
    assert Transition.unscoped.last().reason == (
        "0 matching lines in 1m is no longer ≥ 5"
    )
    rule.state.refresh_from_db()
    assert rule.state.due_at == NOW + 75 * SECOND


def test_counts_that_have_left_their_window_are_deleted(cast, see):
    make_rule(cast.acme, pattern_draft(), now=NOW)
    see(batch("ERROR"))

    evaluate_due_rules(cast.acme.pk, now=NOW + 121 * SECOND)

    assert not PatternCount.objects.exists()


def test_a_rule_looks_only_at_the_streams_of_its_matchers(cast, see):
    matchers = [{"name": "env", "op": "=~", "value": "prod|stage"}]
    make_rule(cast.acme, pattern_draft(matchers=matchers))

    see(batch(*["ERROR"] * 5, env="dev"))
    assert not Alert.unscoped.exists()
    see(batch(*["ERROR"] * 5, env="prod"))

    assert only_alert().value == 5


def test_a_teams_rule_does_not_see_other_teams_lines(cast, see):
    make_rule(cast.acme, pattern_draft(team=cast.payments))

    see(batch(*["ERROR"] * 5), team=cast.platform)
    see(batch(*["ERROR"] * 5))
    assert not Alert.unscoped.exists()
    see(batch(*["ERROR"] * 5), team=cast.payments)

    assert only_alert().team == cast.payments


def test_the_alert_on_a_teams_lines_is_the_teams(cast, see):
    make_rule(cast.acme, pattern_draft())

    see(batch(*["ERROR"] * 5), team=cast.payments)
    see(batch(*["ERROR"] * 5))

    teams = [alert.team for alert in Alert.unscoped.order_by("pk")]
    assert teams == [cast.payments, None]


def test_another_organizations_rule_sees_nothing(cast, see):
    make_rule(cast.globex, pattern_draft())

    see(batch(*["ERROR"] * 5))

    assert not Alert.unscoped.exists()


def test_a_new_rule_sees_the_next_line(cast, see):
    see(batch(*["ERROR"] * 5))
    make_rule(cast.acme, pattern_draft())

    see(batch(*["ERROR"] * 5))

    assert only_alert().value == 5


def test_a_changed_pattern_is_armed_at_once(cast, see):
    rule = make_rule(cast.acme, pattern_draft())
    see(batch(*["ERROR"] * 4))

    update_rule(cast.system(), rule, pattern_draft(pattern="FATAL"), now=NOW)
    see(batch(*["ERROR"] * 4, *["FATAL"] * 5))

    assert only_alert().value == 5


def test_a_deleted_rule_is_disarmed_and_its_alert_ends(cast, see):
    rule = make_rule(cast.acme, pattern_draft())
    see(batch(*["ERROR"] * 5))

    delete_rule(cast.system(), rule, now=NOW)
    see(batch(*["ERROR"] * 5))

    alert = only_alert()
    assert (alert.status, alert.rule) == ("resolved", None)
    assert Transition.unscoped.last().reason == "the rule was deleted"


def test_after_a_resolution_by_hand_the_count_begins_anew(cast, see):
    make_rule(cast.acme, pattern_draft())
    see(batch(*["ERROR"] * 9))
    resolve(cast.scope(cast.alice), only_alert(), now=NOW, note="Fixed.")

    see(batch(*["ERROR"] * 4), now=NOW + SECOND)
    assert Alert.unscoped.count() == 1
    see(batch("ERROR"), now=NOW + SECOND)

    found = list(Alert.unscoped.order_by("pk").values_list("status", "value"))
    assert found == [("resolved", 9), ("firing", 5)]


def test_an_alert_and_its_notification_come_and_go_with_the_transaction(cast, see):
    make_rule(cast.acme, pattern_draft())
    channel = make_channel(cast.acme)

    with transaction.atomic():
        detect(cast.system(), batch(*["ERROR"] * 5), team_id=None, now=NOW)
        assert Notification.unscoped.get().channel == channel
        transaction.set_rollback(True)

    assert not Alert.unscoped.exists()
    assert not PatternCount.objects.exists()


def test_a_pattern_may_have_to_hold(cast, see):
    from tests.factories.alerts import level

    held = level("critical", 5.0, comparator="ge", hold_seconds=30)
    make_rule(cast.acme, pattern_draft(levels=(held,)), now=NOW)

    see(batch(*["ERROR"] * 5))
    assert only_alert().status == "pending"
    evaluate_due_rules(cast.acme.pk, now=NOW + 30 * SECOND)

    assert only_alert().status == "firing"


def test_what_dissolves_while_pending_leaves_nothing(cast, see):
    from tests.factories.alerts import level

    held = level("critical", 5.0, comparator="ge", hold_seconds=300)
    make_rule(cast.acme, pattern_draft(levels=(held,)), now=NOW)
    see(batch(*["ERROR"] * 5))

    evaluate_due_rules(cast.acme.pk, now=NOW + 61 * SECOND)

    assert not Alert.unscoped.exists()


def test_a_disabled_rule_is_not_armed(cast, see):
    make_rule(cast.acme, pattern_draft(enabled=False))

    see(batch(*["ERROR"] * 5))

    assert not Alert.unscoped.exists()
    assert Rule.unscoped.get().enabled is False


def test_quiet_batches_cost_one_query(cast, see, django_assert_num_queries):
    make_rule(cast.acme, pattern_draft())
    see(batch("INFO"))

    with django_assert_num_queries(3):  # The savepoint and its release among them.
        see(batch("INFO"))


def test_loud_batches_cost_the_same_for_one_group_and_for_many(
    cast, see, django_assert_max_num_queries
):
    make_rule(cast.acme, pattern_draft())
    streams = [make_labels({"source": f"app-{n}"}) for n in range(20)]

    with django_assert_max_num_queries(22):
        see(batch_of({labels: ["ERROR"] * 5 for labels in streams}))

    assert Alert.unscoped.count() == 20
