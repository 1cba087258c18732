"""What readers are told while archived data cannot be reached."""

from __future__ import annotations

import shutil
from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from monitoring.services import archive
from monitoring.services.append import append_logs, append_samples
from monitoring.telemetry import nanoseconds
from tests.api_client import client_for
from tests.factories.monitoring import log_batch, sample_batch

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

NOW = timezone.now()
OLD = NOW - timedelta(days=4)


@pytest.fixture
def reader(cast, settings, tmp_path) -> APIClient:
    """Someone whose old telemetry lies in an archive that is gone."""
    settings.ARCHIVE_URL, settings.ARCHIVE_AFTER_DAYS = str(tmp_path / "files"), 2
    scope, ns = cast.system(), nanoseconds(OLD)
    samples = sample_batch([({"__name__": "up"}, ns // 10**6, 1.0)])
    append_samples(scope, samples, team_id=None, now=NOW)
    append_logs(scope, log_batch([(ns, "a line")]), team_id=None, now=NOW)
    assert sum(m.records for m in archive.archive_organization(cast.acme.pk, NOW)) == 2
    shutil.rmtree(tmp_path / "files")
    return client_for(cast.acme)


def around(**more):
    start, end = OLD - timedelta(hours=1), OLD + timedelta(hours=1)
    return {"start": start.isoformat(), "end": end.isoformat(), **more}


def test_a_search_says_that_it_cannot_be_answered_now(reader):
    answer = reader.get("/logs", around())

    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "unavailable"
    assert answer["Retry-After"] == "2"


def test_a_query_says_it_in_prometheuss_words(reader):
    answer = reader.get("/prometheus/api/v1/query_range", around(query="up", step="60"))

    assert answer.status_code == 503
    assert answer.json()["errorType"] == "unavailable"


def test_a_query_of_lines_says_it_in_lokis_way(reader):
    answer = reader.get("/loki/api/v1/query_range", around(query='{source="app"}'))

    assert answer.status_code == 503
    assert answer["Content-Type"].startswith("text/plain")
    assert answer["Retry-After"] == "2"
