"""Elasticsearch's, Splunk's, GELF's and Datadog's documents, as lines."""

from __future__ import annotations

import contextlib
import gzip
import zlib

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sources.protocols import (
    MalformedBodyError,
    datadog,
    elastic_bulk,
    gelf,
    splunk_hec,
)
from sources.protocols.splunk_hec import Code, EventError
from tests.sources.protocols.reading import NOW_NS, TERMS, errors_of, rows_of

pytestmark = pytest.mark.unit

AT = "2026-11-21T13:00:00.25Z"
AT_NS = 1_795_266_000_250_000_000
DEEP = b'{"message":' + b"[" * 300 + b"]" * 300 + b"}"


def ndjson(*documents) -> bytes:
    return b"".join(orjson.dumps(document) + b"\n" for document in documents)


# --- Elasticsearch --------------------------------------------------------------------

FILEBEAT = {
    "@timestamp": "2026-11-21T13:00:00.250Z",
    "message": "user 7 logged in",
    "log": {"level": "warning", "file": {"path": "/var/log/app.log"}, "offset": 12},
    "host": {"name": "web1"},
    "service": {"name": "shop"},
    "tags": ["a", "b"],
    "ecs": {"version": "8.0.0"},
    "nothing": None,
}


def test_a_filebeat_document_becomes_a_line():
    bulk = elastic_bulk.decode(
        ndjson({"create": {"_index": "filebeat-8.9.0-2026.11.21"}}, FILEBEAT), TERMS
    )

    assert rows_of(bulk.decoded) == [
        {
            "ts_ns": AT_NS,
            "line": "user 7 logged in",
            "level": "warn",
            "labels": {
                "host": "web1",
                "index": "filebeat-8.9.0",
                "service_name": "shop",
            },
            "field.log.file.path": "/var/log/app.log",
            "field.log.offset": "12",
            "field.tags": '["a","b"]',
            "field.ecs.version": "8.0.0",
        }
    ]
    assert bulk.errors == {}


def test_each_action_has_its_error_in_the_requests_order():
    body = (
        ndjson({"index": {"_id": "1"}}, {"message": "a"}, {"delete": {"_id": "2"}})
        + ndjson({"update": {"_id": "3"}}, {"doc": {}}, {"create": {}})
        + b"{broken\n"
        + ndjson({"create": {}}, {"message": "b", "@timestamp": "yesterday"})
        + ndjson({"create": {}}, {"message": "x" * 1001}, {"create": {}}, [1])
        + ndjson({"create": {}}, {"message": "c"}, {"create": {}})
        + DEEP
    )

    bulk = elastic_bulk.decode(body, TERMS, index="logs")

    assert [row["line"] for row in rows_of(bulk.decoded)] == ["a", "c"]
    assert [action.name for action in bulk.actions] == [
        *("index", "delete", "update", "create", "create", "create", "create"),
        *("create", "create"),
    ]
    assert {
        place: (kind, text[:40]) for place, (kind, text) in bulk.errors.items()
    } == {
        1: ("illegal_argument_exception", "delete is not possible: lines are only a"),
        2: ("illegal_argument_exception", "update is not possible: lines are only a"),
        3: ("document_parsing_exception", "failed to parse: unexpected character, e"),
        4: ("document_parsing_exception", "failed to parse field [@timestamp] of ty"),
        5: ("document_parsing_exception", "line has 1001 bytes; 1000 may be"),
        6: ("document_parsing_exception", "failed to parse: the document is not an "),
        8: ("document_parsing_exception", "failed to parse: the document is nested "),
    }


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"\n", b"[]\n{}\n", b'{"drop":{}}\n{}\n', b'{"create":7}\n{}\n'),
        *(b'{"create":{},"index":{}}\n{}\n', b"{broken\n{}\n"),
    ],
)
def test_a_bulk_without_actions_is_refused_whole(body):
    with pytest.raises(MalformedBodyError):
        elastic_bulk.decode(body, TERMS)


