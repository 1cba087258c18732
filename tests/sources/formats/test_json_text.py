from __future__ import annotations

import json

import orjson
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sources.formats import json_text
from sources.formats.json_strings import unescape
from sources.formats.json_text import MAX_DEPTH, flatten
from sources.formats.spans import Text

pytestmark = pytest.mark.unit


def flat(lines):
    """Return each line's members as a dict, None where it is no object."""
    text = Text.of(pa.array(lines, pa.large_string()))
    good, found = flatten(text)
    values = text.cut(found.starts, found.ends).to_pylist()
    rows = [{} if ok else None for ok in good.tolist()]
    for row, code, value, escaped in zip(
        found.rows.tolist(), found.codes.tolist(), values, found.escaped, strict=True
    ):
        rows[row][found.names[code]] = unescape(value) if escaped else value
    return rows


def expected(value, prefix=""):
    """Flatten a parsed object, slowly."""
    result = {}
    for key, member in value.items():
        name = prefix + key
        if isinstance(member, dict):
            result |= expected(member, name + ".")
        elif isinstance(member, str):
            result[name] = member
        elif member is not None:
            result[name] = json.dumps(member, ensure_ascii=False, separators=(",", ":"))
    return result


KEYS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="."), max_size=5
)
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NUMBERS = st.integers(-(10**15), 10**15)
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, WORDS)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)
    ),
    max_leaves=8,
)
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=5)


def deep(value, levels=1):
    below = [deep(v, levels + 1) for v in value.values() if isinstance(v, dict)]
    return max([levels, *below])


@settings(max_examples=300, deadline=None)
@given(
    st.lists(OBJECTS.filter(lambda o: deep(o) <= MAX_DEPTH), max_size=6), st.booleans()
)
def test_objects_are_flattened_as_a_parser_would(objects, ascii_only):
    lines = [
        json.dumps(one, ensure_ascii=ascii_only, separators=(",", ":"))
        for one in objects
    ]
    plain = [expected(one) for one in objects]

    seen = flat(lines)

    # Arrays keep the escapes they were written with.
    assert [{k: loose(v) for k, v in row.items()} for row in seen] == [
        {k: loose(v) for k, v in row.items()} for row in plain
    ]


def loose(value):
    try:
        return orjson.loads(value) if value[:1] == "[" else value
    except orjson.JSONDecodeError:
        return value


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text('{}[]",:\\ a1nt', max_size=14), max_size=6))
def test_what_a_parser_takes_for_an_object_is_one(lines):
    lines = [f"{{{line}}}" for line in lines]

    seen = flat(lines)

    for line, row in zip(lines, seen, strict=True):
        try:
            value = json.loads(line)
        except ValueError:
            continue
        assert row is not None, line
        assert row.keys() == expected(value).keys()


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{",
        "}",
        "[]",
        "{]",
        '{"a"}',
        '{"a":}',
        '{"a":1,}',
        '{,"a":1}',
        '{"a":1}}',
        '{{"a":1}',
        '{"a":1}{"b":2}',
        '{"a":1} x',
        '{"a" 1}',
        '{"a":1 "b":2}',
        '{"a":"x}',
        "{a:1}",
        '{"a":b}',
        '{"a":"x"y}',
        '{"a":[1}',
        '{"a":1]}',
        '{"a":"\\"}',
        "{a}",
        '{"a":{}x}',
        '{"a":{"b":1} x,"c":1}',
        '{x"a":1}',
        '{"a"x:1}',
        '{"a":x"b"}',
        '{"a":1,"b"}',
    ],
)
def test_a_broken_object_is_none(line):
    assert flat([line]) == [None]


@pytest.mark.parametrize(
    ("line", "members"),
    [
        ("{}", {}),
        ('{"a":1.50}', {"a": "1.50"}),
        ('{"a":12345678901234567890123}', {"a": "12345678901234567890123"}),
        ('{"a":NaN}', {"a": "NaN"}),
        ('{"a":true,"b":false,"c":null}', {"a": "true", "b": "false"}),
        ('{"a":{}}', {}),
        ('{"a":[]}', {"a": "[]"}),
        ('{"a":[{"b":1},"]"]}', {"a": '[{"b":1},"]"]'}),
        ('{"a":{"b":{"c":"d"}},"e":1}', {"a.b.c": "d", "e": "1"}),
        ('{"a.b":1}', {"a.b": "1"}),
        ('{"a":1,"a":2}', {"a": "2"}),
        ('{"":1}', {"": "1"}),
        ('{"a":"\\\\"}', {"a": "\\"}),
        ('{"a":"\\\\\\""}', {"a": '\\"'}),
        ('{"a":"{\\"b\\":1}"}', {"a": '{"b":1}'}),
        ('{"a":"\\ud83d\\ude00"}', {"a": "😀"}),
        ('{"a":"\\q"}', {"a": "\\q"}),
        (
            '{ "a" : 1 , "b" : [ ] , "c" : { "d" : "e" } }',
            {"a": "1", "b": "[ ]", "c.d": "e"},
        ),
    ],
)
def test_an_object_is_flattened(line, members):
    assert flat([line]) == [members]


def test_what_lies_too_deep_stays_json():
    nested = '{"x":1}'
    for _ in range(MAX_DEPTH):
        nested = f'{{"a":{nested}}}'

    assert flat([nested]) == [{".".join(["a"] * MAX_DEPTH): '{"x":1}'}]


def test_a_broken_line_does_not_harm_its_neighbours():
    lines = ['{"a":"1"}', '{"b":"', '{"c":"3"}', "\\", '{"d":"4"}', '"', '{"e":5}']

    assert flat(lines) == [
        {"a": "1"},
        None,
        {"c": "3"},
        None,
        {"d": "4"},
        None,
        {"e": "5"},
    ]


def test_pieces_make_one_whole(monkeypatch):
    lines = [f'{{"k{n % 3}":{n},"same":{{"x":"{n}"}}}}' for n in range(50)]
    whole = flat(lines)
    monkeypatch.setattr(json_text, "PIECE", 64)

    assert flat(lines) == whole
