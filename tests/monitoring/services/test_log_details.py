from __future__ import annotations

import dataclasses

import pytest

from monitoring.services import log_details, logs
from monitoring.services.log_details import FieldValues, LineNotFoundError
from monitoring.services.logs import LogQuery
from monitoring.telemetry import Level
from tests.factories.accounts import OrganizationFactory
from tests.factories.monitoring import log_batch, mixed_log_batch, system_scope
from tests.monitoring.services.test_logs import (
    DAY,
    EVERYTHING,
    NOW_NS,
    STREAMS,
    append,
    compact,
)

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


@pytest.fixture
def scope():
    return system_scope(OrganizationFactory())


def id_of(scope, line: str) -> str:
    found = logs.read_logs(scope, dataclasses.replace(EVERYTHING, contains=line))
    return found.records[0].id


def around(scope, line_id, before=2, after=2):
    found = log_details.line_context(scope, line_id, before=before, after=after)
    return (
        [record.line for record in found.before],
        found.line.line,
        [record.line for record in found.after],
    )


@pytest.mark.parametrize("when", ["fresh", "compacted"])
def test_a_line_stands_between_those_of_its_stream(scope, small_blocks, when):
    rows = [(NOW_NS - 99 + n // 2, f"line {n}", Level.INFO, n % 2) for n in range(20)]
    for start in range(0, 20, 4):
        append(scope, mixed_log_batch(rows[start : start + 4], streams=STREAMS[:2]))
    line_id = id_of(scope, "line 7") if when == "fresh" else None
    compact(scope)

    found = around(scope, line_id or id_of(scope, "line 7"))

    assert found == (["line 3", "line 5"], "line 7", ["line 9", "line 11"])


def test_equal_times_keep_the_order_of_arrival(scope):
    append(scope, log_batch([(NOW_NS, f"line {n}") for n in range(6)]))

    found = around(scope, id_of(scope, "line 3"), before=9, after=1)

    assert found == (["line 0", "line 1", "line 2"], "line 3", ["line 4"])


def test_a_line_may_stand_alone(scope):
    append(scope, log_batch([(NOW_NS, f"line {n}") for n in range(3)]))

    assert around(scope, id_of(scope, "line 1"), before=0, after=0) == (
        [],
        "line 1",
        [],
    )


@pytest.mark.parametrize("line_id", ["", "x", "A" * 43, "ä"])
def test_a_made_up_id_names_no_line(scope, line_id):
    append(scope, log_batch([(NOW_NS, "line")]))

    with pytest.raises(LineNotFoundError):
        around(scope, line_id)


def test_a_line_of_another_team_does_not_exist(cast):
    append(cast.system(), log_batch([(NOW_NS, "secret")]), team_id=cast.payments.pk)
    line_id = id_of(cast.system(), "secret")

    assert around(cast.scope(cast.bob), line_id)[1] == "secret"
    for stranger in (cast.carol, cast.mallory):
        with pytest.raises(LineNotFoundError):
            around(cast.scope(stranger), line_id)


def test_fields_come_with_their_commonest_values(scope):
    fields = {"user": ["a", "b", "a", None], "path": ["/1", "/2", "/3", "/4"]}
    rows = [(NOW_NS + n, f"line {n}", Level(3 + n % 2), 0) for n in range(4)]
    append(scope, mixed_log_batch(rows, streams=STREAMS[:1], fields=fields))
    query = dataclasses.replace(EVERYTHING, end_ns=NOW_NS + DAY)

    found = log_details.field_values(scope, query, top=2)

    assert found.lines == 4
    assert not found.sampled
    assert found.levels == {Level.INFO: 2, Level.WARN: 2}
    assert found.fields == [
        FieldValues("path", 4, 4, [("/1", 1), ("/2", 1)]),
        FieldValues("user", 3, 2, [("a", 2), ("b", 1)]),
    ]


def test_fields_are_those_of_the_wanted_lines(scope):
    fields = {"user": ["a", "b", "c"]}
    append(scope, log_batch([(NOW_NS, str(n)) for n in range(3)], fields=fields))

    found = log_details.field_values(
        scope, dataclasses.replace(EVERYTHING, contains="1")
    )

    assert [one.top for one in found.fields] == [[("b", 1)]]


@pytest.mark.parametrize(("most", "newest"), [(3, ["7", "8", "9"]), (4, [*"6789"])])
def test_of_many_lines_the_newest_are_counted(scope, monkeypatch, most, newest):
    monkeypatch.setattr(log_details, "MAX_COUNTED", most)
    for start in (0, 5):
        rows = [(NOW_NS - 100 + n, "x") for n in range(start, start + 5)]
        numbers = [str(n) for n in range(start, start + 5)]
        append(scope, log_batch(rows, fields={"n": numbers}))

    found = log_details.field_values(scope, EVERYTHING)

    assert (found.lines, found.sampled) == (most, True)
    assert sorted(value for value, _count in found.fields[0].top) == newest


def test_as_many_lines_as_are_counted_are_no_sample(scope, monkeypatch):
    monkeypatch.setattr(log_details, "MAX_COUNTED", 5)
    append(scope, log_batch([(NOW_NS - n, "x") for n in range(5)]))

    found = log_details.field_values(scope, EVERYTHING)

    assert (found.lines, found.sampled) == (5, False)


def test_a_field_of_too_many_values_has_no_number_of_them(scope, monkeypatch):
    monkeypatch.setattr(log_details, "MAX_DISTINCT", 2)
    fields = {"n": ["1", "2", "3"]}
    append(scope, log_batch([(NOW_NS - n, "x") for n in range(3)], fields=fields))

    found = log_details.field_values(scope, EVERYTHING)

    assert [one.distinct for one in found.fields] == [None]


def test_no_stream_has_no_fields(scope):
    empty = LogQuery((), NOW_NS, NOW_NS)

    assert log_details.field_values(scope, empty).fields == []
