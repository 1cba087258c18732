"""The explorer in LogQL: lines, numbers, mistakes, fields, patterns, context, files."""

from __future__ import annotations

import csv
import io
import json
import time
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils import timezone

from monitoring.services.append import append_logs
from monitoring.telemetry import Level
from tests.api_client import client_for
from tests.factories.monitoring import log_batch, mixed_log_batch

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

LOGS = "/o/acme/logs"
FAILED = '{host="a"} | json | status==500'
FAILED_COUNTED = f"sum(count_over_time({FAILED} | drop __error__ [5m]))"
STATUSES = ("200", "200", "500", None)


@pytest.fixture
def begun():
    return time.time_ns() - 60 * 10**9


@pytest.fixture
def lines(cast, begun):
    """Four lines of one stream, a second apart, three of them JSON with a status."""
    texts = [f'{{"status": {s}, "took": "{n}ms"}}' for n, s in enumerate(STATUSES[:3])]
    rows = [
        (begun + n * 10**9, text, Level.ERROR if n == 2 else Level.INFO, 0)
        for n, text in enumerate([*texts, "not <b>JSON</b>"])
    ]
    batch = mixed_log_batch(
        rows,
        streams=[{"source": "shop", "host": "a"}],
        fields={"status": STATUSES, "http.method": ("GET", None, "POST", None)},
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


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ('{source="shop"} |= "JSON"', ["not <b>JSON</b>"]),
        (
            '{source="shop"} | json | status=500 | took!="" | line_format "{{.took}}"',
            ["2ms"],
        ),
        ('{source="shop"} | status="200" | line_format "{{.host}}"', ["a", "a"]),
        ('{source="none"}', []),
    ],
)
def test_a_log_query_finds_lines_newest_first(alice, lines, query, expected):
    assert shown(alice, q=query) == expected


def test_levels_and_sources_narrow_a_log_query(alice, lines):
    query = '{host="a"} | json | line_format "{{.took}}"'

    assert shown(alice, q=query, level="error") == ["2ms"]
    assert shown(alice, q=query, source="other") == []


def test_the_histogram_counts_what_the_stages_let_through(alice, lines):
    context = alice.get(
        LOGS, {"q": '{host="a"} | json | __error__="" | status >= 200'}
    ).context

    assert context["total"] == 3
    assert {row["value"]: row["count"] for row in context["levels"]} == {
        "error": 1,
        "info": 2,
    }


def test_extracted_labels_are_shown_with_the_line(alice, lines):
    query = {"q": '{host="a"} | json | took="1ms"'}

    (record,) = alice.get(LOGS, query).context["lines"]

    assert record.fields["took"] == "1ms"
    assert record.labels == {"source": "shop", "host": "a"}


def test_a_metric_query_is_a_chart_and_a_table(alice, lines):
    query = "sum by (status) (count_over_time({source=~`.+`} | status!=`` [1h]))"

    answer = alice.get(LOGS, {"q": query}).context["found"].answer

    assert {row.name: row.value for row in answer.rows} == {
        "status=200": 2,
        "status=500": 1,
    }
    assert answer.chart.series


def test_a_mistake_is_pointed_at(alice):
    response = alice.get(LOGS, {"q": '{app="a"} | json | = 5'})

    complaint = response.context["found"].answer.complaint
    assert complaint.position == 19
    assert "syntax error" in response.content.decode()


@pytest.mark.parametrize("path", ["", "/volume", "/fields", "/patterns"])
@pytest.mark.parametrize("query", ["{", "{}", '{a="b"} |~ "("', "sum(", "{a=`\0`}"])
def test_no_mistake_breaks_a_page(alice, path, query):
    assert alice.get(LOGS + path, {"q": query}).status_code in {200, 204}


def test_a_json_text_is_looked_for_as_words(alice, lines):
    assert len(shown(alice, q='{"status": 200')) == 2


def test_the_reader_may_say_that_a_text_is_plain(alice, lines):
    assert shown(alice, q="{host", lang="words") == []


def test_pages_of_a_piped_query_repeat_and_lose_nothing(alice, cast, begun):
    """Many lines bear the same time, also where a page ends."""
    batch = log_batch((begun + n // 90 * 10**6, f'{{"n": {n}}}') for n in range(700))
    append_logs(cast.system(), batch, team_id=None, now=timezone.now())
    query = {"q": '{source="app"} | json | line_format "{{.n}}"'}
    response = alice.get(LOGS, query)
    found = [record.line for record in response.context["lines"]]
    cursor = response.context["next_cursor"]

    while cursor:
        page = alice.get(
            LOGS, {**query, "cursor": cursor}, HTTP_ACCEPT="application/json"
        ).json()
        found += [line["line"] for line in page["results"]]
        cursor = page["next"]

    assert sorted(map(int, found)) == list(range(700))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            {"narrow": "field", "name": "status", "value": "500"},
            '{source=~".+"} | status="500"',
        ),
        (
            {"narrow": "field", "name": "status", "value": "500", "q": "x", "not": "1"},
            '{source=~".+"} |= "x" | status!="500"',
        ),
        (
            {"narrow": "field", "name": "host", "value": "b"},
            '{source=~".+"} | json | host_extracted="b"',
        ),
        (
            {"narrow": "label", "name": "host", "value": "a", "q": '{source="shop"}'},
            '{source="shop", host="a"}',
        ),
    ],
)
def test_a_click_leads_to_the_narrowed_query(alice, lines, given, expected):
    response = alice.get(LOGS, given, follow=True)

    assert response.status_code == 200
    assert response.context["query"].text == expected


