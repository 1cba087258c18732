from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.labels import Matcher, MatchOp
from monitoring.services import log_queries
from monitoring.services.log_queries import log_querier
from monitoring.telemetry import Level, LineFilter, LineOp, TooMuchDataError
from tests.factories.accounts import OrganizationFactory
from tests.factories.monitoring import log_batch, mixed_log_batch, system_scope
from tests.monitoring.services.test_logs import (
    DATABASE,
    DAY,
    NOW_NS,
    SECOND,
    STEPS,
    STREAMS,
    TIMES,
    Model,
    append,
    compact,
)

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

ALL_TIME = (NOW_NS - 7 * DAY, NOW_NS + 1)
HAS = st.sampled_from(["", "pay", "payment f", "payment failed", "Zoë", "absent", "#1"])
LIKE = st.sampled_from(["pay.*ed", "#[0-9]+$", "^GET", "payment (failed|accepted)"])
FILTERS = st.lists(
    st.builds(
        lambda op, values: LineFilter(op, tuple(values)),
        st.sampled_from([LineOp.CONTAINS, LineOp.NOT_CONTAINS]),
        st.lists(HAS, min_size=1, max_size=2),
    )
    | st.builds(
        lambda op, values: LineFilter(op, tuple(values)),
        st.sampled_from([LineOp.MATCHES, LineOp.NOT_MATCHES]),
        st.lists(LIKE, min_size=1, max_size=2),
    ),
    max_size=2,
)
BORDERS = st.lists(
    st.sampled_from([*TIMES, *ALL_TIME, NOW_NS - DAY, NOW_NS - 6 * DAY]),
    min_size=1,
    max_size=4,
).map(sorted)


def matching(line: str, filters) -> bool:
    import pyarrow as pa

    from monitoring.store.log_search import passing

    return bool(passing(pa.array([line], pa.large_string()), filters)[0])


@DATABASE
@given(steps=STEPS, filters=FILTERS, newest_first=st.booleans())
def test_all_lines_that_pass_come_in_the_order_of_their_chunks(
    small_blocks, steps, filters, newest_first
):
    model = Model()
    for step in steps:
        model.do(step)

    chunks = list(
        log_querier(model.scope).select(
            [], filters, *ALL_TIME, newest_first=newest_first
        )
    )

    found = [
        (ts, dict(chunk.stream), line)
        for chunk in chunks
        for ts, line in zip(chunk.ts_ns.tolist(), chunk.lines.to_pylist(), strict=True)
    ]
    wanted = [
        (ts, STREAMS[stream], line)
        for ts, stream, _number, line, _level in model.lines
        if matching(line, filters)
    ]
    assert sorted(found, key=repr) == sorted(wanted, key=repr)
    edges = [int(chunk.ts_ns[-1 if newest_first else 0]) for chunk in chunks]
    assert edges == sorted(edges, reverse=newest_first)
    assert all((np.diff(chunk.ts_ns) >= 0).all() for chunk in chunks)


@DATABASE
@given(
    steps=STEPS,
    filters=FILTERS,
    windows=st.tuples(BORDERS, st.sampled_from([1, SECOND, DAY, 3 * DAY])),
    of_bytes=st.booleans(),
)
def test_windows_are_counted_exactly(small_blocks, steps, filters, windows, of_bytes):
    model = Model()
    for step in steps:
        model.do(step)
    starts, width = np.array(windows[0], np.int64), windows[1]
    ends = starts + width

    found = log_querier(model.scope).count([], filters, starts, ends, of_bytes=of_bytes)

    expected = {}
    for ts, stream, _number, line, _level in model.lines:
        if matching(line, filters):
            inside = (starts <= ts) & (ts < ends)
            worth = len(line.encode()) if of_bytes else 1
            expected.setdefault(stream, np.zeros(len(starts), int))
            expected[stream] += inside * worth
    counted = {
        tuple(sorted(STREAMS[n].items())): c.tolist()
        for n, c in expected.items()
        if c.any()
    }
    assert dict(zip(found.labels, found.counts.tolist(), strict=True)) == counted


@pytest.fixture
def scope():
    return system_scope(OrganizationFactory())


def lines_seen_by(scope, matchers=(), filters=()):
    chunks = log_querier(scope).select(matchers, filters, *ALL_TIME)
    return sorted(line for chunk in chunks for line in chunk.lines.to_pylist())


def count_seen_by(scope, matchers=(), filters=()):
    windows = [np.array([time]) for time in ALL_TIME]
    return log_querier(scope).count(matchers, filters, *windows).counts.sum()


