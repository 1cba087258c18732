from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sources.protocols.syslog_frames import StreamFrames, of_datagram

pytestmark = pytest.mark.unit

BOM = b"\xef\xbb\xbf"


@pytest.mark.parametrize(
    ("stream", "frames", "dropped"),
    [
        pytest.param(b"<1>a\n<2>b\n", [b"<1>a", b"<2>b"], 0, id="newlines"),
        pytest.param(b"4 <1>a4 <2>b", [b"<1>a", b"<2>b"], 0, id="octets"),
        pytest.param(
            b"5 <1>a\n4 <2>b", [b"<1>a", b"<2>b"], 0, id="octets_and_newlines"
        ),
        pytest.param(b"7 <1>a\nb\n<2>c\n", [b"<1>a\nb", b"<2>c"], 0, id="per_frame"),
        pytest.param(b"<1>a\r\n<2>b\0\n", [b"<1>a", b"<2>b"], 0, id="line_ends"),
        pytest.param(
            b"2026-11-21 x\n12:00 y\n", [b"2026-11-21 x", b"12:00 y"], 0, id="times"
        ),
        pytest.param(b"<1>a", [b"<1>a"], 0, id="unfinished_line"),
        pytest.param(b"9 <1>a", [b"<1>a"], 0, id="unfinished_octets"),
        pytest.param(b"x" * 40 + b"\nb\n", [b"b"], 1, id="line_beyond_the_limit"),
        pytest.param(b"40 " + b"x" * 40 + b"1 b", [b"b"], 1, id="octets_beyond_it"),
        pytest.param(b"x" * 40, [], 1, id="nothing_but_too_long"),
        pytest.param(b"<1>1 " + BOM + b"a\n", [b"<1>1 a"], 0, id="mark_of_utf8"),
        pytest.param(b"\n\n \n", [], 0, id="blank"),
    ],
)
def test_a_stream_is_cut_into_frames_whatever_the_pieces(stream, frames, dropped):
    for size in range(1, len(stream) + 1):
        cutter = StreamFrames(limit=20)
        pieces = [stream[i : i + size] for i in range(0, len(stream), size)]

        found = [frame for piece in pieces for frame in cutter.feed(piece)]

        assert [*found, *cutter.end()] == frames
        assert cutter.dropped == dropped


@given(st.lists(st.binary(max_size=12)))
def test_any_stream_is_cut_within_bounds(pieces):
    cutter = StreamFrames(limit=10)

    for piece in pieces:
        assert all(len(frame) <= 10 for frame in cutter.feed(piece))

    assert len(cutter._rest) <= 10 + len("123456789 ")


@pytest.mark.parametrize(
    ("datagram", "frames"),
    [
        (b"<1>a", [b"<1>a"]),
        (b"<1>a\n", [b"<1>a"]),
        (b"<1>a\n<2>b", [b"<1>a", b"<2>b"]),
        (b"<1>trace\n  at x\n<2>b", [b"<1>trace\n  at x", b"<2>b"]),
        (b"a\nb", [b"a", b"b"]),
        (b"4711 hello", [b"4711 hello"]),
        (BOM + b"a\0", [b"a"]),
        (b"", []),
    ],
)
def test_a_datagram_may_hold_several_messages(datagram, frames):
    assert of_datagram(datagram) == frames
