"""query_exemplars: what came with samples is found by any expression over them."""

from __future__ import annotations

import numpy as np
import pytest

from monitoring.services.append import append_samples
from monitoring.services.exemplars import KEPT, delete_old
from monitoring.services.retention import apply_retention
from monitoring.telemetry import Exemplars, SampleBatch
from tests.api_client import client_for
from tests.monitoring.api.prometheus.conftest import NOW, PrometheusClient

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

AT_MS = int(NOW.timestamp() * 1000)
BUCKET = (("__name__", "request_bucket"), ("le", "1"))
OTHER = (("__name__", "other"),)


@pytest.fixture
def exemplars(cast):
    def _append(*rows, team=None):
        batch = SampleBatch(
            (BUCKET, OTHER),
            np.array([0], np.int32),
            np.array([AT_MS], np.int64),
            np.array([3.0]),
            exemplars=Exemplars(
                np.array([row[0] for row in rows], np.int32),
                np.array([AT_MS + row[1] for row in rows], np.int64),
                np.array([row[2] for row in rows], np.float64),
                [(("trace_id", row[3]),) for row in rows],
            ),
        )
        append_samples(cast.system(), batch, team_id=team.pk if team else None, now=NOW)

    return _append


def found(prometheus, query="sum(rate(request_bucket[5m]))", start=-60, end=60):
    at = NOW.timestamp()
    return prometheus.data(
        "query_exemplars", query=query, start=at + start, end=at + end
    )


def test_an_expression_finds_the_exemplars_of_its_series(prometheus, exemplars):
    exemplars((0, 250, 6.0, "b"), (0, 0, 0.5, "a"), (1, 0, 1.0, "c"))

    assert found(prometheus) == [
        {
            "seriesLabels": dict(BUCKET),
            "exemplars": [
                {
                    "labels": {"trace_id": "a"},
                    "value": "0.5",
                    "timestamp": AT_MS / 1000,
                },
                {
                    "labels": {"trace_id": "b"},
                    "value": "6",
                    "timestamp": (AT_MS + 250) / 1000,
                },
            ],
        }
    ]


def test_one_that_is_sent_again_is_kept_once(prometheus, exemplars):
    exemplars((0, 0, 0.5, "a"))
    exemplars((0, 0, 0.5, "a"))

    (series,) = found(prometheus)
    assert len(series["exemplars"]) == 1


def test_those_of_another_time_are_left_out(prometheus, exemplars):
    exemplars((0, 0, 0.5, "a"))

    assert found(prometheus, start=1, end=60) == []


def test_a_series_with_nothing_but_exemplars_is_known(prometheus, exemplars):
    exemplars((1, 0, 1.0, "c"))

    (series,) = found(prometheus, query="other")
    assert series["seriesLabels"] == {"__name__": "other"}


def test_another_organization_finds_none(cast, exemplars):
    exemplars((0, 0, 0.5, "a"))

    assert found(PrometheusClient(client_for(cast.globex, "read"))) == []


@pytest.mark.django_db(transaction=True)
def test_retention_lets_go_of_old_ones(prometheus, exemplars):
    exemplars((0, 0, 0.5, "a"))

    apply_retention(NOW + KEPT / 2)
    assert len(found(prometheus)) == 1

    apply_retention(NOW + 2 * KEPT)
    assert found(prometheus) == []


def test_old_ones_are_let_go_of(prometheus, exemplars):
    exemplars((0, 0, 0.5, "a"))

    assert delete_old(NOW + KEPT / 2) == 0
    assert delete_old(NOW + 2 * KEPT) == 1
    assert found(prometheus) == []
