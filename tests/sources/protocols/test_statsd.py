"""statsd's lines, and what Prometheus calls what they measure."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sources.protocols.statsd import Key, metric_name, read, tags_of

pytestmark = pytest.mark.unit


def read_all(*messages: bytes) -> list[tuple[Key, float, float]]:
    events = read(messages)
    return [
        (events.keys[index], value, weight)
        for index, value, weight in zip(
            events.key_index.tolist(),
            events.values.tolist(),
            events.weights.tolist(),
            strict=True,
        )
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"a.b:3|c", [(("a.b", "c", ""), 3, 1)]),
        (b"a:3|c|@0.5", [(("a", "c", ""), 3, 2)]),
        (b"a:3|c|@0.25|#x:1,y", [(("a", "c", "x:1,y"), 3, 4)]),
        (b"a:3|c|#x:1|@0.1", [(("a", "c", "x:1"), 3, 10)]),
        (b"a:3|c|#x:1|c:container|T1656581400", [(("a", "c", "x:1"), 3, 1)]),
        (b"a:-3|g", [(("a", "g", ""), -3, 1)]),
        (b"a:+1.5e1|g", [(("a", "g", ""), 15, 1)]),
        (b"a:.5|ms\n", [(("a", "ms", ""), 0.5, 1)]),
        (b"a:1:2|d", [(("a", "h", ""), 1, 1), (("a", "h", ""), 2, 1)]),
        (b"a:1|h\nb:2|g\r\n\n", [(("a", "h", ""), 1, 1), (("b", "g", ""), 2, 1)]),
        (b"a,x=1:2|c", [(("a,x=1", "c", ""), 2, 1)]),
    ],
)
def test_a_line_is_taken_apart(line, expected):
    assert read_all(line) == [(Key(*key), v, w) for key, v, w in expected]


@pytest.mark.parametrize(
    "line",
    [
        b"a",
        b"a:|c",
        b"a:x|c",
        b"a:1",
        b"a:1|zz",
        b":1|c",
        b"a:-1|c",
        b"a:1e999|g",
        b"a:nan|g",
        b"_e{5,4}:title|text",
        b"_sc|redis|0",
        b"\xff\xfe",
    ],
)
def test_what_is_no_value_is_counted_and_harms_no_other(line):
    events = read([line, b"good:1|c"])

    assert (events.ignored, len(events.values)) == (1, 1)
    assert events.keys[events.key_index[0]].name == "good"


def test_anything_can_be_in_a_set():
    events = read([b"users:alice|s\nusers:7|s"])

    assert events.texts.to_pylist() == ["alice", "7"]


@given(st.lists(st.binary(max_size=60), max_size=5))
def test_reading_never_raises_and_loses_no_line_silently(messages):
    events = read([m.replace(b":", b";") for m in messages] + [b"a:1|c"])

    assert len(events.values) == 1


@pytest.mark.parametrize(
    ("key", "name", "tags"),
    [
        (
            ("web.hits", "c", "path:/a,new"),
            "web_hits_total",
            {"path": "/a", "new": "true"},
        ),
        (("hits_total", "c", ""), "hits_total", {}),
        (("db time", "ms", "a-b:c:d"), "db_time_seconds", {"a_b": "c:d"}),
        (("5xx", "g", "le:1,quantile:2"), "_5xx", {"tag_le": "1", "tag_quantile": "2"}),
        (("a,x=1,y=2", "g", "z:"), "a", {"x": "1", "y": "2", "z": ""}),
    ],
)
def test_names_and_tags_become_prometheus_s(key, name, tags):
    assert (metric_name(Key(*key)), dict(tags_of(Key(*key)))) == (name, tags)
