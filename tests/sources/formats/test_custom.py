from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sources.formats import preview
from sources.formats.custom import compile_format
from sources.formats.times import parse_as
from tests.sources.formats.batches import RECEIVED_NS

pytestmark = pytest.mark.unit

ACCESS = (
    '<ip> - <user> [<time:%d/%b/%Y:%H:%M:%S %z>] "<method> <path> <_>" <status:int>'
)


def seen(expression, line, syntax="pattern", **more):
    known = compile_format("own", syntax, expression, **more)
    (parsed,) = preview([line], known, received_ns=RECEIVED_NS)
    return parsed


def test_a_pattern_reads_an_access_line():
    line = '10.0.0.1 - bob [10/Oct/2026:13:55:36 +0200] "GET /a HTTP/1.1" 404'

    parsed = seen(ACCESS, line)

    assert parsed.timestamp == "2026-10-10T11:55:36Z"
    assert parsed.fields == {
        "ip": "10.0.0.1", "user": "bob", "method": "GET", "path": "/a", "status": "404",
    }  # fmt: skip


def test_a_pattern_reads_the_first_line_of_an_event():
    parsed = seen("<level> <took:int>", "ERROR 5  \nTraceback 6\n  File x")

    assert (parsed.matched, parsed.level) == (True, "error")
    assert parsed.fields == {"took": "5"}


@pytest.mark.parametrize(
    ("expression", "line", "fields"),
    [
        ("<a>|<b:number>|", "x y|1.5|", {"a": "x y", "b": "1.5"}),
        ("<a:word>   <b:rest>", "x y z", {"a": "x", "b": "y z"}),
        ("<<<a>>", "<x>", {"a": "x"}),
        ("k=<k:quoted> <_>", 'k="a \\" b" c', {"k": '"a \\" b"'}),
        ("<id:uuid>", "6f9619ff-8b86-d011-b42d-00cf4fc964ff", {"id": "6f9619ff-8b86-d011-b42d-00cf4fc964ff"}),
        ("<http.status:int> <x-y>", "200 z", {"http.status": "200", "x-y": "z"}),
    ],
)  # fmt: skip
def test_places_of_a_pattern_become_fields(expression, line, fields):
    assert seen(expression, line).fields == fields


def test_named_groups_of_an_expression_become_fields_time_and_level():
    parsed = seen(
        r"^(?P<ts>\S+) (?P<level>\w+) (?P<what>.*)$",
        "20261010T135536 warn it broke",
        "regex",
        time_format="%Y%m%dT%H%M%S",
    )

    assert (parsed.timestamp, parsed.level) == (
        "2026-10-10T13:55:36Z",
        "warn",
    )
    assert parsed.fields == {"what": "it broke"}


@pytest.mark.parametrize(
    ("text", "form", "meant"),
    [
        ("10/Oct/2026:13:55:36 -0700", "%d/%b/%Y:%H:%M:%S %z", "2026-10-10T20:55:36"),
        ("2026-10-10 01:05:06 PM", "%Y-%m-%d %I:%M:%S %p", "2026-10-10T13:05:06"),
        ("26.2.3 4h", "%y.%m.%d %Hh", "2026-02-03T04:00:00"),
        ("283 2026", "%j %Y", "2026-10-10T00:00:00"),
        ("1791640536", "%s", "2026-10-10T13:55:36"),
        ("Oct  1 03:05:06", "%b %e %T", "2026-10-01T03:05:06"),
        ("2026-02-30 00:00", "%F %R", None),
        ("2026-13-01 00:00", "%F %R", None),
        ("25:00", "%H:%M", None),
        ("nothing", "%F", None),
    ],
)
def test_times_are_read_as_they_are_described(text, form, meant):
    received = int(datetime(2026, 10, 10, 14, tzinfo=UTC).timestamp()) * 10**9

    (found,) = parse_as(
        pa.array([text], pa.large_string()), form, None, received
    ).to_pylist()

    got = None if found is None else datetime.fromtimestamp(found // 10**9, UTC)
    assert (got and got.strftime("%FT%T")) == meant


@settings(deadline=None, max_examples=40)
@given(st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1)))  # noqa: DTZ001 - told to be UTC
def test_what_strftime_writes_is_read_back(moment):
    form = "%Y-%m-%d %H:%M:%S.%f"
    column = pa.array([moment.strftime(form)], pa.large_string())

    (found,) = parse_as(column, form, None, RECEIVED_NS).to_pylist()

    whole = moment.replace(tzinfo=UTC, microsecond=0).timestamp()
    assert found == int(whole) * 10**9 + moment.microsecond * 1000
