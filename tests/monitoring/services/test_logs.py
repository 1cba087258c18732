from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitoring.labels import Matcher, MatchOp
from monitoring.services import compaction, logs
from monitoring.services.append import append_logs
from monitoring.store import logs as logs_store
from monitoring.store.blocks import open_logs
from monitoring.telemetry import Level, TooMuchDataError
from tests.factories.accounts import OrganizationFactory
from tests.factories.monitoring import log_batch, mixed_log_batch, system_scope

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SECOND = 10**9
NOW_NS = int(NOW.timestamp()) * SECOND
DAY = 86_400 * SECOND
EVERYTHING = logs.LogQuery((), NOW_NS - 7 * DAY, NOW_NS + 1, limit=1000)

STREAMS = [{"source": "app"}, {"source": "app", "pod": "a"}, {"source": "db"}]
# Few times, so that many are equal; today and on days that are over.
TIMES = [NOW_NS, NOW_NS - 1, NOW_NS - SECOND, NOW_NS - 2 * DAY, NOW_NS - 2 * DAY - 1]
WORDS = ["payment failed", "payment accepted for Zoë", "", "GET /health 200"]

LINE = st.tuples(
    st.sampled_from(TIMES),
    st.sampled_from(WORDS),
    st.sampled_from(list(Level)),
    st.sampled_from(range(len(STREAMS))),
)
APPEND = st.lists(LINE, min_size=1, max_size=10)
STEPS = st.lists(APPEND | st.just("compact"), max_size=10)

DATABASE = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def append(scope, batch, team_id=None):
    return append_logs(scope, batch, team_id=team_id, now=NOW)


def compact(scope):
    return list(compaction.compact(scope.organization_id, now=NOW))


class Model:
    """What a store of lines has to do, as plainly as possible."""

    def __init__(self):
        self.scope = system_scope(OrganizationFactory())
        self.lines = []
        # Lines of equal times are in the order in which their streams were met.
        self.do([(NOW_NS - 6 * DAY, "first", Level.INFO, n) for n in range(3)])

    def do(self, step):
        """Compact, or append lines made unique by their number."""
        if step == "compact":
            compact(self.scope)
            return
        rows = [
            (ts, f"{text} #{len(self.lines) + n}", level, stream)
            for n, (ts, text, level, stream) in enumerate(step)
        ]
        append(self.scope, mixed_log_batch(rows, streams=STREAMS))
        self.lines += [
            (ts, stream, len(self.lines) + n, line, level)
            for n, (ts, line, level, stream) in enumerate(rows)
        ]

    def wanted(self, query) -> list[tuple[int, str]]:
        return [
            (ts, line)
            for ts, _stream, _number, line, level in sorted(
                self.lines, reverse=query.direction == "backward"
            )
            if query.start_ns <= ts < query.end_ns
            and query.contains in line
            and level in query.levels
        ]


def shown(page):
    return [(record.timestamp_ns, record.line) for record in page.records]


QUERY = st.builds(
    logs.LogQuery,
    matchers=st.just(()),
    start_ns=st.sampled_from([*TIMES, NOW_NS - 7 * DAY]),
    end_ns=st.sampled_from([*TIMES, NOW_NS + 1]),
    contains=st.sampled_from(["", "pay", "ment f", "payment failed", "Zoë", "absent"]),
    levels=st.sets(st.sampled_from(list(Level)), min_size=1).map(frozenset)
    | st.just(frozenset(Level)),
    limit=st.integers(1, 7),
    direction=st.sampled_from(["backward", "forward"]),
)


@DATABASE
@given(steps=STEPS, query=QUERY, interruptions=st.sets(st.integers(0, 20)))
def test_pages_are_the_lines_in_order_whatever_is_compacted_when(
    small_blocks, steps, query, interruptions
):
    model = Model()
    for step in steps:
        model.do(step)

    found, pages = [], 0
    while True:
        page = logs.read_logs(model.scope, query)
        found += shown(page)
        if page.next is None:
            break
        query = dataclasses.replace(query, after=page.next)
        if pages in interruptions:
            model.do("compact")
        pages += 1

    assert found == model.wanted(query)


@DATABASE
@given(before=STEPS, meanwhile=STEPS, query=QUERY)
def test_paging_repeats_and_skips_nothing_while_lines_arrive(
    small_blocks, before, meanwhile, query
):
    model = Model()
    for step in before:
        model.do(step)
    stored_before = model.wanted(query)

    found = []
    steps = iter(meanwhile)
    while True:
        page = logs.read_logs(model.scope, query)
        found += shown(page)
        if page.next is None:
            break
        query = dataclasses.replace(query, after=page.next)
        model.do(next(steps, "compact"))

    assert len(found) == len(set(found))
    assert [line for line in found if line in set(stored_before)] == stored_before


@DATABASE
@given(steps=STEPS, query=QUERY)
def test_counts_are_exact_whatever_was_compacted_when(small_blocks, steps, query):
    model = Model()
    for step in steps:
        model.do(step)

    assert logs.count_logs(model.scope, query) == len(model.wanted(query))


