from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.store.packing import (
    QUICK,
    VERSION,
    Packed,
    pack,
    pack_numbers,
    unpack_numbers,
)

pytestmark = pytest.mark.unit

LARGE = [[b"a" * 1000, b"b" * 500], [b"", b"\x00" * 5000]]


@pytest.mark.parametrize("meta", ["short", "long " * 500], ids=len)
def test_frames_and_what_is_said_of_them_are_read_again(meta):
    payload = pack(meta, [*((parts, QUICK) for parts in LARGE), ([b"plain"], None)])

    found = Packed.open(payload)

    assert found.meta == meta
    frames = [found.frame(n).to_pybytes() for n in range(3)]
    assert frames == [b"a" * 1000 + b"b" * 500, b"\x00" * 5000, b"plain"]
    assert [found.size(n) for n in range(3)] == [1500, 5000, 5]


def test_what_another_version_has_packed_is_not_guessed_at():
    payload = bytes([VERSION + 1]) + pack("meta", [])[1:]

    with pytest.raises(ValueError, match=f"version {VERSION + 1}, not {VERSION}"):
        Packed.open(payload)


NUMBER = st.integers(-(2**61), 2**61) | st.integers(0, 50).map(lambda n: n * 10**9)


@given(st.lists(NUMBER, max_size=30))
def test_numbers_are_read_again(numbers):
    told, frame = pack_numbers(np.array(numbers, np.int64))

    assert unpack_numbers(told, frame, len(numbers)).tolist() == numbers


@pytest.mark.parametrize("step", [0, 1, 100, 40_000, 3 * 10**9, 2**40])
def test_steps_of_any_width_are_read_again(step):
    numbers = np.arange(300) * step - 7
    numbers[100:] -= 5 * step

    told, frame = pack_numbers(numbers)

    assert unpack_numbers(told, frame, 300).tolist() == numbers.tolist()
