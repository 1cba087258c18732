"""Whatever comes in: nothing raises, no line is lost, no column has a hole."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitoring.telemetry import FIELD_PREFIX, Level
from sources.formats import FORMATS, detect, join_multiline, parse_batch, preview
from tests.sources.formats.batches import RECEIVED_NS, batch
from tests.sources.formats.lines import names, table

pytestmark = pytest.mark.unit

REAL = [row.line for name in names() for row in table(name)]
PIECES = r'{ } [ ] " , : = \ | < > ( ) # \" a=1 "k": ERROR level= CEF:0| é 99999999999999999999'
BITS = st.sampled_from([*PIECES.split(" "), " ", "\t", "\n", "\0", "\ufffd"])
SOUP = st.lists(BITS, max_size=30).map("".join)


@st.composite
def damaged(draw):
    """Return a real line with a piece cut out, doubled or replaced."""
    line = draw(st.sampled_from(REAL))
    start = draw(st.integers(0, len(line)))
    end = draw(st.integers(start, len(line)))
    return line[:start] + draw(st.one_of(SOUP, st.just(""))) + line[end:]


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
LINES = st.lists(st.one_of(TEXT, SOUP, damaged(), st.sampled_from(REAL)), max_size=12)
FUZZ = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def check(parsed, lines):
    table = parsed.batch.table
    assert table.column("line").to_pylist() == lines
    assert parsed.matched + parsed.unmatched == len(lines)
    for name in ("stream", "ts_ns", "line", "level"):
        assert table.column(name).null_count == 0
    assert set(table.column("level").to_pylist()) <= set(Level)
    table.validate(full=True)
    for name in table.column_names:
        if name.startswith(FIELD_PREFIX):
            assert str(table.column(name).type) == "large_string"
            assert name != FIELD_PREFIX


@FUZZ
@given(LINES)
def test_recognising_and_parsing_never_fails(lines):
    check(parse_batch(batch(lines), None, RECEIVED_NS), lines)


@settings(FUZZ, max_examples=25)
@given(lines=LINES)
@pytest.mark.parametrize("name", FORMATS)
def test_no_format_ever_fails(name, lines):
    check(parse_batch(batch(lines), name, RECEIVED_NS), lines)


@settings(FUZZ, max_examples=25)
@given(lines=LINES)
@pytest.mark.parametrize("name", FORMATS)
def test_matching_and_parsing_agree(name, lines):
    array = batch(lines).table.column("line")

    matched = FORMATS[name].matches(array)

    assert matched.tolist() == FORMATS[name].parse(array, RECEIVED_NS).matched.tolist()


@FUZZ
@given(LINES)
def test_detection_and_preview_cover_every_line(lines):
    detection = detect(lines)
    seen = preview(lines, detection.format_name, received_ns=RECEIVED_NS)

    assert 0 <= detection.confidence <= 1
    assert detection.format_name in FORMATS
    assert [line.line for line in seen] == lines


@FUZZ
@given(st.data(), LINES)
def test_joining_keeps_every_line_of_every_stream(data, lines):
    streams = [data.draw(st.integers(0, 2)) for _ in lines]

    joined = join_multiline(batch(lines, streams=streams)).table

    for stream in range(3):
        own = [t for s, t in zip(streams, lines, strict=True) if s == stream]
        rows = joined.to_pylist()
        kept = [row["line"] for row in rows if row["stream"] == stream]
        assert "\n".join(kept).split("\n") == "\n".join(own).split("\n")


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(
    "line",
    [
        "",
        " " * 1_000_000,
        "x" * 1_000_000,
        '{"a":"' + "y" * 1_000_000 + '"}',
        "{" * 1_000_000,
        '"' * 1_000_001,
        "\\" * 1_000_001,
        "a=" + "b " * 500_000,
        "k=v " * 250_000,
        "\ufffd" * 300_000,
        "|".join("CEF:0" * 200_000),
    ],
    ids=lambda line: f"{line[:6]!r}",
)
def test_an_endless_line_is_parsed(name, line):
    lines = [line, "2026-10-10T13:55:36Z INFO short"]

    check(parse_batch(batch(lines), name, RECEIVED_NS), lines)
