from __future__ import annotations

import json
import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.api.prometheus import formatting
from monitoring.api.prometheus.formatting import limited, numbers, result_json, seconds
from monitoring.promql import Result, ResultType

pytestmark = pytest.mark.unit


def result_of(values, *, kind=ResultType.MATRIX, present=None, steps_ms=None, **more):
    values = np.array(values, float)
    return Result(
        type=kind,
        labels=[(("__name__", "up"), ("n", str(n))) for n in range(len(values))],
        steps_ms=np.array(
            range(0, 15_000 * values.shape[1], 15_000) if steps_ms is None else steps_ms
        ),
        values=values,
        present=np.array(
            np.ones(values.shape) if present is None else present, np.bool_
        ),
        **more,
    )


def text_of(result) -> str:
    return b"".join(result_json(result)).decode()


def data_of(result):
    return json.loads("{" + text_of(result) + "}")["result"]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1.0, "1"),
        (0.0, "0"),
        (-0.0, "-0"),
        (100.0, "100"),
        (0.1, "0.1"),
        (1.05, "1.05"),
        (-2.5, "-2.5"),
        (1e15, "1000000000000000"),
        (1e16, "10000000000000000"),
        (123456789012345678.0, "123456789012345680"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (-1e100, "-1e+100"),
        (1e-5, "0.00001"),
        (1.5e-6, "0.0000015"),
        (1e-6, "0.000001"),
        (1e-7, "1e-07"),
        (5e-324, "5e-324"),
        (math.nan, "NaN"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
    ],
)
def test_numbers_look_as_in_go(number, text):
    assert numbers(np.array([number])) == [text.encode()]


@given(st.lists(st.floats(), max_size=30))
def test_a_number_among_others_keeps_its_place_and_worth(values):
    texts = numbers(np.array(values, float))

    assert len(texts) == len(values)
    for text, value in zip(texts, values, strict=True):
        again = float(text)
        assert again == value or (math.isnan(again) and math.isnan(value))
        assert math.isnan(value) or math.copysign(1, again) == math.copysign(1, value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_an_exponent_stands_only_where_go_writes_one(value):
    text = numbers(np.array([value]))[0].decode()

    fixed = value == 0 or 1e-6 <= abs(value) < 1e21
    assert ("e" not in text) == fixed
    assert not text.endswith(".0")
    # As few digits as the number needs.
    digits = Decimal(repr(value)).normalize().as_tuple().digits
    assert Decimal(text).normalize().as_tuple().digits == digits


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "0"),
        (1000, "1"),
        (1100, "1.100"),
        (1001, "1.001"),
        (-500, "-0.500"),
        (-1500, "-1.500"),
        (1_700_000_000_015, "1700000000.015"),
    ],
)
def test_times_are_seconds_with_decimals_where_needed(ms, text):
    assert seconds(ms) == text


def test_a_matrix_has_only_the_samples_there_are():
    result = result_of(
        [[1, 2, 3], [4, 5, 6], [7, 8, 9]],
        present=[[1, 0, 1], [0, 0, 0], [0, 1, 0]],
    )

    assert text_of(result) == (
        '"resultType":"matrix","result":['
        '{"metric":{"__name__":"up","n":"0"},"values":[[0,"1"],[30,"3"]]},'
        '{"metric":{"__name__":"up","n":"2"},"values":[[15,"8"]]}]'
    )


def test_a_vector_has_one_value_a_series():
    result = result_of([[1.5], [math.nan]], kind=ResultType.VECTOR, steps_ms=[1500])

    assert text_of(result) == (
        '"resultType":"vector","result":['
        '{"metric":{"__name__":"up","n":"0"},"value":[1.500,"1.5"]},'
        '{"metric":{"__name__":"up","n":"1"},"value":[1.500,"NaN"]}]'
    )


def test_a_scalar_and_a_string_are_a_pair():
    scalar = result_of([[2.0]], kind=ResultType.SCALAR)
    string = result_of([[0.0]], kind=ResultType.STRING, string='a "word"')

    assert text_of(scalar) == '"resultType":"scalar","result":[0,"2"]'
    assert text_of(string) == '"resultType":"string","result":[0,"a \\"word\\""]'


@pytest.mark.parametrize("kind", [ResultType.MATRIX, ResultType.VECTOR])
def test_nothing_found_is_an_empty_list(kind):
    assert data_of(result_of(np.empty((0, 1)), kind=kind)) == []


@pytest.mark.parametrize("chunk", [1, 7, 20, 1000])
def test_the_size_of_chunks_does_not_show(monkeypatch, chunk):
    random = np.random.default_rng(1)
    present = random.random((9, 6)) < 0.5
    result = result_of(random.random((9, 6)), present=present)
    monkeypatch.setattr(formatting, "CHUNK", chunk)

    assert data_of(result) == [
        {
            "metric": dict(labels),
            "values": [
                [15 * column, str(result.values[row, column])]
                for column in np.flatnonzero(present[row])
            ],
        }
        for row, labels in enumerate(result.labels)
        if present[row].any()
    ]


def test_a_limit_keeps_the_first_series_and_says_so():
    kept = limited(result_of([[1], [2], [3]]), 2)

    assert [s["metric"]["n"] for s in data_of(kept)] == ["0", "1"]
    assert kept.warnings == ["results truncated due to limit"]


@pytest.mark.parametrize("limit", [0, 3, 4])
def test_a_limit_that_is_not_reached_says_nothing(limit):
    kept = limited(result_of([[1], [2], [3]]), limit)

    assert len(data_of(kept)) == 3
    assert kept.warnings == []
