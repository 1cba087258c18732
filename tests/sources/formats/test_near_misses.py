from __future__ import annotations

import pytest

from sources.formats.near_misses import NearMiss, near_misses

pytestmark = pytest.mark.unit

PATTERN = "<time:%Y-%m-%d> <level>  took=<took:int>"


@pytest.mark.parametrize(
    ("line", "fits", "rest", "missed"),
    [
        ("2026-11-21 INFO took=x", "2026-11-21 INFO took=", "x", "<took:int>"),
        ("2026-11-21 INFO took=5 ms", "2026-11-21 INFO took=5", " ms", ""),
        ("2026-11-21 INFO", "2026-11-21 ", "INFO", "  took="),
        ("2026-11-21", "2026-11-21", "", " "),
        ("yesterday", "", "yesterday", "<time:%Y-%m-%d>"),
        ("", "", "", "<time:%Y-%m-%d>"),
    ],
)
def test_a_line_is_cut_where_the_pattern_does_not_go_on(line, fits, rest, missed):
    assert near_misses(PATTERN, [line]) == [NearMiss(fits, rest, missed)]