@pytest.mark.parametrize(
    ("document", "line", "ts_ns"),
    [
        pytest.param({"log": "a", "time": AT}, "a", AT_NS, id="fluent_bit"),
        pytest.param({"message": "a", "timestamp": AT}, "a", AT_NS, id="vector"),
        pytest.param({"msg": "a", "time": "noon"}, "a", None, id="another_time"),
        pytest.param(
            {"message": "a", "@timestamp": AT[:-1]}, "a", AT_NS, id="utc_without_zone"
        ),
        pytest.param({"x": {"y": 1}}, '{"x":{"y":1}}', None, id="no_message"),
    ],
)
def test_other_shippers_keep_line_and_time_elsewhere(document, line, ts_ns):
    bulk = elastic_bulk.decode(ndjson({"create": {}}, document), TERMS)

    [row] = rows_of(bulk.decoded)
    assert (row["line"], row.get("ts_ns")) == (line, ts_ns)


def test_a_document_in_another_encoding_is_marked():
    bulk = elastic_bulk.decode(b'{"create":{}}\n{"message":"caf\xe9"}\n', TERMS)

    assert rows_of(bulk.decoded)[0]["line"] == "caf�"


# --- Splunk ---------------------------------------------------------------------------


def test_splunk_events_follow_one_another_without_a_newline():
    body = (
        b'{"time":1795266000.25,"host":"web1","source":"app","sourcetype":"st",'
        b'"index":"main","event":"hello","fields":{"region":"eu"}}'
        b'{"event":{"message":"started","level":"error","pid":7}}'
        b' {"time":"1795266000.250","event":{"a":{"b":1}}}'
    )

    events = splunk_hec.decode_events(body, TERMS)

    assert events.fault is None
    assert rows_of(events.decoded) == [
        {
            "ts_ns": AT_NS,
            "line": "hello",
            "labels": {"host": "web1", "sourcetype": "st", "index": "main"},
            "field.region": "eu",
            "field.splunk_source": "app",
        },
        {"line": "started", "level": "error", "field.pid": "7", "labels": {}},
        {"ts_ns": AT_NS, "line": '{"a":{"b":1}}', "labels": {}},
    ]


def test_dockers_splunk_driver_keeps_the_line_in_line():
    event = {"line": "hi", "source": "stdout", "tag": "abc"}

    events = splunk_hec.decode_events(orjson.dumps({"event": event}), TERMS)

    assert rows_of(events.decoded) == [
        {"line": "hi", "field.stream": "stdout", "field.tag": "abc", "labels": {}}
    ]


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (b'{"host":"a"}', Code.EVENT_REQUIRED),
        (b'{"event":null}', Code.EVENT_REQUIRED),
        (b'{"event":""}', Code.EVENT_BLANK),
        (b'{"event":{}}', Code.EVENT_BLANK),
        (b'{"event":"a","time":"noon"}', Code.INVALID_FORMAT),
        (b'{"event":"a","fields":[]}', Code.SUCCESS),
        (b'{"event":"a","fields":["b"]}', Code.INVALID_FIELDS),
        (b'{"event":"a","fields":{"b":{"c":1}}}', Code.INVALID_FIELDS),
        (b'{"event":"metric","fields":{"metric_name:cpu":1}}', Code.INVALID_FORMAT),
        (b'{"event":"' + b"x" * 1001 + b'"}', Code.INVALID_FORMAT),
        (b"[1]", Code.INVALID_FORMAT),
        (b"{broken", Code.INVALID_FORMAT),
        (b'{"event":NaN}', Code.INVALID_FORMAT),
        (b'{"event":' + b"[" * 300 + b"]" * 300 + b"}", Code.INVALID_FORMAT),
    ],
)
def test_a_bad_splunk_event_is_numbered_and_the_good_ones_are_taken(event, code):
    events = splunk_hec.decode_events(b'{"event":"good"}' + event, TERMS)

    assert rows_of(events.decoded)[0]["line"] == "good"
    told = (events.fault.code, events.place) if events.fault else (Code.SUCCESS, 1)
    assert told == (code, 1)


