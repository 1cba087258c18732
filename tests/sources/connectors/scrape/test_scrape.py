"""Scraping real HTTP servers, turn by turn."""

from __future__ import annotations

import gzip
import json
from datetime import timedelta

import pytest

from sources.connectors import Outcome
from sources.connectors.scrape import Scrape
from tests.sources.connectors.asking import Asking, values
from tests.sources.http_targets import Answer

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

REPORTS = {
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
}


@pytest.fixture
def scraping():
    """Return a function that begins to scrape; all are closed at the end."""
    started = []

    def start(*targets: str, labels=None, **config) -> Asking:
        given = {"targets": list(targets)} if targets else {}
        started.append(Asking(Scrape, "scrape", labels, **given, **config))
        return started[-1]

    yield start
    for one in started:
        one.connector.close()


def exposed(batch) -> dict[str, float | str]:
    """Return what a target exposed, without what every series of it has."""
    return {
        series.replace(",source=shop", "").replace("source=shop", ""): value
        for series, value in values(batch).items()
        if series.partition("{")[0] not in REPORTS
    }


def reports(batch) -> dict[str, float | str]:
    named = ((series.partition("{")[0], v) for series, v in values(batch).items())
    return {name: value for name, value in named if name in REPORTS}


def test_samples_get_the_labels_of_their_target(scraping, http_target):
    http_target.expose('a_total{x="1"} 3\nb 2\n')

    batch = scraping(http_target.address, labels={"env": "prod"}).turn()

    own = f"env=prod,instance={http_target.address},job=shop"
    assert exposed(batch) == {f"a_total{{{own},x=1}}": 3, f"b{{{own}}}": 2}


def test_a_scrape_is_reported_on(scraping, http_target):
    http_target.expose("a 1\nb 2\nc 3\n")
    drop = {"source_labels": ["__name__"], "regex": "c", "action": "drop"}

    batch = scraping(http_target.address, metric_relabel_configs=[drop]).turn()

    told = reports(batch)
    assert 0 < told.pop("scrape_duration_seconds") < 10
    assert told == {
        "up": 1,
        "scrape_samples_scraped": 3,
        "scrape_samples_post_metric_relabeling": 2,
        "scrape_series_added": 2,
    }


def test_it_asks_as_prometheus_asks(scraping, http_target):
    http_target.expose("a 1\n")

    scraping(
        http_target.address,
        path="/m",
        params={"module": ["x y"], "m[]": ["1", "2"]},
        username="u",
        password="p",
        headers={"X-Scope": "me"},
        timeout_seconds=2.5,
    ).turn()

    (asked,) = http_target.asked
    assert asked.path == "/m?m%5B%5D=1&m%5B%5D=2&module=x%20y"
    headers = {name.lower(): value for name, value in asked.headers.items()}
    assert headers["accept"] == (
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
        "application/openmetrics-text;version=0.0.1;q=0.4,"
        "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
        "text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
    )
    assert headers["accept-encoding"] == "gzip"
    assert headers["x-prometheus-scrape-timeout-seconds"] == "2.5"
    assert headers["authorization"] == "Basic dTpw"
    assert headers["x-scope"] == "me"
    assert headers["host"] == http_target.address


def test_a_packed_body_is_unpacked(scraping, http_target):
    headers = {"Content-Type": "text/plain", "Content-Encoding": "gzip"}
    http_target.answer = lambda path: Answer(gzip.compress(b"a 7\n"), 200, headers)

    batch = scraping(http_target.address).turn()

    assert list(exposed(batch).values()) == [7]


def test_openmetrics_is_told_by_its_type(scraping, http_target):
    http_target.expose(
        '# TYPE a counter\n# UNIT a_seconds seconds\na_total 1 # {trace_id="t"} 0.5\n# EOF\n',
        "application/openmetrics-text; version=1.0.0; charset=utf-8",
    )

    batch = scraping(http_target.address).turn()

    assert batch.metadata["a"].type == "counter"
    assert [dict(labels) for labels in batch.exemplars.labels] == [{"trace_id": "t"}]
    assert dict(batch.series[batch.exemplars.series_index[0]])["__name__"] == "a_total"


# --- Labels that collide ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("honor", "job", "exported"), [(False, "shop", "theirs"), (True, "theirs", None)]
)
def test_of_two_labels_one_gives_way(scraping, http_target, honor, job, exported):
    http_target.expose('a{job="theirs"} 1\n')

    batch = scraping(http_target.address, honor_labels=honor).turn()

    labels = dict(batch.series[0])
    assert (labels["job"], labels.get("exported_job")) == (job, exported)


