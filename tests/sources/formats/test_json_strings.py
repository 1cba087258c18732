from __future__ import annotations

import pyarrow as pa
import pytest

from sources.formats.json_strings import unescape, unescape_all

pytestmark = pytest.mark.unit

CASES = [
    (r"plain", "plain"),
    (r"a\"b", 'a"b'),
    (r"line\nline", "line\nline"),
    (r"\ud83d\ude00", "😀"),
    (r"back\\slash", r"back\slash"),
    (r"\x1b is not JSON", r"\x1b is not JSON"),
    ('two","strings', 'two","strings'),
    ("\\", "\\"),
]


@pytest.mark.parametrize(("raw", "meant"), CASES)
def test_a_string_is_unescaped(raw, meant):
    assert unescape(raw) == meant


def test_many_strings_are_unescaped_together():
    raw = pa.array([raw for raw, _ in CASES[:5]], pa.large_string())

    assert unescape_all(raw).to_pylist() == [meant for _, meant in CASES[:5]]


def test_a_broken_string_does_not_harm_the_others():
    raw = pa.array([raw for raw, _ in CASES], pa.large_string())

    assert unescape_all(raw).to_pylist() == [meant for _, meant in CASES]