@DATABASE
@given(
    steps=STEPS,
    query=QUERY,
    step_ns=st.sampled_from([SECOND, DAY // 24, DAY, 10 * DAY]),
)
def test_the_volume_has_every_line_in_its_bucket(small_blocks, steps, query, step_ns):
    if (query.end_ns - query.start_ns) // step_ns >= logs.MAX_BUCKETS:
        query = dataclasses.replace(query, start_ns=query.end_ns - SECOND)
    model = Model()
    for step in steps:
        model.do(step)

    buckets = logs.log_volume(model.scope, query, step_ns)

    counted = {b.start_ns: sum(b.counts.values()) for b in buckets if b.counts}
    expected = {}
    for ts, _line in model.wanted(query):
        start = ts - (ts - query.start_ns) % step_ns
        expected[start] = expected.get(start, 0) + 1
    assert counted == expected


@pytest.fixture
def scope():
    return system_scope(OrganizationFactory())


def test_a_record_says_all_about_its_line(scope):
    batch = log_batch(
        [(NOW_NS, "a"), (NOW_NS, "b")],
        labels={"source": "app", "env": "prod"},
        level=Level.ERROR,
        fields={"user": ["17", None], "never": [None, None]},
    )
    append(scope, batch)

    page = logs.read_logs(scope, dataclasses.replace(EVERYTHING, direction="forward"))

    labels = {"source": "app", "env": "prod"}
    assert page == logs.LogPage(
        [
            logs.LogRecord(NOW_NS, "a", Level.ERROR, labels, {"user": "17"}, "app"),
            logs.LogRecord(NOW_NS, "b", Level.ERROR, labels, {}, "app"),
        ],
        None,
    )


@pytest.mark.parametrize(
    ("matchers", "expected"),
    [
        pytest.param([("source", "=", "app")], ["0", "1"], id="equal"),
        pytest.param([("pod", "=", "")], ["0", "2"], id="absent"),
        pytest.param([("source", "=~", "d.|x")], ["2"], id="regex"),
        pytest.param([("source", "!=", "app")], ["2"], id="not_equal"),
        pytest.param([("source", "=", "none")], [], id="unknown"),
    ],
)
def test_matchers_choose_streams(scope, matchers, expected):
    rows = [(NOW_NS, str(n), Level.INFO, n) for n in range(3)]
    append(scope, mixed_log_batch(rows, streams=STREAMS))
    query = dataclasses.replace(
        EVERYTHING, matchers=tuple(Matcher(n, MatchOp(o), v) for n, o, v in matchers)
    )

    found = [record.line for record in logs.read_logs(scope, query).records]

    assert sorted(found) == expected
    assert logs.count_logs(scope, query) == len(expected)


def everything_seen_by(scope):
    query = EVERYTHING
    return (
        [record.line for record in logs.read_logs(scope, query).records],
        logs.count_logs(scope, query),
        sum(sum(b.counts.values()) for b in logs.log_volume(scope, query, DAY)),
        logs.log_labels(scope, query.start_ns, query.end_ns),
    )


NOTHING = ([], 0, 0, {})


def test_another_organization_sees_nothing(scope):
    append(scope, log_batch([(NOW_NS, "secret")]))

    assert everything_seen_by(system_scope(OrganizationFactory())) == NOTHING


def test_another_team_sees_nothing(cast):
    append(cast.system(), log_batch([(NOW_NS, "secret")]), team_id=cast.payments.pk)

    seen = (["secret"], 1, 1, {"source": ["app"]})
    assert everything_seen_by(cast.scope(cast.alice)) == seen
    assert everything_seen_by(cast.scope(cast.bob)) == seen
    assert everything_seen_by(cast.scope(cast.carol)) == NOTHING
    assert everything_seen_by(cast.scope(cast.mallory)) == NOTHING


def test_a_cursor_does_not_reach_into_another_organization(scope):
    append(scope, log_batch([(NOW_NS - n, f"secret {n}") for n in range(3)]))
    page = logs.read_logs(scope, dataclasses.replace(EVERYTHING, limit=1))
    stranger = system_scope(OrganizationFactory())

    found = logs.read_logs(stranger, dataclasses.replace(EVERYTHING, after=page.next))

    assert found.records == []


@pytest.mark.parametrize("cursor", ["", "x", "!!", "AAAA", "ä" * 44, "A" * 500])
def test_a_made_up_cursor_is_refused(scope, cursor):
    with pytest.raises(logs.InvalidCursorError):
        logs.read_logs(scope, dataclasses.replace(EVERYTHING, after=cursor))


@pytest.mark.parametrize("odd", ["\0", "\ud800", "a\0b", "%", "\\", "_"])
def test_odd_characters_are_no_error(scope, odd):
    append(scope, log_batch([(NOW_NS, "line")], labels={"source": f"x{odd}"}))
    matcher = Matcher("source", MatchOp.EQUAL, odd)
    queries = [
        dataclasses.replace(EVERYTHING, contains=odd),
        dataclasses.replace(EVERYTHING, matchers=(matcher,)),
    ]

    assert [logs.count_logs(scope, query) for query in queries] == [0, 0]
    assert logs.count_logs(scope, EVERYTHING) == 1


def test_too_many_buckets_are_refused(scope):
    with pytest.raises(TooMuchDataError):
        logs.log_volume(scope, EVERYTHING, 1000)


@pytest.mark.parametrize(
    ("ts_ns", "stored"),
    [
        pytest.param(0, NOW_NS, id="the_epoch"),
        pytest.param(NOW_NS - 8 * DAY, NOW_NS, id="older_than_retention"),
        pytest.param(NOW_NS + DAY, NOW_NS, id="tomorrow"),
        pytest.param(NOW_NS - 6 * DAY, NOW_NS - 6 * DAY, id="within_retention"),
        pytest.param(NOW_NS + 600 * SECOND, NOW_NS + 600 * SECOND, id="a_bit_ahead"),
    ],
)
def test_a_line_of_an_odd_time_is_stored_under_its_arrival(scope, ts_ns, stored):
    append(scope, log_batch([(ts_ns, "line")]))

    query = dataclasses.replace(EVERYTHING, end_ns=NOW_NS + 2 * DAY)
    page = logs.read_logs(scope, query)

    assert [record.timestamp_ns for record in page.records] == [stored]


@pytest.fixture
def decoded(monkeypatch):
    """The ids of the blocks whose text was read."""
    ids = []

    def counting(payload, block_id):
        ids.append(block_id)
        return open_logs(payload, block_id)

    monkeypatch.setattr(logs_store, "open_logs", counting)
    return ids


def test_a_page_touches_few_blocks(scope, decoded):
    for n in range(40):
        append(scope, log_batch([(NOW_NS - n * SECOND, f"line {n}")]))

    logs.read_logs(scope, dataclasses.replace(EVERYTHING, limit=3))

    assert len(set(decoded)) <= 6


def test_a_block_that_is_kept_open_is_read_once_and_seen_by_its_owner_alone(
    scope, decoded, monkeypatch
):
    monkeypatch.setattr(logs_store, "LEAST_TEXT", 0)
    append(scope, log_batch([(NOW_NS - n, f"line {n}") for n in range(9)]))
    query = dataclasses.replace(EVERYTHING, contains="line 7")
    stranger = system_scope(OrganizationFactory())

    counts = [logs.count_logs(reader, query) for reader in (scope, scope, stranger)]
    page = logs.read_logs(scope, query)

    assert counts == [1, 1, 0]
    assert [record.line for record in page.records] == ["line 7"]
    assert len(decoded) == 1


def test_counting_whole_blocks_decodes_none(scope, decoded):
    append(scope, log_batch([(NOW_NS - n, f"line {n}") for n in range(9)]))
    query = dataclasses.replace(EVERYTHING, levels=frozenset({Level.INFO}))

    assert logs.count_logs(scope, query) == 9
    assert decoded == []


def test_a_rare_needle_leaves_blocks_unread(scope, decoded):
    for n in range(3):
        lines = [(NOW_NS - n * DAY, f"request {n}.{m} was served") for m in range(900)]
        append(scope, log_batch(lines))

    query = dataclasses.replace(EVERYTHING, contains="quest 1.77 was")

    assert logs.count_logs(scope, query) == 1
    assert len(decoded) == 1


def test_labels_are_those_of_streams_with_lines_in_the_range(scope):
    rows = [(NOW_NS - 3 * DAY * n, "x", Level.INFO, n) for n in range(2)]
    append(scope, mixed_log_batch(rows, streams=STREAMS))

    recent = logs.log_labels(scope, NOW_NS - DAY, NOW_NS + 1)
    everything = logs.log_labels(scope, NOW_NS - 7 * DAY, NOW_NS + 1)

    assert recent == {"source": ["app"]}
    assert everything == {"pod": ["a"], "source": ["app"]}


def test_a_finished_day_becomes_one_block_a_stream(scope):
    from monitoring.models import LogBlock

    for n in range(3):
        append(scope, log_batch([(NOW_NS - 2 * DAY + n, f"line {n}")]))

    compact(scope)

    blocks = LogBlock.objects.filter(organization_id=scope.organization_id)
    assert [(block.level, block.count) for block in blocks] == [(2, 3)]


def test_nothing_is_read_for_an_empty_range(scope):
    append(scope, log_batch([(NOW_NS, "x")]))
    query = dataclasses.replace(EVERYTHING, start_ns=NOW_NS, end_ns=NOW_NS)

    assert logs.read_logs(scope, query) == logs.LogPage([], None)
    assert logs.count_logs(scope, query) == 0
    assert logs.log_volume(scope, query, SECOND) == []


def test_the_oldest_time_kept_is_that_of_retention(scope, settings):
    settings.LOG_RETENTION_DAYS = 3
    oldest = NOW - timedelta(days=3)
    append(scope, log_batch([(int(oldest.timestamp()) * SECOND, "line")]))

    page = logs.read_logs(scope, EVERYTHING)

    assert page.records[0].timestamp_ns == int(oldest.timestamp()) * SECOND
