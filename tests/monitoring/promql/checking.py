"""Runs a case of a script and compares what comes out with what it expects."""

from __future__ import annotations

import math
import re

import pytest

from monitoring import promql
from monitoring.promql import Result, ResultType
from tests.monitoring.promql.script import Case, Expectation

# As in Prometheus's own tests.
_TOLERANCE = 1e-6
_MINUTE = 60_000

# What a range query answers differently by nature.
_OF_THE_QUERY = re.compile(r"\b(start|end|range|step)\(\)|\bsort")


def check(case: Case) -> None:
    """Raises AssertionError."""
    if failures := case.expects("fail"):
        _check_failure(case, failures)
        return
    result = run(case)
    _check_notes("warn", case, result.warnings)
    _check_notes("info", case, result.infos)
    if texts := case.expects("string"):
        assert result.type is ResultType.STRING
        assert result.string == texts[0].text
        return
    _check_values(case, result)
    if case.expects("ordered"):
        assert result.labels == list(case.series), case.expr


def run(case: Case) -> Result:
    if case.instant:
        return promql.instant(case.querier, case.expr, time_ms=case.start_ms)
    return promql.range_query(
        case.querier,
        case.expr,
        start_ms=case.start_ms,
        end_ms=case.end_ms,
        step_ms=case.step_ms,
    )


def _check_failure(case: Case, failures: list[Expectation]) -> None:
    with pytest.raises(promql.PromQLError) as error:
        run(case)
    for failure in failures:
        assert _agrees(failure, str(error.value)), str(error.value)


def _agrees(expectation: Expectation, text: str) -> bool:
    if expectation.how == "regex":
        return re.search(expectation.text, text) is not None
    return expectation.text in {"", text.strip()}


def _check_notes(kind: str, case: Case, notes: list[str]) -> None:
    for wanted in case.expects(kind):
        assert any(_agrees(wanted, note) for note in notes), (wanted.text, notes)
    if case.expects(f"no_{kind}"):
        assert notes == [], case.expr


def _check_values(case: Case, result: Result) -> None:
    if case.scalar is not None:
        assert result.type is ResultType.SCALAR, case.expr
        assert _same(case.scalar, float(result.values[0, 0])), _both(case, result)
        return
    found = answers(result)
    assert set(found) == set(case.series), _both(case, result)
    for labels, points in case.series.items():
        width = max(len(points), len(found[labels]))
        wanted = points + [None] * (width - len(points))
        got = found[labels] + [None] * (width - len(found[labels]))
        assert all(map(_same, wanted, got)), _both(case, result)


def answers(result: Result) -> dict:
    """Return the values by label set, None where there is none."""
    return {
        labels: [v if p else None for v, p in zip(values, present, strict=True)]
        for labels, values, present in zip(
            result.labels, result.values.tolist(), result.present.tolist(), strict=True
        )
    }


def _same(wanted: float | None, got: float | None) -> bool:
    if wanted is None or got is None:
        return wanted is got
    if math.isnan(wanted) or math.isnan(got):
        return math.isnan(wanted) and math.isnan(got)
    return wanted == got or math.isclose(
        wanted, got, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE * 1e-300
    )


def _both(case: Case, result: Result) -> str:
    return f"{case.expr}\nwanted {case.scalar or case.series}\ngot    {answers(result)}"


def check_in_range(case: Case) -> None:
    """Ask an instant's question as the middle one of a range query's."""
    if not case.instant or case.expects("fail") or case.expects("string"):
        return
    if case.expects("ordered") or _OF_THE_QUERY.search(case.expr):
        return
    instant = run(case)
    if instant.type is ResultType.MATRIX:
        return
    ranged = promql.range_query(
        case.querier,
        case.expr,
        start_ms=case.start_ms - _MINUTE,
        end_ms=case.start_ms + _MINUTE,
        step_ms=_MINUTE,
    )
    middle = {k: v[1] for k, v in answers(ranged).items() if v[1] is not None}
    alone = {k: v[0] for k, v in answers(instant).items()}
    assert middle.keys() == alone.keys(), case.expr
    assert all(_same(alone[key], middle[key]) for key in alone), case.expr
