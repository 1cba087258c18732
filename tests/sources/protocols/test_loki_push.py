from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sources.protocols import MalformedBodyError, Terms, loki_push
from sources.protocols.loki_entries import message
from sources.protocols.loki_labels import LokiLabelsError, parse_labels
from tests.factories import loki
from tests.sources.protocols.reading import NOW_NS, TERMS, errors_of, rows_of

pytestmark = pytest.mark.unit

SECONDS = NOW_NS // 10**9


def decode_json(*streams):
    return loki_push.decode_json(loki.json(*streams), TERMS)


# --- Entries --------------------------------------------------------------------------


def test_json_entries_have_the_labels_of_their_stream():
    decoded = decode_json(
        ({"app": "shop"}, [str(NOW_NS), "a"], [str(NOW_NS + 1), "b"]),
        ({"app": "mail"}, [str(NOW_NS + 2), "c", {"trace_id": "7"}]),
    )

    assert rows_of(decoded) == [
        {"ts_ns": NOW_NS, "line": "a", "labels": {"app": "shop"}},
        {"ts_ns": NOW_NS + 1, "line": "b", "labels": {"app": "shop"}},
        {
            "ts_ns": NOW_NS + 2,
            "line": "c",
            "field.trace_id": "7",
            "labels": {"app": "mail"},
        },
    ]
    assert decoded.size == 6


def test_protobuf_entries_have_the_labels_of_their_stream():
    body = loki.protobuf(
        ('{app="shop"}', (SECONDS, 5, b"a", {}), (SECONDS, 0, b"b" * 300, {})),
        ('{app="mail"}', (SECONDS, 999_999_999, b"c", {"trace_id": "7"})),
    )

    decoded = loki_push.decode_protobuf(body, TERMS)

    assert rows_of(decoded) == [
        {"ts_ns": NOW_NS + 5, "line": "a", "labels": {"app": "shop"}},
        {"ts_ns": NOW_NS, "line": "b" * 300, "labels": {"app": "shop"}},
        {
            "ts_ns": NOW_NS + 999_999_999,
            "line": "c",
            "field.trace_id": "7",
            "labels": {"app": "mail"},
        },
    ]


# Everything that decides how an entry is laid out: lengths of one to three bytes, times
# without nanoseconds or of another age, no line, metadata.
entry = st.tuples(
    st.one_of(st.just(SECONDS), st.integers(0, 2**33)),
    st.one_of(st.just(0), st.integers(0, 999_999_999)),
    st.one_of(st.binary(max_size=20), st.integers(0, 20_000).map(lambda n: b"x" * n)),
    st.dictionaries(st.sampled_from(["a", "bé"]), st.text(max_size=5), max_size=2),
)


@given(st.lists(entry, max_size=8))
def test_entries_of_any_layout_are_read_as_protobuf_reads_them(entries):
    terms = Terms(NOW_NS, {"source": "api"}, max_line_bytes=10**6)

    decoded = loki_push.decode_protobuf(loki.protobuf(('{a="b"}', *entries)), terms)

    assert rows_of(decoded) == [
        {
            "ts_ns": seconds * 10**9 + nanos,
            "line": line.decode("utf-8", "replace"),
            "labels": {"a": "b"},
            **{f"field.{name}": value for name, value in metadata.items()},
        }
        for seconds, nanos, line, metadata in entries
    ]


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body):
    for decode in (loki_push.decode_protobuf, loki_push.decode_json):
        with contextlib.suppress(MalformedBodyError, loki_push.NoStreamsError):
            decode(body, TERMS)


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=5))
def test_any_bytes_of_an_entry_are_read_or_refused(entries):
    push = message("Push")
    push.streams.add(labels=b'{a="b"}', entries=entries)

    try:
        decoded = loki_push.decode_protobuf(push.SerializeToString(), TERMS)
    except MalformedBodyError:
        return

    assert decoded.batch.count + len(decoded.rejected) == len(entries)


def test_what_is_not_utf8_is_marked():
    body = loki.protobuf(
        ('{a="b"}', (SECONDS, 0, b"caf\xe9", {}), (SECONDS, 1, b"ok", {}))
    )

    lines = [row["line"] for row in rows_of(loki_push.decode_protobuf(body, TERMS))]

    assert lines == ["caf�", "ok"]


def test_a_json_body_in_another_encoding_is_marked():
    body = loki.json(({"a": "b"}, [str(NOW_NS), "cafE"])).replace(b"E", b"\xe9")

    assert rows_of(loki_push.decode_json(body, TERMS))[0]["line"] == "caf�"


def test_a_nul_stays_in_its_line():
    decoded = decode_json(({"a": "b"}, [str(NOW_NS), "a\x00b"]))

    assert rows_of(decoded)[0]["line"] == "a\x00b"


@pytest.mark.parametrize(
    ("labels", "metadata", "level"),
    [
        pytest.param({"level": "error"}, {}, "error", id="of_the_label"),
        pytest.param({"a": "b"}, {"detected_level": "WARN"}, "warn", id="of_metadata"),
        pytest.param(
            {"level": "info"}, {"level": "debug"}, "debug", id="metadata_wins"
        ),
        pytest.param({"level": "odd"}, {}, None, id="no_level"),
    ],
)
def test_a_level_is_taken_from_where_senders_put_it(labels, metadata, level):
    decoded = decode_json((labels, [str(NOW_NS), "x", metadata]))

    assert rows_of(decoded)[0].get("level") == level


def test_more_metadata_names_than_columns_end_up_in_one_field():
    values = [[str(NOW_NS), "x", {f"name{i}": str(i)}] for i in range(200)]

    rows = rows_of(decode_json(({"a": "b"}, *values)))

    assert rows[0]["field.name0"] == "0"
    assert rows[199]["field.other_fields"] == '{"name199":"199"}'


