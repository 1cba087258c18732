from __future__ import annotations

import time

import pytest
from django.http import QueryDict
from django.utils import timezone

from monitoring.services.append import append_logs
from monitoring.telemetry import Level
from monitoring.views.logs import LogSearch
from tests.factories.monitoring import mixed_log_batch

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

LOGS = "/o/acme/logs"


@pytest.fixture
def lines(cast):
    """Four lines of two sources, a second apart, newest last."""
    now = time.time_ns()
    rows = [
        ("all is well", Level.INFO, 0),
        ("pool exhausted", Level.ERROR, 0),
        ("pool is slow", Level.WARN, 1),
        ("out of memory", Level.FATAL, 1),
    ]
    batch = mixed_log_batch(
        [(now - (4 - i) * 10**9, *row) for i, row in enumerate(rows)],
        streams=[{"source": "app", "env": "prod"}, {"source": "shop", "env": "stage"}],
    )
    append_logs(cast.system(), batch, team_id=None, now=timezone.now())


@pytest.fixture
def alice(client, cast):
    client.force_login(cast.alice)
    return client


def shown(client, **query):
    response = client.get(LOGS, query)
    assert response.status_code == 200
    return [record.line for record in response.context["lines"]]


def test_the_newest_line_comes_first(alice, lines):
    assert shown(alice)[0] == "out of memory"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"q": "pool"}, ["pool is slow", "pool exhausted"]),
        ({"level": ["error", "fatal"]}, ["out of memory", "pool exhausted"]),
        ({"source": "shop"}, ["out of memory", "pool is slow"]),
        ({"source": ["shop", "app"], "q": "slow"}, ["pool is slow"]),
        ({"label.env": "prod"}, ["pool exhausted", "all is well"]),
        ({"level": "nonsense", "q": "well"}, ["all is well"]),
        ({"q": "nowhere"}, []),
    ],
)
def test_the_address_narrows_the_lines(alice, lines, query, expected):
    assert shown(alice, **query) == expected


def test_the_conclusion_counts_errors(alice, lines):
    html = alice.get(LOGS).content.decode()

    assert "2 errors</span> in the last hour, of 4 lines." in html


def test_without_lines_the_page_says_how_to_send_one(alice):
    html = alice.get(LOGS).content.decode()

    assert "No logs yet" in html
    assert "/api/v1/logs" in html


def test_chips_count_levels_that_are_switched_off_too(alice, lines):
    levels = alice.get(LOGS, {"level": "error"}).context["levels"]

    assert {row["value"]: row["count"] for row in levels} == {
        "fatal": 1,
        "error": 1,
        "warn": 1,
        "info": 1,
    }


def test_a_level_chip_works_without_a_script(alice, lines):
    response = alice.get(LOGS, {"q": "pool", "level": "error", "toggle": "level:warn"})

    assert response.url == "/o/acme/logs?q=pool&level=error&level=warn"


def test_older_lines_are_a_page_away(alice, cast):
    now = time.time_ns()
    batch = mixed_log_batch(
        [(now - i * 10**6, f"line {i}", Level.INFO, 0) for i in range(250)],
        streams=[{"source": "app"}],
    )
    append_logs(cast.system(), batch, team_id=None, now=timezone.now())
    first = alice.get(LOGS).context

    second = shown(alice, cursor=first["next_cursor"])

    assert [record.line for record in first["lines"]][-1] == "line 199"
    assert second == [f"line {i}" for i in range(200, 250)]


def test_a_made_up_cursor_finds_nothing_and_breaks_nothing(alice, lines):
    assert shown(alice, cursor="../../etc") == []


def test_what_a_line_says_is_escaped(alice, cast):
    batch = mixed_log_batch(
        [(time.time_ns(), "<script>alert(1)</script>", Level.INFO, 0)],
        streams=[{"source": "app"}],
    )
    append_logs(cast.system(), batch, team_id=None, now=timezone.now())

    html = alice.get(LOGS, {"q": "alert"}).content.decode()

    assert "<script>alert" not in html


def test_the_page_knows_from_where_the_tail_goes_on(alice, lines):
    before = int(time.time() * 1000)

    html = alice.get(LOGS).content.decode()

    place = int(html.split('data-after="')[1].split("-")[0])
    assert before <= place <= int(time.time() * 1000)


def test_a_range_in_the_past_has_no_live_tail(alice, lines):
    html = alice.get(
        LOGS, {"start": "2026-01-01T00:00Z", "end": "2026-01-02T00:00Z"}
    ).content.decode()

    assert "data-tail " not in html


def test_a_search_reads_all_its_parts():
    search = LogSearch.parse(QueryDict("q=+a+&level=warn&source=x&source=y&label.a=b"))

    assert search == LogSearch("a", ("warn",), ("x", "y"), {"a": "b"})
