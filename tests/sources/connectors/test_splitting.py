from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sources.connectors.file_tail.splitting import cut_line, split

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"one\ntwo\n", ["one", "two"]),
        (b"one\ntwo", ["one", "two"]),
        (b"\n\n", ["", ""]),
        (b"one\r\ntwo\r\n", ["one", "two"]),
        (b"on\re\n", ["on\re"]),
        (b"one\r", ["one\r"]),
        ("é\n€\n".encode(), ["é", "€"]),
        (b"a\xffb\n", ["a\ufffdb"]),
        (b"a\x00b\n", ["a\x00b"]),
        ("a\u2028b\n".encode(), ["a\u2028b"]),
    ],
)
def test_split(data, lines):
    result = split(data, max_bytes=100)

    assert result.array.to_pylist() == lines


@given(st.lists(st.text().map(lambda t: t.replace("\n", "").replace("\r", ""))))
def test_split_is_the_inverse_of_writing_lines(lines):
    data = "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")
    written = [line.encode("utf-8", "replace").decode() for line in lines]

    result = split(data, max_bytes=10_000).array.to_pylist() if data else []

    assert result == written


@given(st.binary(min_size=1), st.integers(1, 20))
def test_any_bytes_become_valid_lines(data, max_bytes):
    result = split(data, max_bytes=max_bytes)

    result.array.validate(full=True)
    assert len(result) == data.count(b"\n") + (not data.endswith(b"\n"))


@given(st.text(alphabet="aé€😀\n", min_size=1), st.integers(1, 9))
def test_a_cut_line_is_the_start_of_the_whole_one(text, max_bytes):
    whole = split(text.encode(), max_bytes=1000).array.to_pylist()

    cut = split(text.encode(), max_bytes=max_bytes)

    for index, line in enumerate(cut.array.to_pylist()):
        size = len(whole[index].encode())
        assert (index in cut.originals) == (size > max_bytes)
        assert whole[index].startswith(line.removesuffix("…"))
        assert len(line.removesuffix("…").encode()) <= max_bytes


@pytest.mark.parametrize(
    ("data", "replaced"),
    [(b"ok\n", 0), (b"\xff\xfe\n", 2), ("\ufffd\n".encode() + b"\xff\n", 1)],
)
def test_replacements_are_counted(data, replaced):
    assert split(data, max_bytes=100).replaced == replaced


def test_other_encodings_become_utf_8():
    assert split(b"caf\xe9\n", encoding="latin-1", max_bytes=9).array.to_pylist() == [
        "café"
    ]


def test_a_cut_line_knows_what_it_was():
    result = cut_line("ééé".encode(), 5000, encoding="utf-8", max_bytes=3)

    assert (result.array.to_pylist(), result.originals) == (["é…"], {0: 5000})
