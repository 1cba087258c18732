from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.store.packing import QUICK, Packed, pack
from monitoring.store.placements import How, Test
from monitoring.store.text_columns import StoredColumn, pack_column

pytestmark = pytest.mark.unit


def stored(values) -> StoredColumn:
    meta, frames = pack_column("x", pa.array(values, pa.large_string()), QUICK)
    packed = Packed.open(pack(meta, frames))
    return StoredColumn.of_index(packed, len(values), [packed.meta])["x"]


VALUE = st.none() | st.text("ab-é", max_size=3)
TEST = st.builds(
    Test,
    st.just("x"),
    st.sampled_from(How),
    st.text("ab-é", max_size=2),
    st.sampled_from(["", "-", "ab"]),
)


@given(
    values=st.lists(VALUE, min_size=1, max_size=40).filter(lambda v: set(v) != {None}),
    test=TEST,
)
def test_values_alone_tell_of_which_rows_a_test_holds(values, test):
    if test.how is How.CONTAINS and not test.text:
        return
    expected = [test.holds(test.absent if v is None else v) for v in values]

    column = stored(values)

    assert column.array().to_pylist() == values
    assert column.holding(test).tolist() == expected
    rows = np.arange(len(values))[::2]
    assert column.holding_among(test, rows).tolist() == expected[::2]
    assert not (column.never_holds(test) and any(expected))
    assert not (column.always_holds(test) and not all(expected))


STATUSES = ["200", "404", "503", None] * 5


@pytest.mark.parametrize(
    ("how", "text"),
    [
        pytest.param(How.CONTAINS, "x", id="a_byte_that_no_value_has"),
        pytest.param(How.CONTAINS, "2004", id="too_long"),
        pytest.param(How.EQUALS, "20", id="too_short"),
        pytest.param(How.STARTS, "3", id="a_byte_that_none_begins_with"),
        pytest.param(How.ENDS, "2", id="a_byte_that_none_ends_with"),
    ],
)
def test_what_no_value_can_have_is_known_without_unpacking(how, text):
    column = stored(STATUSES)

    assert column.never_holds(Test("x", how, text, absent="-"))
    assert "values" not in vars(column)


def test_what_every_value_has_is_known_without_unpacking():
    column = stored([f"/page/{n}" for n in range(50)])

    assert column.always_holds(Test("x", How.STARTS, "/"))
    assert "values" not in vars(column)


def test_what_every_value_has_may_lack_where_there_is_none():
    column = stored(["/a", None, "/b"])

    assert not column.always_holds(Test("x", How.STARTS, "/", absent="-"))
