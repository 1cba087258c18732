from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from alerts.models import Alert
from sources.models import BatchKind, InboxBatch, Source, SourceState
from sources.services.health import health

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


def make_alert(cast, severity, status="firing", team=None):
    return Alert.unscoped.create(
        organization=cast.acme,
        team=team,
        name="Checkout p95",
        fingerprint=Alert.unscoped.count(),
        status=status,
        severity=severity,
        started_at=timezone.now(),
    )


def status(cast, scope=None):
    return health(scope or cast.system(), timezone.now())["status"]


def test_without_trouble_it_is_ok(cast):
    assert status(cast) == "ok"


@pytest.mark.parametrize(
    ("severity", "expected"),
    [
        ("critical", "critical"),
        ("error", "critical"),
        ("warning", "warning"),
        ("info", "ok"),
    ],
)
def test_a_firing_alert_tells_by_its_severity(cast, severity, expected):
    make_alert(cast, severity)

    assert status(cast) == expected


@pytest.mark.parametrize("quiet", ["pending", "acknowledged", "resolved"])
def test_only_firing_alerts_count_against_it(cast, quiet):
    make_alert(cast, "critical", status=quiet)

    assert status(cast) == "ok"


def test_a_source_in_error_is_a_warning(cast):
    source = Source.unscoped.create(organization=cast.acme, kind="push", name="app")
    SourceState.objects.create(
        source=source, last_error="cannot read", last_error_at=timezone.now()
    )

    assert status(cast) == "warning"


def test_a_pipeline_that_lags_is_a_warning(cast):
    InboxBatch.objects.create(
        organization=cast.acme,
        priority=1,
        kind=BatchKind.LOGS,
        payload=b"",
        count=1,
        size=1,
        received_at=timezone.now() - timedelta(minutes=1),
    )

    assert status(cast) == "warning"


def test_another_teams_alerts_are_not_in_it(cast):
    make_alert(cast, "critical", team=cast.platform)

    assert status(cast, cast.scope(cast.bob)) == "ok"


def test_another_organizations_alerts_are_not_in_it(cast):
    make_alert(cast, "critical")

    assert status(cast, cast.system(cast.globex)) == "ok"
