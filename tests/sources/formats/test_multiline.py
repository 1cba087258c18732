from __future__ import annotations

import pyarrow as pa
import pytest

from sources.formats import continuation_mask, join_multiline
from sources.formats.multiline import MOST_LINES
from tests.sources.formats.batches import batch

pytestmark = pytest.mark.unit

PYTHON = """\
2026-10-10 13:55:36,120 ERROR shop: refused
Traceback (most recent call last):
  File "shop.py", line 7, in pay
    raise Refused
shop.Refused: card

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "shop.py", line 9, in pay
    pay()
    ~~~^^
shop.errors.Refused
2026-10-10 13:55:37,120 INFO shop: next"""
JAVA = """\
2026-10-10 13:55:36,120 [main] ERROR c.a.Shop - refused
java.lang.IllegalStateException: card
\tat com.acme.Shop.pay(Shop.java:7)
at com.acme.Main.main(Main.java:3)
Caused by: java.io.IOException
\t... 12 more
... 3 common frames omitted
2026-10-10 13:55:37,120 [main] INFO c.a.Shop - next"""
GO = """\
panic: runtime error: index out of range

goroutine 1 [running]:
main.(*Shop).Pay(0xc000012345)
\t/src/shop.go:7 +0x1d
main.main()
\t/src/main.go:3
exit status 2"""
DOTNET = """\
fail: Shop.Cart[0]
      System.InvalidOperationException: card
         at Shop.Cart.Pay() in Cart.cs:line 7
--- End of inner exception stack trace ---
info: Shop.Cart[0]"""


@pytest.mark.parametrize(
    ("trace", "events"),
    [
        pytest.param(PYTHON, 2, id="python"),
        pytest.param(JAVA, 2, id="java"),
        pytest.param(GO, 1, id="go"),
        pytest.param(DOTNET, 2, id="dotnet"),
    ],
)
def test_a_stack_trace_becomes_one_event(trace, events):
    joined = join_multiline(batch(trace.split("\n"))).table.column("line").to_pylist()

    assert len(joined) == events
    assert "\n".join(joined) == trace


@pytest.mark.parametrize(
    "line",
    [
        "",
        "2026-10-10 ERROR x",
        "at noon it rained",
        "Exception handling is fine",
        "Caused by the weather",
        "do_it now (or never)",
        "ERROR: x",
        "shop.Refused: card",
        "   ",
    ],
)
def test_what_stands_for_itself_is_no_continuation(line):
    assert continuation_mask(pa.array([line], pa.large_string())).tolist() == [False]


def test_a_blank_line_between_events_stays_apart():
    lines = ["a", " a1", "", "b"]

    joined = join_multiline(batch(lines)).table.column("line").to_pylist()

    assert joined == ["a\n a1", "", "b"]


def test_streams_are_joined_apart():
    lines = ["a", "b", " a1", " b1", "c", " a2"]

    joined = join_multiline(batch(lines, streams=[0, 1, 0, 1, 1, 0])).table

    assert joined.column("line").to_pylist() == ["a\n a1\n a2", "b\n b1", "c"]
    assert joined.column("stream").to_pylist() == [0, 1, 1]


def test_an_event_has_the_time_and_the_fields_of_its_first_line():
    given = batch(
        ["a", " b", "c"], times=[1, 2, 3], levels=[5, 3, None], k=["x", "y", "z"]
    )

    joined = join_multiline(given).table

    assert joined.column("ts_ns").to_pylist() == [1, 3]
    assert joined.column("level").to_pylist() == [5, None]
    assert joined.column("field.k").to_pylist() == ["x", "z"]


def test_a_continuation_of_nothing_stays_a_line():
    joined = join_multiline(batch([" a", " b"])).table

    assert joined.column("line").to_pylist() == [" a\n b"]


def test_an_event_is_bounded():
    lines = ["first", *[" more"] * (2 * MOST_LINES)]

    joined = join_multiline(batch(lines)).table.column("line").to_pylist()

    assert [line.count("\n") + 1 for line in joined] == [MOST_LINES, MOST_LINES, 1]


def test_a_format_says_how_its_events_begin():
    lines = ["# Time: 1", "# User@Host: x", "SELECT 1;", "# Time: 2", "SELECT 2;"]

    joined = join_multiline(batch(lines), "mysql_slow").table

    assert joined.column("line").to_pylist() == [
        "# Time: 1\n# User@Host: x\nSELECT 1;",
        "# Time: 2\nSELECT 2;",
    ]


def test_a_format_of_ones_own_says_how_its_events_begin():
    lines = ["#1 a", "Caused by: b", "c", "#2 d"]

    joined = join_multiline(batch(lines), "own", event_start="^#").table

    assert joined.column("line").to_pylist() == ["#1 a\nCaused by: b\nc", "#2 d"]


def test_a_batch_without_continuations_is_itself():
    given = batch(["a", "b"])

    assert join_multiline(given) is given


def test_nothing_is_joined_to_nothing():
    assert join_multiline(batch([])).count == 0
