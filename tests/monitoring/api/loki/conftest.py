"""A Loki client of each kind of actor, and lines to ask for."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from monitoring.services.append import append_logs
from monitoring.telemetry import Level, nanoseconds
from tests.api_client import client_for
from tests.factories.monitoring import log_batch

# Lines end here, a second apart, unless a test says otherwise.
NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
NOW_NS = nanoseconds(NOW)
SECOND = 10**9


class LokiClient:
    """Asks /loki/api/v1, by GET; a range begins an hour before NOW by default."""

    def __init__(self, client) -> None:
        self.rest = client

    def get(self, path, parameters=None, **headers):
        return self.rest.get(f"/loki/api/v1/{path}", parameters or {}, headers=headers)

    def json(self, path, **parameters):
        response = self.get(path, _ranged(parameters))
        assert response.status_code == 200, response.content
        return response.json()

    def data(self, path, **parameters):
        body = self.json(path, **parameters)
        assert body["status"] == "success"
        return body["data"]

    def refusal(self, path, **parameters):
        """Return a bad answer's status and text."""
        response = self.get(path, _ranged(parameters))
        assert response["Content-Type"] == "text/plain; charset=utf-8"
        return response.status_code, response.content.decode().removesuffix("\n")


def _ranged(parameters):
    if "match" in parameters:
        parameters["match[]"] = parameters.pop("match")
    usual = {"start": str(NOW_NS - 3600 * SECOND), "end": str(NOW_NS + 1)}
    return {**usual, **parameters}


@pytest.fixture
def loki(cast) -> LokiClient:
    return LokiClient(client_for(cast.acme, "read"))


@pytest.fixture
def store(cast):
    """Store lines a second apart, the last one at `end`."""

    def _store(
        *lines,
        end=NOW,
        team=None,
        organization=None,
        level=Level.INFO,
        fields=None,
        **labels,
    ):
        last = nanoseconds(end)
        timed = [
            (last - SECOND * back, line)
            for back, line in zip(range(len(lines) - 1, -1, -1), lines, strict=True)
        ]
        append_logs(
            cast.system(organization),
            log_batch(
                timed, labels=labels or {"app": "shop"}, level=level, fields=fields
            ),
            team_id=team.pk if team else None,
            now=NOW,
        )

    return _store


def seconds_before(back: int) -> str:
    return str(NOW_NS - back * SECOND)
