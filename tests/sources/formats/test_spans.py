from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sources.formats.spans import Text, as_strings, heads, without_colours

pytestmark = pytest.mark.unit

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@settings(deadline=None)
@given(st.data(), st.lists(WORDS, min_size=1, max_size=10))
def test_spans_are_cut_as_slices_are(data, lines):
    text = Text.of(pa.array(lines, pa.large_string()))
    spans = []
    for line in lines:
        start = data.draw(st.integers(0, len(line)))
        spans.append((start, data.draw(st.integers(start, len(line)))))
    starts = [len(t[:a].encode()) for t, (a, _) in zip(lines, spans, strict=True)]
    ends = [len(t[:b].encode()) for t, (_, b) in zip(lines, spans, strict=True)]

    cut = text.cut(text.starts + np.array(starts), text.starts + np.array(ends))

    assert cut.to_pylist() == [t[a:b] for t, (a, b) in zip(lines, spans, strict=True)]


def test_invalid_spans_are_null():
    text = Text.of(pa.array(["ab", "a longer line than that"], pa.large_string()))
    outside = np.array([-5, 0])

    cut = text.cut(outside, text.ends, np.array([False, True]))

    assert cut.to_pylist() == [None, "aba longer line than that"]


@pytest.mark.parametrize(
    "lines",
    [
        pa.array([], pa.large_string()),
        pa.array(["a", None, "b"], pa.string()),
        pa.chunked_array([["a"], [], ["b", "c"]], pa.large_string()),
        pa.array(["x", "a", "b"], pa.large_string()).slice(1),
        pa.array(["a", "b"], pa.string_view()),
    ],
)
def test_lines_come_as_any_string_column(lines):
    array = as_strings(lines)

    assert array.type == pa.large_string()
    assert array.offset == 0
    assert array.to_pylist() == [value or "" for value in lines.to_pylist()]
    assert Text.of(lines).count == len(lines)


def test_pieces_hold_whole_lines():
    text = Text.of(pa.array(["aa", "", "bbbbbb", "c", "d"], pa.large_string()))

    pieces = [
        (first, piece.cut(piece.starts, piece.ends).to_pylist())
        for first, piece in text.pieces(3)
    ]

    assert pieces == [(0, ["aa", "", "bbbbbb"]), (3, ["c", "d"])]


def test_heads_are_padded():
    lines = pa.array(["abc", "", "äbcdef"], pa.large_string())

    assert [bytes(row) for row in heads(lines, 4)] == [
        b"abc\0",
        b"\0\0\0\0",
        "äbc".encode(),
    ]


def test_colours_are_taken_away():
    lines = pa.array(
        ["\x1b[1;31mred\x1b[0m", "plain", "\x1b[Kx\x1b"], pa.large_string()
    )

    assert without_colours(lines).to_pylist() == ["red", "plain", "x\x1b"]
