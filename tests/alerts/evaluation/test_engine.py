from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.evaluation import (
    AlertMemory,
    ChangeKind,
    Comparator,
    Level,
    NoData,
    Observation,
    RuleSpec,
    Severity,
    Status,
    evaluate,
)

pytestmark = pytest.mark.unit

START = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LABELS = (("host", "a"),)
KEY = Observation.of(LABELS, 0.0).fingerprint

ENDS = {ChangeKind.RESOLVED, ChangeKind.DROPPED, ChangeKind.RELEASED}


def warning(threshold=80.0, **options) -> Level:
    return Level(Severity.WARNING, Comparator.GT, threshold, **options)


def critical(threshold=90.0, **options) -> Level:
    return Level(Severity.CRITICAL, Comparator.GT, threshold, **options)


def minutes(**options) -> dict[str, timedelta]:
    return {name: count * MINUTE for name, count in options.items()}


class Timeline:
    """One label set, evaluated once a minute."""

    def __init__(self, rule: RuleSpec) -> None:
        self.rule = rule
        self.memory: dict[int, AlertMemory] = {}
        self.tick = 0
        self.changes = []

    def see(self, value: float | None):
        now = START + self.tick * MINUTE
        self.tick += 1
        seen = [] if value is None else [Observation.of(LABELS, value)]
        changes = evaluate(self.rule, seen, self.memory, now)
        for change in changes:
            if change.kind in ENDS:
                self.memory.pop(change.fingerprint)
            else:
                self.memory[change.fingerprint] = change.after
        self.changes += changes
        return changes

    def set_status(self, status: Status) -> None:
        from dataclasses import replace

        self.memory[KEY] = replace(self.memory[KEY], status=status)

    @property
    def mark(self) -> str:
        """One letter: . nothing, p pending, w or c firing, W or C acknowledged."""
        memory = self.memory.get(KEY)
        if memory is None or memory.status is Status.RESOLVED:
            return "."
        if memory.status is Status.PENDING:
            return "p"
        letter = memory.severity[0]
        return letter.upper() if memory.status is Status.ACKNOWLEDGED else letter


def run(rule: RuleSpec, values: list[float | None]) -> str:
    timeline, marks = Timeline(rule), ""
    for value in values:
        timeline.see(value)
        marks += timeline.mark
    return marks


NAN = math.nan


@pytest.mark.parametrize(
    ("levels", "values", "marks"),
    [
        pytest.param([warning()], [50, 81, 50], ".w.", id="fires_and_resolves_at_once"),
        pytest.param([warning()], [80], ".", id="the_threshold_itself_is_no_breach"),
        pytest.param(
            [warning(**minutes(hold=2))],
            [81, 81, 81, 50],
            "ppw.",
            id="fires_after_the_hold",
        ),
        pytest.param(
            [warning(**minutes(hold=2))],
            [81, 81, 50, 81, 81, 81],
            "pp.ppw",
            id="a_gap_restarts_the_hold",
        ),
        pytest.param(
            [warning(recovery=70.0)],
            [81, 75, 71, 70, 75],
            "www..",
            id="recovers_only_past_the_recovery_threshold",
        ),
        pytest.param(
            [warning(recovery=70.0)],
            [75, 79],
            "..",
            id="between_the_thresholds_nothing_begins",
        ),
        pytest.param(
            [warning(recovery=70.0, **minutes(hold=1))],
            [81, 75, 81, 81],
            "p.pw",
            id="between_the_thresholds_a_pending_alert_ends",
        ),
        pytest.param(
            [warning(**minutes(keep_firing=2))],
            [81, 50, 50, 50],
            "ww..",
            id="lingers_after_the_last_breach",
        ),
        pytest.param(
            [warning(**minutes(keep_firing=2))],
            [81, 50, 81, 50, 50, 50],
            "wwww..",
            id="a_new_breach_renews_the_lingering",
        ),
        pytest.param(
            [warning(**minutes(hold=2, keep_firing=2))],
            [81, 50],
            "p.",
            id="a_pending_alert_never_lingers",
        ),
        pytest.param(
            [warning(), critical()],
            [81, 91, 85, 50],
            "wcw.",
            id="worsens_eases_and_resolves_as_one_alert",
        ),
        pytest.param(
            [warning(), critical(recovery=82.0)],
            [91, 85, 82, 50],
            "ccw.",
            id="each_level_has_its_own_recovery",
        ),
        pytest.param(
            [warning(), critical(**minutes(hold=2))],
            [91, 91, 91],
            "wwc",
            id="each_level_has_its_own_hold",
        ),
        pytest.param(
            [warning(**minutes(hold=2)), critical()],
            [85, 95],
            "pc",
            id="a_worse_level_does_not_wait_for_a_milder_one",
        ),
        pytest.param([warning()], [NAN, NAN], "..", id="nan_is_no_breach"),
        pytest.param(
            [Level(Severity.CRITICAL, Comparator.LT, 10.0, recovery=20.0)],
            [15, 9, 15, 20],
            ".cc.",
            id="falling_values_recover_upwards",
        ),
        pytest.param(
            [Level(Severity.ERROR, Comparator.NE, 1.0)],
            [1, 0, 1],
            ".e.",
            id="unequal_is_a_condition_too",
        ),
    ],
)
def test_an_alert_follows_the_timeline(levels, values, marks):
    assert run(RuleSpec(tuple(levels)), values) == marks


