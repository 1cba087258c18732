"""URLs that stream, and URLs that are polled, against a real server."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from sources.services.kinds.http_stream import KIND

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


def test_lines_of_an_answer_come_as_they_are_written(follow, stream_server):
    def script(exchange):
        exchange.begin("application/x-ndjson")
        exchange.write('{"msg": "one"}\n{"msg"')
        exchange.write(': "two"}\r\n\n')
        server.wait()

    server = stream_server(script)
    stream = follow(KIND, url=server.url, line_path="$.msg", bearer_token="secret")

    assert stream.until_lines(2) == ["one", "two"]
    assert server.asked[0].headers["Authorization"] == "Bearer secret"


def test_the_last_line_of_an_answer_needs_no_newline(follow, stream_server):
    def script(exchange):
        exchange.begin("text/plain")
        if len(server.asked) > 1:
            server.wait()
        exchange.write("one\ntwo")

    server = stream_server(script)
    stream = follow(KIND, url=server.url, payload="text")

    assert stream.until_lines(2) == ["one", "two"]


def test_documents_without_newlines_are_told_apart(follow, stream_server):
    def script(exchange):
        exchange.begin("application/json")
        exchange.write('{"msg": "a } in \\" it"}{"msg":\n "two"} {"ms')
        exchange.write('g": "three"}')
        server.wait()

    server = stream_server(script)
    stream = follow(KIND, url=server.url, mode="json", line_path="$.msg")

    assert stream.until_lines(3) == ['a } in " it', "two", "three"]


def test_events_go_on_behind_the_last_one_that_came(follow, stream_server):
    def script(exchange):
        exchange.begin("text/event-stream")
        if "Last-Event-ID" not in exchange.headers:
            exchange.write(": hello\nretry: 20\n\nid: 7\ndata: one\ndata: more\n\n")
            exchange.write("id: 8\nevent: log\ndata: two\n\ndata: never ended")
            return
        exchange.write("id: 9\ndata: three\n\n")
        server.wait()

    server = stream_server(script)
    stream = follow(KIND, url=server.url, mode="sse", payload="text")

    assert stream.until_lines(4) == ["one", "more", "two", "three"]
    assert server.asked[1].headers["Last-Event-ID"] == "8"


def test_events_go_on_after_a_restart(follow, stream_server):
    def script(exchange):
        exchange.begin("text/event-stream")
        number = int(exchange.headers.get("Last-Event-ID", 0)) + 1
        exchange.write(f"id: {number}\ndata: event {number}\n\n")
        server.wait()

    server = stream_server(script)
    stream = follow(KIND, url=server.url, mode="sse", payload="text")
    stream.until_lines(1)

    stream.restart()

    assert stream.until_lines(2) == ["event 1", "event 2"]


def test_pages_are_followed_by_a_cursor_also_after_a_restart(follow, stream_server):
    pages = {"start": ("a", "p1"), "p1": ("b", "p2"), "p2": ("", "p2")}

    def script(exchange):
        after = parse_qs(urlsplit(exchange.path).query)["after"][0]
        line, next_ = pages[after]
        exchange.begin("application/json")
        found = [{"msg": line}] if line else []
        exchange.write(json.dumps({"items": found, "next": next_}))

    server = stream_server(script)
    stream = follow(
        KIND,
        url=f"{server.url}?after={{{{cursor}}}}",
        mode="poll",
        interval_seconds=0.05,
        records_path="$.items",
        line_path="$.msg",
        cursor_path="$.next",
        cursor_start="start",
    )
    stream.until_lines(2)

    stream.restart()
    asked = len(server.asked)
    pages["p2"] = ("c", "p3")
    pages["p3"] = ("", "p3")

    assert stream.until_lines(3) == ["a", "b", "c"]
    assert all("start" not in one.path for one in server.asked[asked:])


def test_links_to_the_next_page_are_followed_on_the_same_server_only(
    follow, stream_server
):
    def script(exchange):
        page = parse_qs(urlsplit(exchange.path).query).get("page", ["1"])[0]
        links = {
            "1": "</logs?page=2>; rel=next",
            "2": '<https://evil.test/>; rel="next"',
        }
        exchange.begin("text/plain", Link=links[page])
        exchange.write(f"line of page {page}")

    server = stream_server(script)
    stream = follow(
        KIND, url=server.url, mode="poll", interval_seconds=60, payload="text"
    )

    assert stream.until_lines(2) == ["line of page 1", "line of page 2"]
    assert [one.path for one in server.asked] == ["/logs", "/logs?page=2"]


def test_what_has_not_changed_is_not_sent_again(follow, stream_server):
    def script(exchange):
        if exchange.headers.get("If-None-Match") == '"1"':
            exchange.begin("text/plain", 304)
            return
        exchange.begin("text/plain", ETag='"1"')
        exchange.write("one")

    server = stream_server(script)
    stream = follow(
        KIND, url=server.url, mode="poll", interval_seconds=0.02, payload="text"
    )
    stream.until(lambda: len(server.asked) >= 4)

    assert stream.lines == ["one"]


def test_records_that_are_polled_twice_are_taken_once(follow, stream_server):
    def script(exchange):
        count = len(server.asked)
        exchange.begin("application/json")
        exchange.write(
            json.dumps([{"id": n, "msg": f"line {n}"} for n in range(1, count + 3)])
        )

    server = stream_server(script)
    stream = follow(
        KIND,
        url=server.url,
        mode="poll",
        interval_seconds=0.02,
        records_path="$[*]",
        line_path="$.msg",
        id_path="$.id",
    )
    stream.until_lines(5)
    stream.restart()
    stream.until_lines(8)

    assert stream.lines == [f"line {n}" for n in range(1, len(stream.lines) + 1)]


def test_a_body_is_posted_with_what_it_needs(follow, stream_server):
    def script(exchange):
        exchange.begin("text/plain")
        exchange.write("one\n")
        server.wait()

    server = stream_server(script)
    stream = follow(
        KIND,
        url=server.url,
        method="POST",
        body='{"key": "{{key}}"}',
        secrets={"key": "hunter2"},
        payload="text",
    )

    stream.until_lines(1)

    assert server.asked[0].body == '{"key": "hunter2"}'


@pytest.mark.parametrize(
    ("mode", "answer", "problem"),
    [
        ("lines", (403, "text/plain", "no   entry\n"), "answered 403: no entry."),
        ("lines", (302, "text/plain", ""), "answered 302."),
        ("sse", (200, "text/html", ""), "The answer is no text/event-stream."),
        ("lines", (200, "text/plain", "x" * 2000), "more than 1,024 bytes"),
        ("json", (200, "text/plain", "[" * 2000), "more than 1,024 bytes"),
        ("poll", (200, "text/plain", "x" * 2000), "more than 1,024 bytes"),
    ],
)
def test_an_answer_that_is_no_good_is_told(
    follow, stream_server, mode, answer, problem
):
    status, kind, body = answer

    def script(exchange):
        exchange.begin(kind, status)
        exchange.write(body)
        server.wait()

    server = stream_server(script)
    stream = follow(KIND, url=server.url, mode=mode, max_message_bytes=1024)

    stream.until(lambda: bool(stream.connector.problem))

    assert problem in stream.connector.problem
