from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from accounts.periodic import Call
from monitoring import periodic, tasks
from monitoring.models import LogBlock
from monitoring.services.append import append_logs
from tests.factories.accounts import OrganizationFactory
from tests.factories.monitoring import log_batch, system_scope

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def busy(redis_client):
    """An organization with enough small blocks to merge."""
    scope = system_scope(OrganizationFactory())
    OrganizationFactory()
    for n in range(8):
        batch = log_batch([(int(NOW.timestamp()) * 10**9 + n, "line")])
        append_logs(scope, batch, team_id=None, now=NOW)
    return scope.organization_id


def test_only_where_there_is_enough_compaction_is_due(busy):
    due = [periodic.due(NOW + timedelta(seconds=s)) for s in range(30)]

    call = Call("monitoring.tasks.compact", (busy,))
    assert [calls for calls in due if calls] == [[call], [call]]


def test_compacting_makes_it_no_longer_due(busy):
    tasks.compact(busy)

    assert periodic.due(NOW) == []
    assert LogBlock.objects.get(organization_id=busy).count == 8


def test_hourly_work_is_due_once_an_hour():
    calls = [
        call.path
        for second in range(3600)
        for call in periodic.due(NOW + timedelta(seconds=second))
    ]

    assert sorted(calls) == [
        "monitoring.tasks.apply_retention",
        "monitoring.tasks.compact_finished_days",
        "monitoring.tasks.prepare_partitions",
    ]