def test_a_chunk_has_the_fields_that_are_asked_for(scope):
    fields = {"user": ["17", None], "path": ["/a", "/b"]}
    append(scope, log_batch([(NOW_NS - 1, "a"), (NOW_NS, "b")], fields=fields))

    read = [
        next(log_querier(scope).select([], [], *ALL_TIME, fields=names)).fields
        for names in (None, ["user", "nosuch"], [])
    ]

    assert [{n: c.to_pylist() for n, c in one.items()} for one in read] == [
        fields,
        {"user": ["17", None]},
        {},
    ]


def test_levels_stand_beside_their_lines(scope):
    rows = [(NOW_NS + n, str(n), Level(n), 0) for n in range(4)]
    append(scope, mixed_log_batch(rows, streams=STREAMS[:1]))
    odd = [LineFilter(LineOp.MATCHES, ("1|3",))]

    (chunk,) = log_querier(scope).select([], odd, NOW_NS, NOW_NS + SECOND)

    assert chunk.levels.tolist() == [1, 3]
    assert chunk.count == 2


def test_matchers_choose_the_streams(scope):
    rows = [(NOW_NS, str(n), Level.INFO, n) for n in range(3)]
    append(scope, mixed_log_batch(rows, streams=STREAMS))
    matchers = [Matcher("source", MatchOp.EQUAL, "app")]

    assert lines_seen_by(scope, matchers) == ["0", "1"]
    assert count_seen_by(scope, matchers) == 2


def test_a_team_reads_its_own_lines_only(cast):
    append(cast.system(), log_batch([(NOW_NS, "secret")]), team_id=cast.payments.pk)

    readers = (cast.alice, cast.bob, cast.carol, cast.mallory)
    scopes = [cast.scope(reader) for reader in readers]

    secret = ["secret"]
    assert [lines_seen_by(scope) for scope in scopes] == [secret, secret, [], []]
    assert [count_seen_by(scope) for scope in scopes] == [1, 1, 0, 0]


def test_an_early_end_of_the_reading_leaves_the_rest_unread(scope, monkeypatch):
    from monitoring.store import logs as store

    decoded = []
    open_logs = store.open_logs
    monkeypatch.setattr(
        store, "open_logs", lambda *a: decoded.append(a) or open_logs(*a)
    )
    for n in range(40):
        append(scope, log_batch([(NOW_NS - n * SECOND, f"line {n}")]))

    chunks = log_querier(scope).select([], [], *ALL_TIME, newest_first=True)
    first = next(chunks)
    chunks.close()

    assert first.lines.to_pylist() == ["line 0"]
    assert len(decoded) < 20


def test_an_expression_that_does_not_compile_is_named(scope):
    with pytest.raises(log_queries.InvalidFilterError, match="missing"):
        lines_seen_by(scope, filters=[LineFilter(LineOp.MATCHES, ("(",))])


def test_a_read_ends_with_its_time(scope):
    append(scope, log_batch([(NOW_NS, "x")]))
    late = log_querier(scope, timeout=timedelta(0))

    with pytest.raises(log_queries.LogTimeoutError, match="took longer than 0 s"):
        list(late.select([], [], *ALL_TIME))
    with pytest.raises(TooMuchDataError):
        late.count([], [], np.array([ALL_TIME[0]]), np.array([ALL_TIME[1]]))


def test_a_count_of_too_many_numbers_is_refused(scope, monkeypatch):
    monkeypatch.setattr(log_queries, "MAX_COUNTS", 5)
    rows = [(NOW_NS, str(n), Level.INFO, n) for n in range(3)]
    append(scope, mixed_log_batch(rows, streams=STREAMS))
    starts = np.array([NOW_NS - 1, NOW_NS])

    with pytest.raises(TooMuchDataError, match="3 streams at 2 times"):
        log_querier(scope).count([], [], starts, starts + 1)


def test_an_empty_range_has_no_lines(scope):
    append(scope, log_batch([(NOW_NS, "x")]))
    compact(scope)

    nothing = log_querier(scope)

    assert list(nothing.select([], [], NOW_NS, NOW_NS)) == []
    assert nothing.count([], [], *(np.empty(0, np.int64),) * 2).counts.shape == (0, 0)


@pytest.mark.parametrize("odd", ["\ud800", "\0"])
def test_what_no_line_can_have_is_in_none(scope, odd):
    append(scope, log_batch([(NOW_NS, "x")]))

    assert lines_seen_by(scope, filters=[LineFilter(LineOp.CONTAINS, (odd,))]) == []
    assert lines_seen_by(scope, filters=[LineFilter(LineOp.NOT_CONTAINS, (odd,))]) == [
        "x"
    ]
