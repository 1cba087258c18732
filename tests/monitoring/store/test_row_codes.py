from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.store.packing import QUICK, Packed, pack
from monitoring.store.row_codes import CodesWithFirsts, pack_codes, unpack_codes

pytestmark = pytest.mark.unit


def codes_of(values) -> tuple[np.ndarray, int]:
    """Number values in the order in which they come first, and null behind them."""
    encoded = pa.array(values, pa.int64()).dictionary_encode()
    distinct = len(encoded.dictionary)
    return encoded.indices.fill_null(distinct).to_numpy().astype(np.uint32), distinct


def unpacked(codes: np.ndarray, distinct: int):
    told, parts = pack_codes(codes, distinct)
    packed = Packed.open(pack(None, [(parts, QUICK)]))
    return unpack_codes(told, packed, 0, len(codes), distinct)


def repeated(count: int, kinds: int) -> list[int]:
    return [n * n % kinds for n in range(count)]


def seldom_repeated(count: int) -> list[int | None]:
    return [None if n % 11 == 3 else n // 2 if n % 3 else n for n in range(count)]


MANY = {
    "one": [7] * 20,
    "two": [1, 2] * 9,
    "two and null": [1, None, 2] * 5,
    "five": repeated(101, 9),
    "seventeen and more": repeated(1000, 31),
    "a byte is too narrow": repeated(90_000, 997),
    "most come once": seldom_repeated(3_000),
    "two bytes are too narrow": seldom_repeated(150_000),
}


@pytest.mark.parametrize("values", MANY.values(), ids=MANY)
def test_codes_are_read_as_they_were_written(values):
    codes, distinct = codes_of(values)
    rows = np.unique(np.linspace(0, len(codes) - 1, 50).astype(np.intp))
    marked = np.arange(distinct + 1) % 3 == 1

    found = unpacked(codes, distinct)

    assert found.all.tolist() == codes.tolist()
    assert found.at(rows).tolist() == codes[rows].tolist()
    assert found.having(marked).tolist() == marked[codes].tolist()


@given(st.lists(st.none() | st.integers(0, 400), min_size=257, max_size=600))
def test_whatever_comes_again_is_read_again(values):
    codes, distinct = codes_of([*range(1000, 1257), *values])
    rows = np.arange(len(codes))

    found = unpacked(codes, distinct)

    assert isinstance(found, CodesWithFirsts)
    assert found.all.tolist() == codes.tolist()
    assert found.at(rows[::-1]).tolist() == codes[::-1].tolist()


def test_no_more_is_unpacked_than_was_counted():
    codes, distinct = codes_of(seldom_repeated(3_000))

    found = unpacked(codes, distinct)

    kept = found.firsts.nbytes + found.again.nbytes + found.before.nbytes
    assert kept <= found.unpacked_size