def test_no_target_hides_its_source(scraping, http_target):
    http_target.expose('a{source="other"} 1\n')

    batch = scraping(http_target.address, honor_labels=True).turn()

    assert dict(batch.series[0])["source"] == "shop"


@pytest.mark.parametrize(("honor", "at"), [(True, 1000), (False, None)])
def test_times_of_the_target_are_taken_where_that_is_wished(
    scraping, http_target, honor, at
):
    http_target.expose("a 1 1000\n")
    scrape = scraping(http_target.address, honor_timestamps=honor)

    batch = scrape.turn()

    assert batch.ts_ms[0] == at if honor else int(scrape.now.timestamp() * 1000)


# --- Staleness -------------------------------------------------------------------------


def test_a_series_that_disappears_has_ended(scraping, http_target):
    scrape = scraping(http_target.address)
    http_target.expose("a 1\nb 2\n")
    scrape.turn()
    http_target.expose("a 1\n")

    batch = scrape.turn()

    assert list(exposed(batch).values()) == [1, "stale"]
    assert reports(batch)["scrape_series_added"] == 0


def test_series_end_once(scraping, http_target):
    scrape = scraping(http_target.address)
    http_target.expose("a 1\nb 2\n")
    scrape.turn()
    http_target.expose("a 1\n")
    scrape.turn()

    assert list(exposed(scrape.turn()).values()) == [1]


def test_a_failed_scrape_ends_all_series(scraping, http_target):
    scrape = scraping(http_target.address)
    http_target.expose("a 1\nb 2\n")
    scrape.turn()
    http_target.answer = lambda path: Answer(b"no", 503)

    batch = scrape.turn()

    assert list(exposed(batch).values()) == ["stale", "stale"]
    assert reports(batch)["up"] == 0
    assert reports(batch)["scrape_samples_scraped"] == 0
    assert "server returned HTTP status 503" in scrape.connector.problem


def test_a_target_that_recovers_brings_its_series_again(scraping, http_target):
    scrape = scraping(http_target.address)
    http_target.expose("a 1\n")
    scrape.turn()
    http_target.answer = lambda path: Answer(b"no", 503)
    scrape.turn()
    http_target.expose("a 1\n")

    batch = scrape.turn()

    assert list(exposed(batch).values()) == [1]
    assert (reports(batch)["up"], scrape.connector.problem) == (1, "")


def test_series_with_times_of_their_own_do_not_end(scraping, http_target):
    scrape = scraping(http_target.address)
    http_target.expose("a 1 1000\nb 2\n")
    scrape.turn()
    http_target.expose("c 1\n")

    batch = scrape.turn()

    names = {s.partition("{")[0]: v for s, v in exposed(batch).items()}
    assert names == {"c": 1, "b": "stale"}


def test_a_target_that_is_gone_ends_with_its_reports(scraping, http_target, tmp_path):
    http_target.expose("a 1\n")
    listing = tmp_path / "targets.json"
    listing.write_text(json.dumps([{"targets": [http_target.address]}]))
    scrape = scraping(file_sd=[str(listing)])
    while (
        not scrape.connector._turns[0][0] <= scrape.connector.due_at.timestamp() * 1000
    ):
        scrape.now = scrape.connector.due_at
        scrape.connector.poll(scrape.now)
    scrape.turn()

    listing.write_text("[]")
    scrape.pass_seconds(5)
    batch = scrape.harvest()

    ended = {series.partition("{")[0]: v for series, v in values(batch).items()}
    assert ended == dict.fromkeys({"a", *REPORTS}, "stale")