@pytest.mark.parametrize("body", [b"", b" \n "])
def test_splunk_wants_data(body):
    for read in (
        splunk_hec.decode_events,
        lambda b, t: splunk_hec.decode_raw(b, t, {}),
    ):
        with pytest.raises(EventError) as refused:
            read(body, TERMS)

        assert refused.value.code is Code.NO_DATA


def test_raw_lines_have_what_the_query_says():
    said = {"host": "web1", "source": "app", "time": "1795266000.25"}

    decoded = splunk_hec.decode_raw(b"one\r\n\ntwo\n", TERMS, said)

    common = {"ts_ns": AT_NS, "labels": {"host": "web1"}, "field.splunk_source": "app"}
    assert rows_of(decoded) == [{**common, "line": "one"}, {**common, "line": "two"}]


# --- GELF -----------------------------------------------------------------------------

GELF = {
    "version": "1.1",
    "host": "web1",
    "short_message": "boom",
    "full_message": "boom\n  at line 7",
    "timestamp": 1795266000.25,
    "level": 3,
    "_user_id": 9001,
    "_container_name": "shop",
}


def test_a_gelf_message_becomes_a_line():
    decoded = gelf.decode(orjson.dumps(GELF), TERMS)

    assert rows_of(decoded) == [
        {
            "ts_ns": AT_NS,
            "line": "boom\n  at line 7",
            "level": "error",
            "labels": {"host": "web1", "container_name": "shop"},
            "field.user_id": "9001",
        }
    ]


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ({"host": "a"}, "short_message is required, and not empty"),
        ({"short_message": "a"}, "host is required, and not empty"),
        (
            {"host": "a", "short_message": " "},
            "short_message is required, and not empty",
        ),
        (["x"], "a GELF message is a JSON object"),
        ({"host": "a", "short_message": "b", "timestamp": "?"}, "timestamp '?' is"),
    ],
)
def test_a_bad_gelf_message_is_refused_alone(message, error):
    decoded = gelf.decode(ndjson(GELF, message), TERMS)

    [(place, text)] = errors_of(decoded)
    assert (decoded.batch.count, place, text[: len(error)]) == (1, 1, error)


def test_null_frames_are_cut_whatever_the_pieces():
    stream = b"one\0two\0\0" + b"x" * 20 + b"\0three\0four"

    for size in range(1, len(stream) + 1):
        frames = gelf.NullFrames(limit=10)
        pieces = [stream[i : i + size] for i in range(0, len(stream), size)]
        found = [frame for piece in pieces for frame in frames.feed(piece)]

        assert [*found, *frames.end()] == [b"one", b"two", b"three", b"four"]
        assert frames.dropped == 1


def chunk(key: bytes, number: int, total: int, data: bytes) -> bytes:
    return b"\x1e\x0f" + key.ljust(8, b".") + bytes([number, total]) + data


def test_chunks_are_put_together_in_any_order():
    chunks = gelf.Chunks()
    sent = [chunk(b"a", 1, 3, b"b"), chunk(b"b", 0, 2, b"x"), chunk(b"a", 2, 3, b"c")]
    found = [chunks.feed(datagram, "peer", now=0) for datagram in sent]

    whole = chunks.feed(chunk(b"a", 0, 3, b"a"), "peer", now=1)

    assert (found, whole) == ([None] * 3, b"abc")


def test_chunks_of_different_senders_do_not_meet():
    chunks = gelf.Chunks()
    chunks.feed(chunk(b"a", 0, 2, b"mine"), "alice", now=0)

    assert chunks.feed(chunk(b"a", 1, 2, b"yours"), "mallory", now=0) is None


def test_chunks_that_never_come_are_let_go():
    chunks = gelf.Chunks()
    chunks.feed(chunk(b"a", 0, 2, b"a"), "peer", now=0)

    late = chunks.feed(chunk(b"a", 1, 2, b"b"), "peer", now=5)

    assert (late, chunks.dropped) == (None, 1)


