"""Messages to records, and where messages end, whatever comes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.telemetry import Level
from sources.connectors.streams.extraction import Extractor
from sources.connectors.streams.framing import Documents, Event, Events, Lines
from sources.connectors.streams.network import StreamError
from sources.connectors.streams.paths import InvalidPathError, Path
from sources.connectors.streams.readings import Rule
from sources.connectors.streams.stdout import Entry, Log
from sources.connectors.streams.templates import filled, filled_url
from sources.connectors.streams.topics import TopicPattern, filter_problem, fits

pytestmark = pytest.mark.unit

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """Return the data in pieces, as a network brings them."""
    ends = sorted({place % (len(data) + 1) for place in places} | {len(data)})
    starts = [0, *ends]
    return [data[a:b] for a, b in zip(starts, ends, strict=False)]


CUTS = st.lists(st.integers(0, 10_000), max_size=8)


@given(
    st.lists(st.dictionaries(st.text(), JSON, max_size=3) | st.lists(JSON, max_size=3)),
    CUTS,
)
def test_documents_are_found_wherever_the_pieces_end(documents, places):
    data = b" \n".join(json.dumps(one).encode() for one in documents)
    framing = Documents(2**20)

    found = [text for piece in cut(data, places) for text in framing.feed(piece)]

    assert [json.loads(text) for text in found] == documents
    assert framing.end() == []


@given(st.lists(st.text(st.characters(exclude_characters="\r\n", codec="utf-8"))), CUTS)
def test_lines_are_found_wherever_the_pieces_end(lines, places):
    data = "".join(f"{line}\r\n" for line in lines).encode()
    framing = Lines(2**20)

    found = [line for piece in cut(data, places) for line in framing.feed(piece)]

    assert found == lines


@given(
    st.lists(
        st.text(st.characters(exclude_characters="\r\n\0", codec="utf-8"), min_size=1)
    ),
    st.sampled_from(["\n", "\r\n", "\r"]),
    CUTS,
)
def test_events_are_found_wherever_the_pieces_end(texts, end, places):
    lines = [(f"id: {n}", f"data: {text}", "") for n, text in enumerate(texts)]
    data = "".join(line + end for event in lines for line in event).encode()
    events = Events(2**20)

    found = [event for piece in cut(data, places) for event in events.feed(piece)]
    # A lone carriage return may be the half of a line's end: what follows tells.
    found += events.feed(b":\n")

    assert found == [Event(text, str(n), "") for n, text in enumerate(texts)]


@given(st.binary(max_size=300), CUTS)
def test_no_bytes_at_all_make_framing_fail(data, places):
    for framing in (Lines(100), Documents(100), Events(100)):
        try:
            for piece in cut(data, places):
                framing.feed(piece)
        except StreamError:
            assert len(data) > 100


def test_an_event_needs_data_and_keeps_the_id_of_those_before_it():
    events = Events(1000, "5")

    found = events.feed(
        b"\xef\xbb\xbf: hi\ndata:a\ndata: b\nevent: x\n\nid: 6\n\ndata\n\n"
    )

    assert found == [Event("a\nb", "5", "x")]
    assert events.last_id == "6"


@given(
    JSON | st.text(),
    st.sampled_from(["$.a", "$..a", "$[*]", "$.a[?@.b > 1]", "$[0].a"]),
)
def test_extracting_never_fails_and_never_loses_what_is_no_json(message, path):
    text = message if isinstance(message, str) else json.dumps(message)
    extractor = Extractor(
        {
            "line_path": path,
            "records_path": path,
            "time_path": path,
            "level_path": path,
            "label_paths": {"x": path},
            "field_paths": {"y": path},
            "id_path": path,
        }
    )

    found = extractor.read(text)

    try:
        json.loads(text)
    except ValueError:
        kept = [line for line in text.replace("\r\n", "\n").split("\n") if line]
        assert [record.line for record in found.records] == kept


@given(JSON)
def test_without_paths_a_message_is_kept_as_it_is(document):
    text = json.dumps(document)

    found = Extractor({}).read(text)

    assert [r.line for r in found.records] == [
        (document if isinstance(document, str) else text)
    ][: 0 if document == "" else 1]


@given(
    JSON, st.lists(st.sampled_from(["a", "b", "c_d"]) | st.integers(0, 3), max_size=4)
)
def test_plain_paths_lead_where_the_library_leads(document, steps):
    text = "$" + "".join(f"[{s}]" if isinstance(s, int) else f".{s}" for s in steps)
    spelled = "$" + "".join(
        f"[{s}]" if isinstance(s, int) else f"['{s}']" for s in steps
    )

    assert Path(text).all(document) == Path(spelled).all(document)


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("WARNING", Level.WARN),
        ("err", Level.ERROR),
        (50, Level.ERROR),
        (3, Level.ERROR),
        (7, Level.DEBUG),
        (35, None),
        (True, None),
        ("loud", None),
        ({}, None),
    ],
)
def test_levels_are_words_or_numbers(level, expected):
    extractor = Extractor({"line_path": "$.m", "level_path": "$.l"})

    (record,) = extractor.read(json.dumps({"m": "x", "l": level})).records

    assert record.level == expected


def test_a_record_whose_id_came_before_is_left_out():
    extractor = Extractor({"line_path": "$.m", "records_path": "$", "id_path": "$.i"})
    extractor.skip(["1"])

    found = extractor.read(
        '[{"i": 1, "m": "a"}, {"i": 2, "m": "b"}, {"i": 2, "m": "b"}]'
    )

    assert [record.line for record in found.records] == ["b"]
    assert found.last_id == "2"


@pytest.mark.parametrize(
    "path",
    ["a.b", "$.a[", "$.a[?match(@.b, '(a+)+b')]", "$.a | $.b", "", "$" + ".a" * 300],
)
def test_what_is_no_path_is_refused(path):
    with pytest.raises(InvalidPathError):
        Path(path)


def test_what_is_put_into_a_text_cannot_leave_its_place():
    values = {"key": 'a"b\\', "id": "a&b=c/d"}

    assert json.loads(filled('{"k": "{{ key }}"}', values)) == {"k": 'a"b\\'}
    assert filled("AUTH {{key}} {{none}}", values) == 'AUTH a"b\\ '
    assert filled_url("https://x/?a={{id}}", values) == "https://x/?a=a%26b%3Dc%2Fd"


@pytest.mark.parametrize(
    ("wanted", "topic", "expected"),
    [
        ("#", "a/b", True),
        ("a/#", "a", True),
        ("a/#", "a/b/c", True),
        ("a/#", "b", False),
        ("a/+", "a/b", True),
        ("a/+", "a", False),
        ("a/+/c", "a/b/c", True),
        ("+/b", "/b", True),
        ("#", "$SYS/x", False),
        ("+/x", "$SYS/x", False),
        ("$SYS/#", "$SYS/x", True),
    ],
)
def test_topics_fit_filters_as_the_standard_says(wanted, topic, expected):
    assert fits(wanted, topic) is expected


@pytest.mark.parametrize("wrong", ["", "a/#/b", "a#", "a/b+", "x" * 70_000])
def test_filters_that_are_none_are_refused(wrong):
    assert filter_problem(wrong)


def test_parts_of_topics_have_names():
    pattern = TopicPattern("plant/{line}/+/{machine}/#")

    assert pattern.labels("plant/north/x/press/a/b") == {
        "line": "north",
        "machine": "press",
    }
    assert pattern.labels("other/north/x/press") == {}


@pytest.mark.parametrize(
    ("payload", "value"),
    [
        ("21.5", 21.5),
        (" -3 ", -3.0),
        ("ON", 1.0),
        ("false", 0.0),
        ("nan", None),
        ("1e999", None),
        ("warm", None),
        ("9" * 400, None),
    ],
)
def test_a_message_is_a_number_or_is_not(payload, value):
    point = Rule({"name": "x"}).point("t", {}, payload, 0)

    assert (point and point.value) == value


@given(st.lists(st.integers(0, 5), max_size=30), st.integers(0, 30), st.integers(0, 10))
def test_the_log_is_taken_once_in_its_order_whenever_connections_end(steps, first, lag):
    """Entries come live or in the queue; the connector restarts in between."""
    times = [sum(steps[: n + 1]) for n in range(len(steps))]
    entries = [Entry(f"{n}@{ts}", ts, f"line {n}") for n, ts in enumerate(times)]
    log = Log({})
    taken = log.live(entries[:first])

    again = Log(json.loads(json.dumps(log.position)))
    taken += again.missed(entries[max(0, first - lag) :])
    taken += again.live(entries[max(first, len(entries) - 3) :])

    assert taken == entries