# --- Faults ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "answer", "problem"),
    [
        ({}, Answer(b"a b c\n"), "line 1"),
        ({}, Answer(b"", 404), "server returned HTTP status 404"),
        ({"body_size_limit": 5}, Answer(b"a 1\nb 2\n"), "limit of 5 bytes"),
        ({"sample_limit": 1}, Answer(b"a 1\nb 2\n"), "sample_limit of 1"),
        ({"label_limit": 3}, Answer(b'a{x="1"} 1\n'), "label_limit of 3"),
        ({"label_name_length_limit": 8}, Answer(b'a{long_name="1"} 1\n'), "too long"),
        (
            {"label_value_length_limit": 30},
            Answer(b'a{x="%s"} 1\n' % (b"v" * 31)),
            "too long",
        ),
        ({}, Answer(b"xx", 200, {"Content-Encoding": "gzip"}), "no good gzip"),
        (
            {"body_size_limit": 1000},
            Answer(gzip.compress(b"a 1\n" * 10**6), 200, {"Content-Encoding": "gzip"}),
            "limit of 1000 bytes",
        ),
        ({}, Answer(b"", 302, {"Location": "/again"}), "more than 10 redirects"),
        (
            {"follow_redirects": False},
            Answer(b"", 302, {"Location": "/"}),
            "status 302",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_target_is_down_for_a_reason(scraping, http_target, config, answer, problem):
    http_target.answer = lambda path: answer
    scrape = scraping(http_target.address, **config)

    batch = scrape.turn()

    assert (reports(batch)["up"], exposed(batch)) == (0, {})
    assert problem in scrape.connector.problem


def test_a_slow_target_is_given_up(scraping, http_target):
    import threading

    answered = threading.Event()
    http_target.answer = lambda path: (answered.wait(20) and Answer()) or Answer()
    scrape = scraping(http_target.address, timeout_seconds=0.1)

    batch = scrape.turn()
    answered.set()

    assert reports(batch)["up"] == 0
    assert "no answer within 0.1 s" in scrape.connector.problem


def test_private_addresses_need_the_operators_leave(scraping, http_target, settings):
    settings.SOURCE_ALLOWED_NETWORKS = []
    scrape = scraping(http_target.address)

    scrape.turn()

    assert "SOURCE_ALLOWED_NETWORKS" in scrape.connector.problem
    assert http_target.asked == []


def test_a_redirect_keeps_no_credentials_for_other_hosts(scraping, http_target):
    port = http_target.server.server_port
    away = {"Location": f"http://localhost:{port}/there"}
    http_target.answer = lambda path: (
        Answer(b"", 302, away) if path == "/metrics" else Answer(b"a 1\n")
    )

    scraping(http_target.address, bearer_token="secret").turn()

    first, second = http_target.asked
    assert first.headers["Authorization"] == "Bearer secret"
    assert "Authorization" not in second.headers


def test_one_dead_target_does_not_hold_up_the_others(scraping, http_target):
    http_target.expose("a 1\n")
    scrape = scraping(
        http_target.address, "127.0.0.1:1", interval_seconds=1, timeout_seconds=1
    )

    seen = {}
    while len(seen) < 2:
        found = values(scrape.turn())
        seen |= {s: v for s, v in found.items() if s.startswith("up{")}

    assert sorted(seen.values()) == [0, 1]
    assert "1 of 2 targets are down" in scrape.connector.problem


# --- Discovery -------------------------------------------------------------------------


def test_targets_are_listed_behind_a_url(scraping, http_target):
    listed = [
        {"targets": [http_target.address], "labels": {"zone": "a", "__meta_x": "y"}}
    ]
    answer = Answer(
        json.dumps(listed).encode(), 200, {"Content-Type": "application/json"}
    )
    http_target.answer = lambda path: answer if path == "/sd" else Answer(b"a 1\n")
    keep = {"source_labels": ["__meta_x"], "target_label": "x"}
    scrape = scraping(http_sd=[f"{http_target.url}/sd"], relabel_configs=[keep])
    scrape.await_wake()
    scrape.connector.poll(scrape.now)

    batch = scrape.turn()

    labels = dict(batch.series[0])
    assert (labels["zone"], labels["x"]) == ("a", "y")
    asked = http_target.asked[0].headers
    assert asked["X-Prometheus-Refresh-Interval-Seconds"] == "60"


def test_what_is_listed_badly_leaves_the_targets_as_they_are(scraping, http_target):
    http_target.answer = lambda path: Answer(
        b"{}", 200, {"Content-Type": "application/json"}
    )
    scrape = scraping(http_sd=[f"{http_target.url}/sd"])
    scrape.await_wake()

    scrape.connector.poll(scrape.now)

    assert "Target groups are a list" in scrape.connector.problem


def test_no_file_outside_the_roots_is_read(scraping, tmp_path):
    scrape = scraping(file_sd=["/etc/targets.json"])

    assert "outside the allowed directories" in scrape.connector.problem


# --- While nothing can be stored -------------------------------------------------------


def test_what_is_refused_is_held(scraping, http_target):
    http_target.expose("a 1\n")
    scrape = scraping(http_target.address)
    scrape.now = scrape.connector.due_at
    while (harvest := scrape.connector.poll(scrape.now)) is None:
        scrape.await_wake()

    scrape.connector.settle(Outcome.REFUSED, scrape.now)
    again = scrape.connector.poll(scrape.now)

    assert values(again.batch) == values(harvest.batch)


def test_turns_are_at_the_targets_own_times(scraping, http_target):
    http_target.expose("a 1\n")
    scrape = scraping(http_target.address, interval_seconds=15)

    first, second = scrape.turn(), scrape.turn()

    step = timedelta(milliseconds=int(second.ts_ms[0] - first.ts_ms[0]))
    assert step == timedelta(seconds=15)