def test_a_clicked_label_stays_a_chip_beside_words(alice, lines):
    response = alice.get(
        LOGS, {"q": "JSON", "narrow": "label", "name": "host", "value": "a"}
    )

    assert response.url == "/o/acme/logs?q=JSON&label.host=a"


def test_fields_have_their_values_with_counts(alice, lines):
    for query in ("", '{host="a"}', '{host="a"} | json | status!=""'):
        fields = alice.get(LOGS + "/fields", {"q": query}).context["fields"]

        status = next(each for each in fields if each["name"] == "status")
        assert [(r["value"], r["count"]) for r in status["rows"]] == [
            ("200", 2),
            ("500", 1),
        ]


def test_a_line_is_shown_between_those_of_its_stream(alice, lines):
    (record,) = alice.get(LOGS, {"q": '{host="a"} |= "500"'}).context["lines"]

    page = alice.get(LOGS + "/context", {"id": record.id})

    assert [each.line for each in page.context["after"]] == ["not <b>JSON</b>"]
    assert len(page.context["before"]) == 2
    assert "not &lt;b&gt;JSON" in page.content.decode()


def test_a_line_without_an_id_is_found_by_stream_time_and_text(alice, lines, begun):
    place = {"at": begun, "label.host": "a", "label.source": "shop", "text": '{"st'}

    page = alice.get(LOGS + "/context", place, follow=True)

    assert page.context["line"].line.startswith('{"status": 200')
    assert "id=" in page.redirect_chain[0][0]


@pytest.mark.parametrize(
    "place", [{"id": "x"}, {"at": "9" * 30}, {"at": "1", "label.host": "a"}]
)
def test_no_such_line_is_a_404(alice, lines, place):
    assert alice.get(LOGS + "/context", place, follow=True).status_code == 404


def test_another_organizations_line_is_a_404(client, cast, alice, lines):
    (record, *_) = alice.get(LOGS).context["lines"]
    client.force_login(cast.mallory)

    assert client.get("/o/globex/logs/context", {"id": record.id}).status_code == 404


def body_of(response):
    return b"".join(response.streaming_content).decode()


def test_what_is_found_comes_as_a_file(alice, lines):
    query = {"q": '{host="a"} | status!=""', "range": "1h"}

    ndjson = alice.get(LOGS + "/export", query)
    text = body_of(alice.get(LOGS + "/export", {**query, "format": "text"}))
    table = body_of(alice.get(LOGS + "/export", {**query, "format": "csv"}))

    found = [json.loads(line) for line in body_of(ndjson).splitlines()]
    assert [line["fields"]["status"] for line in found] == ["500", "200", "200"]
    assert ndjson["Content-Disposition"].startswith("attachment; filename=")
    assert len(text.splitlines()) == 3
    rows = list(csv.DictReader(io.StringIO(table)))
    assert [row["level"] for row in rows] == ["error", "info", "info"]


def test_numbers_are_no_lines_to_export(alice):
    response = alice.get(LOGS + "/export", {"q": 'rate({a="b"}[1m])'})

    assert response.status_code == 400
    assert b"only lines" in response.content


def test_the_api_exports_page_by_page_up_to_a_limit(cast, begun):
    batch = log_batch((begun + n, f"line {n}") for n in range(6_000))
    append_logs(cast.system(), batch, team_id=None, now=timezone.now())
    api = client_for(cast.acme, "read")
    path = "/api/v1/logs/export?format=text&range=1h"

    everything = body_of(api.get(path)).splitlines()
    some = body_of(api.get(f"{path}&limit=5500&contains=line")).splitlines()
    queried = body_of(api.get(f"{path}&query=%7Bsource%3D%22app%22%7D%7C%3D%22 77%22"))

    assert everything == [f"line {n}" for n in reversed(range(6_000))]
    assert some == everything[:5_500]
    assert all(" 77" in line for line in queried.splitlines())


@pytest.mark.parametrize(
    "query",
    ["format=xml", "query={", "query=rate({a='b'}[1m])", "limit=0", "nonsense=1"],
)
def test_the_api_says_what_it_cannot_export(cast, query):
    response = client_for(cast.acme, "read").get(f"/api/v1/logs/export?{query}")

    assert response.status_code == 400
    assert response.json()["error"]["code"] == "invalid"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ('{host="a"} |= "a.b"', {"kind": ["pattern"], "pattern": [r"a\.b"]}),
        (
            '{source="shop"} |~ "a.b"',
            {"kind": ["pattern"], "pattern": ["a.b"], "source": ["shop"]},
        ),
        (
            FAILED,
            {
                "kind": ["threshold"],
                "language": ["logql"],
                "query": [FAILED_COUNTED],
            },
        ),
        (
            'sum(rate({host="a"}[1m]))',
            {
                "kind": ["threshold"],
                "language": ["logql"],
                "query": ['sum(rate({host="a"}[1m]))'],
            },
        ),
        ("{host=", {}),
    ],
)
def test_a_rule_is_offered_for_what_is_found(alice, lines, query, expected):
    url = alice.get(LOGS, {"q": query}).context["rule_url"]

    assert parse_qs(urlsplit(url).query) == expected