def test_unfinished_chunks_are_bounded():
    chunks = gelf.Chunks(limit=100, messages=3)
    for key in (b"a", b"b", b"c", b"d"):
        chunks.feed(chunk(key, 0, 2, b"x"), "peer", now=0)
    chunks.feed(chunk(b"e", 0, 2, b"x" * 99), "peer", now=0)

    assert (chunks.dropped, chunks._held) == (3, 100)


@pytest.mark.parametrize(
    "datagram",
    [b"\x1e\x0fshort", chunk(b"a", 2, 2, b""), chunk(b"a", 0, 129, b"")],
)
def test_a_bad_chunk_is_refused(datagram):
    with pytest.raises(gelf.GelfError):
        gelf.Chunks().feed(datagram, "peer", now=0)


@given(st.lists(st.binary(max_size=40)))
def test_any_datagrams_are_put_together_or_refused(datagrams):
    chunks = gelf.Chunks(limit=50, messages=2)

    for datagram in datagrams:
        with contextlib.suppress(gelf.GelfError):
            chunks.feed(b"\x1e\x0f" + datagram, "peer", now=0)

    assert chunks._held <= 50


@pytest.mark.parametrize("pack", [bytes, zlib.compress, gzip.compress])
def test_a_datagram_may_be_packed(pack):
    message = orjson.dumps(GELF)

    assert gelf.unpacked(pack(message), limit=1000) == message


@pytest.mark.parametrize(
    ("datagram", "error"),
    [
        (b"\x1f\x8b" + b"x" * 20, "not valid gzip or zlib"),
        (zlib.compress(b"x" * 1001), "more than 1000 bytes unpacked"),
        (gzip.compress(b"x" * 100)[:-9], "ends too early"),
    ],
    ids=["garbage", "bomb", "cut"],
)
def test_a_badly_packed_datagram_is_refused(datagram, error):
    with pytest.raises(gelf.GelfError, match=error):
        gelf.unpacked(datagram, limit=1000)


# --- Datadog --------------------------------------------------------------------------


def test_a_datadog_log_becomes_a_line():
    record = {
        "message": "paid",
        "status": "warn",
        "hostname": "web1",
        "service": "shop",
        "ddsource": "python",
        "ddtags": "env:prod,team:payments,canary",
        "timestamp": NOW_NS // 10**6,
        "order": {"id": 7},
    }

    decoded = datadog.decode(orjson.dumps([record, {}, "bare", 7]), TERMS)

    assert rows_of(decoded) == [
        {
            "ts_ns": NOW_NS,
            "line": "paid",
            "level": "warn",
            "labels": {
                "host": "web1",
                "service": "shop",
                "ddsource": "python",
                "env": "prod",
            },
            "field.team": "payments",
            "field.canary": "true",
            "field.order.id": "7",
        },
        {"line": "bare", "labels": {}},
    ]
    assert errors_of(decoded) == [(3, 'is not an object, as {"message": "…"}')]


# --- All of them ----------------------------------------------------------------------

json_value = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=9), inner)
    ),
    max_leaves=5,
)
named = st.dictionaries(
    st.sampled_from(
        ["message", "@timestamp", "event", "fields", "host", "short_message", "level"]
    ),
    json_value,
)


@given(st.lists(named, min_size=1, max_size=4))
def test_any_documents_are_taken_or_named(documents):
    try:
        lines = [orjson.dumps(document) for document in documents]
    except TypeError:  # An integer beyond 64 bits.
        return
    body = b"\n".join(lines)
    bulk = b"".join(b'{"create":{}}\n' + line + b"\n" for line in lines)

    for decoded in (
        elastic_bulk.decode(bulk, TERMS).decoded,
        splunk_hec.decode_events(body, TERMS).decoded,
        gelf.decode(body, TERMS),
    ):
        assert decoded.batch.count + len(decoded.rejected) == len(documents)


@given(st.binary(max_size=100))
def test_any_bytes_are_taken_or_refused(body):
    for decode in (
        elastic_bulk.decode,
        splunk_hec.decode_events,
        gelf.decode,
        datadog.decode,
        datadog.decode_text,
    ):
        with contextlib.suppress(MalformedBodyError, EventError):
            decode(body, TERMS)
