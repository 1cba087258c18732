from __future__ import annotations

import json

import pytest

from sources.formats import parse_batch
from sources.formats.base import MAX_COLUMNS, MAX_FIELDS_PER_LINE
from tests.sources.formats.batches import RECEIVED_NS, batch, column

pytestmark = pytest.mark.unit


def parse(lines, name="json"):
    return parse_batch(batch(lines), name, RECEIVED_NS)


def test_a_batch_has_a_bounded_number_of_columns():
    lines = [json.dumps({f"key{n}": n, "common": n}) for n in range(500)]

    parsed = parse(lines)

    names = parsed.batch.field_names
    assert len(names) == MAX_COLUMNS
    assert "common" in names
    assert [json.loads(r) for r in column(parsed, "field._rest") if r] == [
        {f"key{n}": n} for n in range(MAX_COLUMNS - 2, 500)
    ]


def test_time_and_level_are_found_among_any_number_of_keys():
    lines = [json.dumps({f"key{n}": n}) for n in range(500)]
    lines.append('{"time":"2026-10-10T13:55:36Z","level":"warn"}')

    parsed = parse(lines)

    assert column(parsed, "ts_ns")[-1] == 1_791_640_536 * 10**9
    assert column(parsed, "level")[-1] == 4


def test_a_line_has_a_bounded_number_of_fields():
    line = json.dumps({f"key{n:03}": [n, '"'] for n in range(100)})

    parsed = parse([line, '{"key099":1}'])

    held = [name for name in parsed.batch.field_names if name != "_rest"]
    first = [column(parsed, f"field.{name}")[0] for name in held]
    assert sum(value is not None for value in first) == MAX_FIELDS_PER_LINE
    rest = json.loads(column(parsed, "field._rest")[0])
    assert rest == {f"key{n:03}": [n, '"'] for n in range(MAX_FIELDS_PER_LINE, 100)}
    assert column(parsed, "field._rest")[1] is None


def test_the_rest_of_pairs_is_json_too():
    line = " ".join(f'key{n:03}="a \\"b\\" {n}"' for n in range(70))

    rest = column(parse([line], "logfmt"), "field._rest")

    assert json.loads(rest[0])["key069"] == '"a \\"b\\" 69"'.strip('"')


@pytest.mark.parametrize("name", ["", "k" * 201])
def test_an_unusable_name_goes_to_the_rest(name):
    parsed = parse([json.dumps({name: "x", "a": "y"})])

    assert parsed.batch.field_names == ["a", "_rest"]
    assert json.loads(column(parsed, "field._rest")[0]) == {name: "x"}


def test_of_a_repeated_key_the_last_value_counts():
    assert column(parse(["a=1 b=2 a=3"], "logfmt"), "field.a") == ["3"]
