from __future__ import annotations

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from monitoring.telemetry import FIELD_PREFIX, Level
from sources.protocols import MalformedBodyError, Rejection, Terms
from sources.protocols.json_columns import OtherShapeError, read_columns
from sources.protocols.json_lines import decode, decode_records

pytestmark = pytest.mark.unit

AT = 1_795_266_000  # 2026-11-21T13:00:00Z
TERMS = Terms(now_ns=AT * 10**9, labels={"source": "api"}, max_line_bytes=100)


def ndjson(*records) -> bytes:
    return b"\n".join(orjson.dumps(record) for record in records)


def rows(decoded) -> list[dict]:
    """What a reader of the batch sees, whatever the order of columns."""
    table, streams = decoded.batch.table, decoded.batch.streams
    return [
        {
            "labels": dict(streams[row["stream"]]),
            "time": row["ts_ns"],
            "line": row["line"],
            "level": row["level"],
            "fields": {
                name.removeprefix(FIELD_PREFIX): value
                for name, value in row.items()
                if name.startswith(FIELD_PREFIX) and value is not None
            },
        }
        for row in table.to_pylist()
    ]


def test_a_record_becomes_a_line_with_all_it_says():
    body = ndjson(
        {
            "timestamp": "2026-11-21T13:00:00.5Z",
            "line": "GET /",
            "level": "warning",
            "labels": {"app": "shop"},
            "fields": {"status": 200, "ms": 1.5, "cached": True, "who": "me"},
        }
    )

    decoded = decode(body, TERMS)

    assert rows(decoded) == [
        {
            "labels": {"app": "shop", "source": "api"},
            "time": AT * 10**9 + 5 * 10**8,
            "line": "GET /",
            "level": Level.WARN,
            "fields": {"status": "200", "ms": "1.5", "cached": "true", "who": "me"},
        }
    ]
    assert decoded.rejected == []
    assert decoded.size == len("GET /\n")


def test_a_line_alone_is_enough():
    assert rows(decode(b'{"line":"hello"}', TERMS)) == [
        {
            "labels": {"source": "api"},
            "time": None,
            "line": "hello",
            "level": None,
            "fields": {},
        }
    ]


def test_the_sources_labels_win_over_the_senders():
    terms = Terms(now_ns=0, labels={"env": "prod", "source": "shop"})

    decoded = decode(
        ndjson({"line": "x", "labels": {"env": "dev", "source": "z"}}), terms
    )

    assert rows(decoded)[0]["labels"] == {"env": "prod", "source": "shop"}


@pytest.mark.parametrize(
    "body",
    [
        b'{"line":"a"}\n{"line":"b"}',
        b'{"line":"a"}\n\n  \n{"line":"b"}\n\n',
        b'{"line":"a"}\r\n{"line":"b"}\r\n',
        b'\xef\xbb\xbf{"line":"a"}\n{"line":"b"}',
        b'[{"line":"a"},{"line":"b"}]',
        b'[\n{"line":"a"},\n{"line":"b"}\n]',
        b' {"line":"a"}\n {"line":"b"} ',
    ],
)
def test_lines_and_arrays_are_read_alike(body):
    decoded = decode(body, TERMS)

    assert [row["line"] for row in rows(decoded)] == ["a", "b"]
    assert decoded.rejected == []


def test_one_object_may_span_lines():
    assert rows(decode(b'{\n  "line": "a"\n}', TERMS))[0]["line"] == "a"


@pytest.mark.parametrize(
    ("record", "error"),
    [
        (b"{", "is not JSON"),
        (b'{"line":"a"}{"line":"b"}', "is not JSON"),
        (b'{"line":"\xff"}', "is not JSON"),
        (b"7", 'is not an object, as {"line": "…"}'),
        (b"{}", "line is missing"),
        (b'{"line":null}', "line is missing"),
        (b'{"line":7}', "line must be a string"),
        (
            b'{"line":"a","msg":1}',
            "unknown key 'msg': there are timestamp, line, level, labels, fields",
        ),
        (ndjson({"line": "x" * 101}), "line has 101 bytes; 100 may be"),
        (ndjson({"line": "ü" * 51}), "line has 102 bytes; 100 may be"),
        (b'{"line":"a","level":"loud"}', "level 'loud' is not one of unknown, trace"),
        (b'{"line":"a","level":3}', "level must be a string"),
        (b'{"line":"a","timestamp":"now"}', "timestamp 'now' is neither RFC 3339"),
        (b'{"line":"a","timestamp":-5}', "timestamp '-5' lies before 1970-01-01"),
        (b'{"line":"a","labels":[]}', "labels must be an object"),
        (b'{"line":"a","labels":{"1a":"x"}}', "'1a' is no label name"),
        (b'{"line":"a","labels":{"a-b":"x"}}', "'a-b' is no label name"),
        (b'{"line":"a","labels":{"a":1}}', "label a must be a string, not a number"),
        (b'{"line":"a","labels":{"a":{}}}', "label a must be a string, not an object"),
        (b'{"line":"a","labels":{"a":"\\u0000"}}', "label a contains a NUL"),
        (b'{"line":"a","labels":{"__name__":"x"}}', "__name__ cannot be a label"),
        (
            ndjson({"line": "a", "labels": {f"l{i}": "x" for i in range(65)}}),
            "there are 65 labels; 64 may be",
        ),
        (
            ndjson({"line": "a", "labels": {"a": "x" * 3000}}),
            "label a is longer than 2048 bytes",
        ),
        (b'{"line":"a","fields":[1]}', "fields must be an object"),
        (b'{"line":"a","fields":{"":1}}', "a field's name has 1 to 255 characters"),
        (
            ndjson({"line": "a", "fields": {f"f{i}": 1 for i in range(129)}}),
            "the request has more than 128 different fields",
        ),
        (b'{"line":' + b"[" * 5000, "is not JSON"),
    ],
)
def test_a_bad_record_is_refused_alone_and_precisely(record, error):
    body = b'{"line":"first"}\n' + record + b'\n{"line":"last"}'

    decoded = decode(body, TERMS)

    assert [row["line"] for row in rows(decoded)] == ["first", "last"]
    assert [rejection.index for rejection in decoded.rejected] == [1]
    assert decoded.rejected[0].error.startswith(error)


