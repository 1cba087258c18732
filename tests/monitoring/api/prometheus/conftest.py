"""A Prometheus client of each kind of actor, and samples to ask for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from monitoring.services.append import append_samples
from monitoring.telemetry import MetricMetadata, MetricType
from tests.api_client import client_for
from tests.factories.monitoring import sample_batch

# Samples end here, unless a test says otherwise.
NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


class PrometheusClient:
    """Asks /prometheus/api/v1, by GET."""

    def __init__(self, client) -> None:
        self.rest = client

    def get(self, path, parameters=None, **headers):
        return self.rest.get(
            f"/prometheus/api/v1/{path}", parameters or {}, headers=headers
        )

    def data(self, path, **parameters):
        """Return a good answer's data; `match` stands for match[]."""
        if "match" in parameters:
            parameters["match[]"] = parameters.pop("match")
        response = self.get(path, parameters)
        assert response.status_code == 200, response.content
        assert response.json()["status"] == "success"
        return response.json()["data"]

    def refusal(self, path, **parameters):
        """Return a bad answer's status, type and text."""
        if "match" in parameters:
            parameters["match[]"] = parameters.pop("match")
        response = self.get(path, parameters)
        body = response.json()
        assert body["status"] == "error"
        assert response["Content-Type"] == "application/json"
        return response.status_code, body["errorType"], body["error"]


@pytest.fixture
def prometheus(cast) -> PrometheusClient:
    return PrometheusClient(client_for(cast.acme, "read"))


@pytest.fixture
def store(cast):
    """Store values fifteen seconds apart, the last one at `end`."""

    def _store(
        *values, name="up", end=NOW, team=None, organization=None, now=NOW, **labels
    ):
        last_ms = int(end.timestamp() * 1000)
        samples = [
            ({"__name__": name, **labels}, last_ms - 15_000 * back, value)
            for back, value in enumerate(reversed(values))
        ]
        metadata = {name: MetricMetadata(MetricType.GAUGE, "seconds", f"Help {name}.")}
        append_samples(
            cast.system(organization),
            sample_batch(reversed(samples), metadata=metadata),
            team_id=team.pk if team else None,
            now=now,
        )

    return _store


def unix(moment: datetime = NOW, **back: int) -> str:
    return str(int((moment - timedelta(**back)).timestamp()))