@pytest.mark.parametrize(
    ("no_data", "values", "marks"),
    [
        pytest.param(NoData.KEEP, [81, None, NAN, 50], "www.", id="keep_what_fires"),
        pytest.param(NoData.RESOLVE, [81, None], "w.", id="resolve_what_fires"),
        pytest.param(NoData.RESOLVE, [81, NAN], "w.", id="nan_is_no_data"),
        pytest.param(NoData.ALERT, [81, None, NAN], "www", id="alert_goes_on"),
        pytest.param(NoData.ALERT, [50, NAN], ".w", id="alert_on_a_value_lost"),
        pytest.param(NoData.KEEP, [None, None], "..", id="nothing_comes_of_nothing"),
    ],
)
def test_without_data_the_policy_decides(no_data, values, marks):
    assert run(RuleSpec((warning(),), no_data), values) == marks


def test_without_data_a_pending_alert_ends_also_where_the_policy_keeps():
    assert run(RuleSpec((warning(**minutes(hold=5)),)), [81, None]) == "p."


def test_an_empty_answer_is_an_alert_of_its_own_until_there_is_one_again():
    timeline = Timeline(RuleSpec((warning(),), NoData.ALERT))

    silent = timeline.see(None)
    still_silent = timeline.see(None)
    answered = timeline.see(50)

    assert [(c.kind, c.after.labels, c.reason) for c in silent] == [
        (ChangeKind.FIRED, (), "no data (warning)")
    ]
    assert [c.kind for c in still_silent] == [ChangeKind.UPDATED]
    assert [c.kind for c in answered] == [ChangeKind.RESOLVED]


@pytest.mark.parametrize(
    ("values", "marks"),
    [
        pytest.param([85, 85], "WW", id="stays_acknowledged_while_it_fires"),
        pytest.param([95, 85], "cw", id="a_worse_level_arms_it_again"),
        pytest.param([50], ".", id="resolves_like_any_other"),
    ],
)
def test_an_acknowledged_alert_follows_the_timeline(values, marks):
    timeline = Timeline(RuleSpec((warning(), critical())))
    timeline.see(85)
    timeline.set_status(Status.ACKNOWLEDGED)

    seen = ""
    for value in values:
        timeline.see(value)
        seen += timeline.mark

    assert seen == marks


def test_an_acknowledged_critical_alert_stays_so_when_it_eases():
    timeline = Timeline(RuleSpec((warning(), critical())))
    timeline.see(95)
    timeline.set_status(Status.ACKNOWLEDGED)

    timeline.see(85)

    assert timeline.mark == "W"


