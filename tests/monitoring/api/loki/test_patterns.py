from __future__ import annotations

import pytest

from monitoring.live import handover
from monitoring.services import pattern_mining
from tests.factories.monitoring import log_batch
from tests.monitoring.api.loki.conftest import NOW, NOW_NS, SECOND, seconds_before

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


@pytest.fixture(autouse=True)
def _mined(cast, store, redis_client):
    store("tick 1", "tick 2", "boom", app="shop")
    lines = [(NOW_NS - 120 * SECOND, "tick 1"), (NOW_NS, "tick 2"), (NOW_NS, "boom")]
    batch = log_batch(lines, labels={"app": "shop"})
    handover.offer(cast.acme.pk, batch, team_id=None)
    pattern_mining.forget_miners()
    pattern_mining.mine(cast.acme.pk, now=NOW)


def test_patterns_are_told_as_loki_does(loki):
    assert loki.data("patterns", query='{app="shop"}', step="60s") == [
        {
            "pattern": "tick <_>",
            "level": "info",
            "samples": [[1772366280, 1], [1772366400, 1]],
        },
        {"pattern": "boom", "level": "info", "samples": [[1772366400, 1]]},
    ]


def test_patterns_are_those_of_the_streams_and_the_range(loki):
    assert loki.data("patterns", query='{app="mail"}') == []
    early = {"start": seconds_before(600), "end": seconds_before(300)}
    assert loki.data("patterns", query='{app="shop"}', **early) == []


def test_our_own_api_tells_more_of_them(loki):
    response = loki.rest.get(
        "/logs/patterns",
        {"start": "2026-03-01T11:30:00Z", "end": "2026-03-01T12:30:00Z", "limit": "1"},
    )

    body = response.json()
    assert (body["lines"], body["total"], body["step_seconds"]) == (3, 2, 60)
    [tick] = body["results"]
    assert sum(tick.pop("counts")) == 2
    assert tick == {
        "template": "tick <_>",
        "level": "info",
        "count": 2,
        "share": pytest.approx(2 / 3, abs=1e-6),
        "first_seen": "2026-03-01T11:58:00.000Z",
        "last_seen": "2026-03-01T12:00:00.000Z",
        "sample": "tick 1",
        "streams": 1,
    }


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"match": '{app="mail"}'}, []),
        ({"contains": "boo"}, ["boom"]),
        ({"level": "error"}, []),
    ],
)
def test_patterns_are_chosen_as_lines_are(loki, parameters, expected):
    at = {"start": "2026-03-01T11:30:00Z", "end": "2026-03-01T12:30:00Z"}

    body = loki.rest.get("/logs/patterns", {**at, **parameters}).json()

    assert [one["template"] for one in body["results"]] == expected


@pytest.mark.parametrize("wrong", [{"step": "x"}, {"limit": "0"}, {"nonsense": "1"}])
def test_what_is_wrong_is_refused(loki, wrong):
    assert loki.rest.get("/logs/patterns", wrong).status_code == 400
