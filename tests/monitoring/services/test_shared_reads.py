from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from monitoring.services import queries
from monitoring.services.append import append_samples
from monitoring.services.shared_reads import SharedReads
from tests.factories.accounts import OrganizationFactory
from tests.factories.monitoring import sample_batch, system_scope

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)

EXPRESSIONS = [
    "up",
    "sum by (job) (rate(up[5m]))",
    "rate(up[10m])",
    "increase(load[30m] offset 3h)",
    "up offset 3h",
    'max_over_time({job=~".+"}[2h])',
    "up - up offset 1h",
    "load @ 1795250000",
    "max_over_time(sum(up)[20m:5m])",
    "absent(nothing)",
]


@pytest.fixture
def scope():
    scope = system_scope(OrganizationFactory())
    samples = [
        (labels, NOW - timedelta(minutes=minutes), 1000.0 * place - minutes)
        for place, labels in enumerate(
            [
                {"__name__": "up", "job": "api"},
                {"__name__": "up", "job": "db"},
                {"__name__": "load", "host": "a"},
            ],
            1,
        )
        for minutes in range(0, 300, 2)
    ]
    batch = sample_batch(
        [(labels, int(at.timestamp() * 1000), value) for labels, at, value in samples]
    )
    append_samples(scope, batch, team_id=None, now=NOW)
    return scope


@pytest.mark.parametrize("expr", EXPRESSIONS)
def test_what_is_read_together_answers_as_each_expression_alone(scope, expr):
    reads = SharedReads(scope, EXPRESSIONS, at=NOW)

    got, alone = reads.instant(expr), queries.instant(scope, expr, now=NOW)

    assert got.labels == alone.labels
    assert got.values.tolist() == alone.values.tolist()