@pytest.mark.parametrize(
    ("values", "marks"),
    [
        pytest.param([85, 85, 50, 85], "...w", id="until_its_condition_has_ended_once"),
        pytest.param([85, 95], ".c", id="unless_it_gets_worse"),
    ],
)
def test_an_alert_resolved_by_hand_stays_quiet(values, marks):
    timeline = Timeline(RuleSpec((warning(), critical())))
    timeline.see(85)
    timeline.set_status(Status.RESOLVED)

    seen = ""
    for value in values:
        timeline.see(value)
        seen += timeline.mark

    assert seen == marks


def test_the_reasons_tell_the_story():
    rule = RuleSpec(
        (
            warning(recovery=75.0, **minutes(hold=1)),
            critical(recovery=85.0, **minutes(hold=2)),
        )
    )
    timeline = Timeline(rule)

    for value in [97.3, 97.3, 97.3, 84.25, 60.0]:
        timeline.see(value)

    assert [(c.kind.value, c.reason) for c in timeline.changes] == [
        ("opened", "value 97.3 > 90, fires after 2m (critical)"),
        ("fired", "value 97.3 > 80 for 1m (warning)"),
        ("worsened", "value 97.3 > 90 for 2m (critical)"),
        (
            "eased",
            "value 84.25 is no longer > 85 (critical recovered, still warning)",
        ),
        ("resolved", "value 60 is no longer > 75"),
    ]


def test_each_label_set_is_an_alert_of_its_own():
    seen = [Observation.of((("host", name),), v) for name, v in [("a", 85), ("b", 95)]]

    changes = evaluate(RuleSpec((warning(), critical())), seen, {}, START)

    found = {dict(c.after.labels)["host"]: c.after.severity for c in changes}
    assert found == {"a": Severity.WARNING, "b": Severity.CRITICAL}


def test_levels_that_a_rule_no_longer_has_are_forgotten():
    timeline = Timeline(RuleSpec((warning(), critical())))
    timeline.see(95)

    timeline.rule = RuleSpec((warning(),))
    changes = timeline.see(95)

    assert [c.kind for c in changes] == [ChangeKind.EASED]
    assert set(timeline.memory[KEY].levels) == {Severity.WARNING}


levels = st.builds(
    lambda low, gap, hold, keep: (
        warning(float(low), **minutes(hold=hold, keep_firing=keep)),
        critical(float(low + gap), **minutes(hold=hold)),
    ),
    st.integers(0, 50),
    st.integers(0, 50),
    st.integers(0, 3),
    st.integers(0, 3),
)
values = st.lists(
    st.one_of(st.none(), st.floats(0, 110), st.just(NAN)), min_size=1, max_size=30
)


@given(levels, st.sampled_from(NoData), values)
def test_the_severity_is_that_of_the_worst_level_that_fires(rule_levels, no_data, seen):
    timeline = Timeline(RuleSpec(rule_levels, no_data))

    for value in seen:
        timeline.see(value)

        for memory in timeline.memory.values():
            firing = [
                s for s, state in memory.levels.items() if state.phase == "firing"
            ]
            assert (memory.status is Status.FIRING) == bool(firing)
            if firing:
                assert memory.severity is max(firing, key=lambda s: s.rank)


@given(levels, values)
def test_nothing_fires_before_it_was_held(rule_levels, seen):
    timeline = Timeline(RuleSpec(rule_levels))
    hold = rule_levels[0].hold

    for value in seen:
        now = START + timeline.tick * MINUTE
        for change in timeline.see(value):
            if change.kind is ChangeKind.FIRED:
                assert now - change.after.since >= hold


@given(levels, st.sampled_from(NoData), values)
def test_an_evaluation_says_the_same_thing_twice(rule_levels, no_data, seen):
    timeline = Timeline(RuleSpec(rule_levels, no_data))
    for value in seen:
        timeline.see(value)

    now = START + timeline.tick * MINUTE
    observations = [Observation.of(LABELS, 85.0)]
    first = evaluate(timeline.rule, observations, timeline.memory, now)
    second = evaluate(timeline.rule, observations, timeline.memory, now)

    assert first == second


@given(levels, values)
def test_values_below_every_threshold_never_alert(rule_levels, seen):
    harmless = [None if v is None else -1.0 - v for v in seen]

    assert set(run(RuleSpec(rule_levels), harmless)) == {"."}