# --- Refusals -------------------------------------------------------------------------

STRING = "Value looks like string, but can't find closing '\"' symbol"
OBJECT = "Value looks like object, but can't find closing '}' symbol"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        pytest.param(b'{"streams":', "The body is not JSON", id="cut_off"),
        pytest.param(
            loki.json(({"a": "b"}, [NOW_NS, "x"])),
            f"{STRING} (entry 0: the timestamp must be a string)",
            id="number_as_time",
        ),
        pytest.param(
            loki.json(({"a": "b"}, ["1", "x"], ["1", None])),
            f"{STRING} (entry 1: the line must be a string)",
            id="null_as_line",
        ),
        pytest.param(
            loki.json(({"a": "b"}, ["1", "x", "y"])), OBJECT, id="metadata_no_object"
        ),
        pytest.param(
            loki.json(({"a": "b"}, ["1", "x", {"y": 1}])), STRING, id="metadata_number"
        ),
        pytest.param(
            loki.json(({"a": "b"}, ["1.5", "x"])),
            'strconv.ParseInt: parsing "1.5": invalid syntax',
            id="fraction_as_time",
        ),
        pytest.param(loki.json(({"a": 1}, ["1", "x"])), STRING, id="label_number"),
        pytest.param(loki.json(({"a": "b"}, ["1"])), "an array of time", id="no_line"),
        pytest.param(loki.json(({"a": "b"}, {})), "each value is", id="no_array"),
        pytest.param(b'{"streams":[7]}', "must be an object", id="no_stream"),
        pytest.param(b'{"streams":{}}', "must be an array", id="no_streams"),
    ],
)
def test_a_json_body_that_cannot_be_read_is_refused_whole(body, text):
    with pytest.raises(MalformedBodyError) as refused:
        loki_push.decode_json(body, TERMS)

    assert text in str(refused.value)


@pytest.mark.parametrize("body", [b"{}", b'{"streams":[]}', b"[]"])
def test_a_push_needs_a_stream(body):
    with pytest.raises(loki_push.NoStreamsError, match="at least one valid stream"):
        loki_push.decode_json(body, TERMS)


def test_a_protobuf_body_of_another_kind_is_refused():
    with pytest.raises(MalformedBodyError, match=r"is not a logproto\.PushRequest"):
        loki_push.decode_protobuf(b"not protobuf", TERMS)


@pytest.mark.parametrize(
    ("labels", "value", "error"),
    [
        (
            {},
            [str(NOW_NS), "x"],
            "error at least one label pair is required per stream",
        ),
        (
            {f"l{i}": "x" for i in range(65)},
            [str(NOW_NS), "x"],
            "has 65 label names; limit 64",
        ),
        ({"l" * 300: "x"}, [str(NOW_NS), "x"], "has label name too long: 'lll"),
        ({"l": "x" * 3000}, [str(NOW_NS), "x"], "has label value too long: 'xxx"),
        ({"l": "x\x00"}, [str(NOW_NS), "x"], "has a NUL character in 'l'"),
        ({"a-b": "x"}, [str(NOW_NS), "x"], "invalid label name 'a-b'"),
        ({"__name__": "x"}, [str(NOW_NS), "x"], "which names metrics"),
        (
            {"a": "b"},
            [str(NOW_NS), "x" * 1001],
            (
                "Max entry size '1000' bytes exceeded for stream '{a=\"b\"}' while adding an "
                "entry with length '1001' bytes"
            ),
        ),
        (
            {"a": "b"},
            [str(10**20), "x"],
            "entry for stream '{a=\"b\"}' has timestamp too new: 2262-04-11T23:47:16Z",
        ),
        ({"a": "b"}, ["-5", "x"], "has timestamp too old: 1969-12-31T23:59:59Z"),
    ],
)
def test_what_is_beyond_a_limit_is_named_and_the_rest_is_taken(labels, value, error):
    decoded = decode_json(({"ok": "1"}, [str(NOW_NS), "good"]), (labels, value))

    assert [row["line"] for row in rows_of(decoded)] == ["good"]
    [(index, text)] = errors_of(decoded)
    assert (index, error in text) == (1, True)


# --- Labels ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("{}", ()),
        ('{a="b"}', (("a", "b"),)),
        (' { a = "b" , c="d", } ', (("a", "b"), ("c", "d"))),
        (r'{a="x\"y\\z\n\t\u00e9\x41\101"}', (("a", 'x"y\\z\n\té' + "AA"),)),
        ("{a=`b\\n`,c='d'}", (("a", "b\\n"), ("c", "d"))),
        ('{a="x,y}=z"}', (("a", "x,y}=z"),)),
        ('{a=""}', (("a", ""),)),
    ],
)
def test_labels_are_read_as_go_reads_them(text, pairs):
    assert parse_labels(text) == pairs


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", 'a="b"', "{a}", "{a=b}", '{a="b}', '{a="b" c="d"}', '{1a="b"}'),
        *('{a="b",,c="d"}', r'{a="\q"}', r'{a="\ud800"}', '{a=~"b"}', '{"a"="b"}'),
    ],
)
def test_labels_of_another_kind_are_refused(text):
    with pytest.raises(
        LokiLabelsError, match=r"error parsing labels .* with error: 1:"
    ):
        parse_labels(text)


def test_a_label_given_twice_is_refused():
    body = loki.protobuf(('{a="b",a="c"}', (SECONDS, 0, b"x", {})))

    decoded = loki_push.decode_protobuf(body, TERMS)

    assert errors_of(decoded) == [
        (0, "stream '{a=\"b\", a=\"c\"}' has duplicate label name: 'a'")
    ]
