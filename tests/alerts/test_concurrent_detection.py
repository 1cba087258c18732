"""Workers that see the same rule's lines at the same time."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from django.db import connection, transaction

from accounts.scope import Scope
from alerts.detection import detect
from alerts.models import Alert, PatternCount, Transition
from alerts.services.evaluation import evaluate_due_rules
from monitoring.labels import make_labels
from monitoring.telemetry import LOG_COLUMNS, LogBatch
from tests.factories.alerts import make_rule, pattern_draft

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
WORKERS, ROUNDS = 4, 10


def batch(count: int) -> LogBatch:
    columns = [[0] * count, [0] * count, ["ERROR FATAL"] * count, [0] * count]
    table = pa.table(columns, schema=LOG_COLUMNS)
    return LogBatch((make_labels({"source": "app"}),), table)


def run_together(work, count: int) -> None:
    failures: list[BaseException] = []

    def guarded(number: int) -> None:
        try:
            work(number)
        except BaseException as error:  # noqa: BLE001 - handed to the test
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=guarded, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_no_line_is_counted_twice_or_lost_or_waits_forever(cast):
    make_rule(cast.acme, pattern_draft(), now=NOW)
    make_rule(cast.acme, pattern_draft(name="Fatal", pattern="FATAL"), now=NOW)
    scope: Scope = cast.system()
    organization_id = cast.acme.pk

    def drain(number: int) -> None:
        for _ in range(ROUNDS):
            if number == WORKERS:
                evaluate_due_rules(organization_id, now=NOW)
                continue
            with transaction.atomic():
                detect(scope, batch(1), team_id=None, now=NOW)

    run_together(drain, WORKERS + 1)

    total = WORKERS * ROUNDS
    assert [c.count for c in PatternCount.objects.all()] == [total, total]
    found = Alert.unscoped.values_list("status", "severity", "value")
    assert list(found) == [("firing", "critical", total)] * 2
    kinds = Transition.unscoped.filter(alert__name="Errors")
    assert [t.to_severity for t in kinds] == ["warning", "critical"]
