from __future__ import annotations

import pytest
from django.utils import timezone

from monitoring.services.append import append_logs
from monitoring.services.logs import LogTimeoutError
from monitoring.telemetry import nanoseconds
from tests.api_client import client_for
from tests.factories.monitoring import log_batch

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


def store(cast, count: int = 5) -> None:
    now = timezone.now()
    times = [nanoseconds(now) - 10**9 * (count - n) for n in range(count)]
    lines = [(ts_ns, f"line {n}") for n, ts_ns in enumerate(times)]
    fields = {"user": ["a" if n % 2 else "b" for n in range(count)]}
    append_logs(cast.system(), log_batch(lines, fields=fields), team_id=None, now=now)


def test_a_listed_line_leads_to_its_neighbours(cast):
    store(cast)
    client = client_for(cast.acme, "read")
    (line,) = client.get("/logs?contains=line%202").json()["results"]

    answer = client.get(f"/logs/context?id={line['id']}&before=1&after=2").json()

    assert answer["line"] == line
    assert [record["line"] for record in answer["before"]] == ["line 1"]
    assert [record["line"] for record in answer["after"]] == ["line 3", "line 4"]


def test_a_line_of_another_organization_is_not_found(cast):
    store(cast)
    line_id = client_for(cast.acme, "read").get("/logs").json()["results"][0]["id"]

    answer = client_for(cast.globex, "read").get(f"/logs/context?id={line_id}")

    assert answer.status_code == 404


def test_fields_are_counted(cast):
    store(cast)

    answer = client_for(cast.acme, "read").get("/logs/fields?range=1h&top=1").json()

    top = [{"value": "b", "count": 3}]
    assert answer == {
        "lines": 5,
        "sampled": False,
        "levels": {"info": 5},
        "results": [{"name": "user", "lines": 5, "distinct": 2, "top": top}],
    }


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/logs/context", "id"),
        ("/logs/context?id=x&before=501", "before"),
        ("/logs/context?id=x&after=-1", "after"),
        ("/logs/fields?top=0", "top"),
        ("/logs/fields?top=101", "top"),
        ("/logs/fields?limit=3", "limit"),
    ],
)
def test_a_wrong_parameter_is_named(cast, path, field):
    answer = client_for(cast.acme, "read").get(path)

    assert answer.status_code == 400
    assert field in answer.json()["error"]["fields"]


@pytest.mark.parametrize("path", ["", "/count", "/volume", "/fields"])
def test_a_read_that_takes_too_long_says_so(cast, monkeypatch, path):
    def over() -> None:
        raise LogTimeoutError("reading the lines took longer than 60 s")

    for module in ("logs", "log_details"):
        monkeypatch.setattr(
            f"monitoring.services.{module}.deadline_in", lambda: over, raising=True
        )
    store(cast)

    answer = client_for(cast.acme, "read").get(f"/logs{path}")

    assert answer.status_code == 400
    assert "longer than 60 s" in answer.text
