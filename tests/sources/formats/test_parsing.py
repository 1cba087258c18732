from __future__ import annotations

from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from monitoring.telemetry import Level, LogBatch
from sources.formats import parse_batch, preview
from tests.sources.formats.batches import RECEIVED_NS, batch, column

pytestmark = pytest.mark.unit

DAY = 86_400 * 10**9
TIMED = "2026-10-10T13:55:36Z level=warn user=alice n=1"
TIMED_NS = (1_791_640_536) * 10**9


def parse(given, name=None, **kwargs):
    return parse_batch(given, name, RECEIVED_NS, **kwargs)


def test_the_format_is_recognised_when_none_is_named():
    assert parse(batch(['{"a":1}', '{"a":2}'])).format_name == "json"


def test_a_named_format_is_used_even_where_another_fits_better():
    assert parse(batch(['{"a":1}']), "raw").format_name == "raw"


def test_a_format_that_is_no_more_is_recognised_anew():
    assert parse(batch(['{"a":1}']), "bygone").format_name == "json"


def test_matched_lines_are_counted():
    parsed = parse(batch(['{"a":1}', "x", '{"a":2}', "y", '{"a":3}']))

    assert (parsed.matched, parsed.unmatched) == (3, 2)


def test_lines_stay_as_they_came():
    lines = [" {} ", "\x1b[31mERROR\x1b[0m", "", "\ufffd\x00", "a\nb"]

    assert column(parse(batch(lines)), "line") == lines


def test_streams_and_labels_stay():
    given = batch(["a", "b"], streams=[1, 0])

    parsed = parse(given)

    assert parsed.batch.streams == given.streams
    assert column(parsed, "stream") == [1, 0]


def test_a_line_without_a_time_gets_its_arrival():
    assert column(parse(batch(["x"])), "ts_ns") == [RECEIVED_NS]


def test_an_unmatched_line_gets_the_time_it_begins_with():
    lines = ['{"a":1}', '{"a":1}', "2026-10-10T13:55:36Z ERROR plain"]

    parsed = parse(batch(lines), "json")

    assert column(parsed, "ts_ns") == [RECEIVED_NS, RECEIVED_NS, TIMED_NS]
    assert column(parsed, "level") == [Level.UNKNOWN, Level.UNKNOWN, Level.ERROR]


def test_what_the_client_said_is_kept():
    given = batch([TIMED] * 2, times=[7 * DAY, None], levels=[Level.FATAL, None])
    given = batch(
        [TIMED] * 2,
        times=[RECEIVED_NS - 5, None],
        levels=[Level.FATAL, None],
        user=["bob", None],
    )

    parsed = parse(given, "key_value")

    assert column(parsed, "ts_ns") == [RECEIVED_NS - 5, TIMED_NS]
    assert column(parsed, "level") == [Level.FATAL, Level.WARN]
    assert column(parsed, "field.user") == ["bob", "alice"]
    assert column(parsed, "field.n") == ["1", "1"]


def test_an_unknown_level_from_the_client_is_a_level():
    assert column(parse(batch(["ERROR x"], levels=[0])), "level") == [Level.UNKNOWN]


@pytest.mark.parametrize(
    ("line", "claimed"),
    [
        ("2024-10-10T13:55:36Z too old", "2024-10-10T13:55:36Z"),
        ("2026-10-12T13:55:36Z too new", "2026-10-12T13:55:36Z"),
        ("1815-12-10T00:00:00Z Ada", "1815-12-10T00:00:00Z"),
        ("2025-10-10T13:55:36Z a year is fine", None),
        ("2026-10-11T13:55:36Z a day ahead is fine", None),
    ],
)
def test_a_time_that_is_not_plausible_becomes_a_field(line, claimed):
    parsed = parse(batch([line, "2026-10-10T13:55:36Z x"]))

    times = column(parsed, "ts_ns")
    if claimed is None:
        assert "field.claimed_timestamp" not in parsed.batch.table.column_names
        assert times[0] != RECEIVED_NS
    else:
        assert column(parsed, "field.claimed_timestamp") == [claimed, None]
        assert times == [RECEIVED_NS, TIMED_NS]


def test_a_time_of_the_client_must_be_plausible_too():
    parsed = parse(batch(["x"], times=[0]))

    assert column(parsed, "ts_ns") == [RECEIVED_NS]
    assert column(parsed, "field.claimed_timestamp") == ["1970-01-01T00:00:00Z"]


def test_a_time_without_a_zone_is_in_the_zone_given():
    given = batch(["2026-10-10 15:55:36 a", "2026-10-10T13:55:36Z b"])

    parsed = parse(given, tz=ZoneInfo("Europe/Berlin"))

    assert column(parsed, "ts_ns") == [TIMED_NS, TIMED_NS]


def test_colours_do_not_hinder():
    parsed = parse(batch(['\x1b[32m{"level":"warn"}\x1b[0m']), "json")

    assert (parsed.matched, column(parsed, "level")) == (1, [Level.WARN])


def test_an_empty_batch_stays_empty():
    parsed = parse(batch([]))

    assert (parsed.batch.count, parsed.matched, parsed.unmatched) == (0, 0, 0)


def test_a_batch_in_chunks_is_parsed_as_one():
    pieces = [batch([f'{{"a":{n}}}']).table for n in range(3)]
    given = LogBatch(((),), pa.concat_tables(pieces))

    assert column(parse(given), "field.a") == ["0", "1", "2"]


def test_a_slice_of_a_batch_is_parsed_alone():
    whole = batch([f'{{"a":{n}}}' for n in range(9)])

    parsed = parse(LogBatch(whole.streams, whole.table.slice(3, 2)))

    assert column(parsed, "field.a") == ["3", "4"]


def test_a_parsed_batch_travels():
    parsed = parse(batch(['{"a":1,"level":"info"}', "x"])).batch

    assert LogBatch.decode(parsed.encode()).table.equals(parsed.table)


def test_a_preview_shows_what_the_parser_sees():
    ok, odd = preview([TIMED, "no pairs"], "key_value", received_ns=RECEIVED_NS)

    assert (ok.timestamp, ok.level, ok.fields, ok.matched) == (
        "2026-10-10T13:55:36Z",
        "warn",
        {"user": "alice", "n": "1"},
        True,
    )
    assert (odd.timestamp, odd.level, odd.fields, odd.matched) == (
        None,
        "unknown",
        {},
        False,
    )


def test_a_preview_of_nothing_is_empty():
    assert preview([]) == []
