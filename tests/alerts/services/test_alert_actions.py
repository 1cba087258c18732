from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import PermissionDenied

from accounts.models import AuditEntry
from alerts.models import Alert, Notification, Transition
from alerts.services import alerts
from alerts.services.alerts import AlertConflictError, UnknownAssigneeError
from alerts.services.notifications import enqueue
from tests.factories.alerts import make_alert, make_channel, make_rule, threshold_draft

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def timeline(alert: Alert) -> list[tuple[str, str, str, str]]:
    rows = alert.transitions.values_list("kind", "to_status", "actor_name", "note")
    return list(rows)


def test_acknowledging_names_who_and_when(cast):
    alert = make_alert(cast.acme)

    after = alerts.acknowledge(
        cast.scope(cast.alice), alert, now=NOW, note="On my way."
    )

    assert (after.status, after.acknowledged_at) == ("acknowledged", NOW)
    assert after.acknowledged_by == "alice@example.org"
    assert timeline(alert) == [
        ("acknowledge", "acknowledged", "alice@example.org", "On my way.")
    ]


def test_acknowledging_is_in_the_audit_log(cast):
    alert = make_alert(cast.acme)

    alerts.acknowledge(cast.scope(cast.alice), alert, now=NOW, note="On my way.")

    entry = AuditEntry.unscoped.get()
    assert (entry.action, entry.object_id) == ("alert.acknowledge", str(alert.pk))
    assert entry.before == {"status": "firing", "assignee": None}
    assert entry.after == {
        "status": "acknowledged",
        "assignee": None,
        "note": "On my way.",
    }


def test_acknowledging_twice_is_done_once(cast):
    alert = make_alert(cast.acme)
    alerts.acknowledge(cast.scope(cast.alice), alert, now=NOW)

    alerts.acknowledge(cast.scope(cast.alice), alert, now=NOW + timedelta(minutes=1))

    alert.refresh_from_db()
    assert alert.acknowledged_at == NOW
    assert len(timeline(alert)) == 1


def test_an_acknowledgement_can_be_taken_back(cast):
    alert = make_alert(cast.acme)
    scope = cast.scope(cast.alice)
    alerts.acknowledge(scope, alert, now=NOW)

    after = alerts.unacknowledge(scope, alert, now=NOW)

    assert (after.status, after.acknowledged_by) == ("firing", "")


@pytest.mark.parametrize("act", [alerts.acknowledge, alerts.resolve])
def test_what_is_over_cannot_be_acted_on(cast, act):
    alert = make_alert(cast.acme, status="resolved", resolved_at=NOW)

    with pytest.raises(AlertConflictError):
        act(cast.scope(cast.alice), alert, now=NOW)

    assert not Transition.unscoped.exists()
    assert not AuditEntry.unscoped.exists()


def test_resolving_keeps_the_note_and_tells_who_was_told(cast):
    alert, channel = make_alert(cast.acme), make_channel(cast.acme)
    make_channel(cast.acme, "never told")
    fired = Transition.unscoped.create(
        organization=cast.acme,
        alert=alert,
        at=NOW,
        to_status="firing",
        to_severity="warning",
        reason="value 85 > 80 (warning)",
    )
    Notification.unscoped.create(
        organization=cast.acme,
        alert=alert,
        transition=fired,
        channel=channel,
        next_attempt_at=NOW,
        created_at=NOW,
    )

    after = alerts.resolve(cast.scope(cast.alice), alert, now=NOW, note="Rolled back.")

    assert (after.status, after.resolution) == ("resolved", "Rolled back.")
    assert after.resolved_by == "alice@example.org"
    told = Notification.unscoped.filter(transition__to_status="resolved")
    assert [notification.channel for notification in told] == [channel]


def test_a_threshold_alert_resolved_by_hand_waits_for_its_recovery(cast):
    rule = make_rule(cast.acme, threshold_draft())
    alert = make_alert(cast.acme, rule=rule)

    after = alerts.resolve(cast.scope(cast.alice), alert, now=NOW)

    assert after.awaits_recovery


def test_assigning_names_the_assignee(cast):
    alert = make_alert(cast.acme)

    after = alerts.assign(cast.scope(cast.alice), alert, cast.bob, now=NOW)

    assert after.assignee == cast.bob
    assert Transition.unscoped.get().reason == "assigned to Bob"


def test_an_assignment_can_be_taken_back(cast):
    alert = make_alert(cast.acme, assignee=cast.bob)

    after = alerts.assign(cast.scope(cast.alice), alert, None, now=NOW)

    assert after.assignee is None


def test_a_stranger_cannot_be_assigned(cast):
    alert = make_alert(cast.acme)

    with pytest.raises(UnknownAssigneeError):
        alerts.assign(cast.scope(cast.alice), alert, cast.mallory, now=NOW)


def test_who_may_not_see_the_alert_cannot_be_assigned(cast):
    alert = make_alert(cast.acme, team=cast.payments)

    with pytest.raises(UnknownAssigneeError):
        alerts.assign(cast.scope(cast.alice), alert, cast.carol, now=NOW)


def test_comments_can_be_made_after_the_end(cast):
    alert = make_alert(cast.acme, status="resolved", resolved_at=NOW)

    alerts.comment(cast.scope(cast.alice), alert, now=NOW, note="It was the disk.")

    assert timeline(alert) == [
        ("comment", "resolved", "alice@example.org", "It was the disk.")
    ]


@pytest.mark.parametrize("act", [alerts.acknowledge, alerts.resolve, alerts.comment])
def test_a_viewer_of_the_team_may_not_act(cast, act):
    alert = make_alert(cast.acme, team=cast.payments)

    with pytest.raises(PermissionDenied):
        act(cast.scope(cast.bob), alert, now=NOW, note="x")


def test_a_responder_of_another_team_may_not_act(cast):
    alert = make_alert(cast.acme, team=cast.payments)

    with pytest.raises(PermissionDenied):
        alerts.acknowledge(cast.scope(cast.carol), alert, now=NOW)


def test_a_responder_of_the_team_may_act(cast):
    alert = make_alert(cast.acme, team=cast.platform)

    after = alerts.acknowledge(cast.scope(cast.carol), alert, now=NOW)

    assert after.status == "acknowledged"


def test_nothing_is_sent_where_nobody_is_to_be_told(cast):
    enqueue([], now=NOW)

    assert not Notification.unscoped.exists()