def test_rejections_come_in_the_order_of_the_body():
    body = b'{"line":"a","timestamp":"x"}\n{\n{"line":"b","timestamp":"y"}'

    assert [r.index for r in decode(body, TERMS).rejected] == [0, 1, 2]


@pytest.mark.parametrize("body", [b"", b" \n ", b"[1,", b"["])
def test_a_body_without_a_record_is_malformed(body):
    with pytest.raises(MalformedBodyError):
        decode(body, TERMS)


def test_null_is_as_good_as_absent():
    given = {"line": "a", "timestamp": None, "level": None, "labels": None}
    record = {**given, "fields": {"a": None}}

    assert rows(decode(ndjson(record), TERMS)) == rows(decode(b'{"line":"a"}', TERMS))


def test_lines_with_equal_labels_share_a_stream():
    labels = [
        {"a": "1", "b": "2"},
        {"b": "2", "a": "1"},
        {"a": "1"},
        {"a": "1", "b": ""},
    ]

    decoded = decode(ndjson(*({"line": "x", "labels": each} for each in labels)), TERMS)

    assert decoded.batch.table.column("stream").to_pylist() == [0, 0, 1, 1]


def test_nested_fields_are_kept_as_json():
    decoded = decode(ndjson({"line": "a", "fields": {"user": {"id": 7}}}), TERMS)

    assert rows(decoded)[0]["fields"] == {"user": '{"id":7}'}


def test_many_lines_of_one_shape_are_read_as_columns():
    body = ndjson(
        *(
            {
                "timestamp": AT + i,
                "line": f"line {i}",
                "level": "info",
                "labels": {"host": f"h{i % 3}"},
                "fields": {"ms": i / 2, "ok": True, "path": "/"},
            }
            for i in range(1000)
        )
    )

    assert rows(read_columns(body, TERMS)) == rows(decode_records(body, TERMS))


# --- Both readers agree ----------------------------------------------------------------

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
scalars = st.none() | texts | st.booleans() | st.integers(-(2**60), 2**60)
values = scalars | st.floats(allow_nan=False, allow_infinity=False)
names = st.sampled_from(["a", "b", "c"])
times = (
    st.none()
    | st.integers(0, 2 * 10**18)
    | st.floats(0, 1e13)
    | st.datetimes().map(lambda d: d.isoformat() + "Z")
    | texts
)
likely = st.fixed_dictionaries(
    {"line": texts},
    optional={
        "timestamp": times,
        "level": st.sampled_from(["info", "ERROR", "warning", "odd", None]),
        "labels": st.none() | st.dictionaries(names, st.none() | texts, max_size=3),
        "fields": st.none() | st.dictionaries(names, values, max_size=3),
    },
)
shapes = st.fixed_dictionaries(
    {
        "line": texts,
        "timestamp": st.just("2026-11-21T13:00:00Z"),
        "labels": st.fixed_dictionaries({"a": texts}),
        "fields": st.fixed_dictionaries({"n": st.floats(-1e17, 1e17), "t": texts}),
    }
)
bodies = (
    st.lists(likely, min_size=1, max_size=8).map(lambda rs: ndjson(*rs))
    | st.lists(shapes, min_size=1, max_size=8).map(lambda rs: ndjson(*rs))
    | st.lists(
        st.sampled_from(
            [b'{"line":"a"}', b'{"line":', b'"a"}', b"{}", b" ", b"", b"\r", b'{"x":1}']
        ),
        min_size=1,
        max_size=6,
    ).map(b"\n".join)
)


@settings(max_examples=400, deadline=None)
@given(bodies.map(bytes.strip).filter(bool))
@example(b'{"line":\n"a"} {"line":"b"}')
@example(b'{"line":"a"}\n{"line":\n"b"} {"line":"c"}')
@example(b'{"line":"a"} {"line":"b"}\n\n')
@example(b'{"line":"\xc3\x28"}')
@example(b'{"line":"a","line":"b"}')
@example(b'{"line":"\\ud83d\\ude00"}')
@example(b'{"line":"\\ud83d"}')
@example(b'{"line":"a","fields":{"n":1e400}}')
@example(b'{"line":"a","fields":{"n":-0.0}}\n{"line":"a","fields":{"n":-0}}')
@example(b'{"line":"a","fields":{"n":1e16}}\n{"line":"a","fields":{"n":1E2}}')
def test_the_fast_reader_answers_as_the_careful_one_or_not_at_all(body):
    try:
        fast = read_columns(body, TERMS)
    except OtherShapeError:
        return

    careful = decode_records(body, TERMS)

    assert (rows(fast), fast.size) == (rows(careful), careful.size)
    assert fast.batch.streams == careful.batch.streams
    assert careful.rejected == []


def test_a_rejection_is_a_place_and_a_reason():
    assert decode(b'{"line":"a"}\n7', TERMS).rejected == [
        Rejection(1, 'is not an object, as {"line": "…"}')
    ]
