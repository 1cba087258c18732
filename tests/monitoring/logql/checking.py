"""Runs a case of a script and compares what comes out with what it expects."""

from __future__ import annotations

import math

import pytest

from monitoring import logql
from monitoring.labels import Labels
from monitoring.logql import Direction, Kind, Result, ResultType
from tests.monitoring.logql.memory import MemoryLogs
from tests.monitoring.logql.script import Case

_TOLERANCE = 1e-9


def check(case: Case) -> None:
    """Raises AssertionError."""
    if case.failure is not None:
        with pytest.raises(logql.LogQLError) as error:
            run(case)
        assert _agrees(case.failure, str(error.value)), str(error.value)
        return
    result = run(case)
    if case.kind == "log":
        assert entries(result, case) == case.lines, case.expr
    elif case.kind != "parse":
        _check_values(case, result)


def run(case: Case, querier: MemoryLogs | None = None) -> Result:
    querier = querier or case.querier
    if case.kind == "parse":
        logql.format_query(case.expr)
        return Result(ResultType.STREAMS, logql.Stats())
    if case.kind == "instant":
        return logql.instant(querier, case.expr, time_ns=case.start_ns)
    return logql.range_query(
        querier,
        case.expr,
        start_ns=case.start_ns,
        end_ns=case.end_ns,
        step_ns=case.step_ns,
        limit=case.limit,
        direction=Direction.FORWARD if case.forward else Direction.BACKWARD,
    )


def entries(result: Result, case: Case) -> list[tuple[int, Labels, str]]:
    """Return the lines of all streams by time, then by labels."""
    found = [
        (time, stream.labels, line)
        for stream in result.streams
        for time, line in zip(stream.ts_ns, stream.lines, strict=True)
    ]
    return sorted(found, key=lambda e: (e[0] if case.forward else -e[0], e[1]))


def _agrees(wanted: str, text: str) -> bool:
    if wanted.endswith("..."):
        return text.startswith(wanted[:-3])
    return wanted in {"", text.strip()}


def _check_values(case: Case, result: Result) -> None:
    if case.scalar is not None:
        assert result.type in {ResultType.SCALAR, ResultType.VECTOR}, case.expr
        assert _same(case.scalar, float(result.values[0, 0])), answers(result)
        return
    found = answers(result)
    assert set(found) == set(case.series), (case.expr, found)
    if "sort" in case.expr:
        assert list(found) == case.ordered
    for labels, points in case.series.items():
        width = max(len(points), len(found[labels]))
        wanted = points + [None] * (width - len(points))
        assert all(map(_same, wanted, found[labels])), (case.expr, found)


def answers(result: Result) -> dict[Labels, list[float | None]]:
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
    return wanted == got or math.isclose(wanted, got, rel_tol=_TOLERANCE)


def check_in_range(case: Case) -> None:
    """Ask an instant's question as the middle one of a range query's."""
    if case.kind != "instant" or case.failure is not None or "approx_topk" in case.expr:
        return
    second = 10**9
    ranged = logql.range_query(
        case.querier,
        case.expr,
        start_ns=case.start_ns - second,
        end_ns=case.start_ns + second,
        step_ns=second,
    )
    middle = {k: v[1] for k, v in answers(ranged).items() if v[1] is not None}
    alone = {k: v[0] for k, v in answers(run(case)).items()}
    assert middle.keys() == alone.keys(), case.expr
    assert all(_same(alone[key], middle[key]) for key in alone), case.expr


def check_in_other_chunks(case: Case) -> None:
    """Read the same lines one by one, and all at once."""
    if case.failure is not None or case.kind == "parse":
        return
    wanted = _told(run(case), case)
    for size in (1, 1000):
        querier = MemoryLogs(case.querier.streams, chunk_lines=size)
        assert _told(run(case, querier), case) == wanted, (case.expr, size)


def _told(result: Result, case: Case) -> str:
    if result.type is ResultType.STREAMS:
        return repr(entries(result, case))
    found = answers(result).items()
    shown = {k: [None if v is None else f"{v:.9g}" for v in vs] for k, vs in found}
    return repr(sorted(shown.items()))


def check_written_again(case: Case) -> None:
    """Parse what format_query makes of the query: it must be the same tree."""
    if case.failure is not None:
        return
    tree = logql.parse(case.expr)
    again = logql.parse(logql.format_query(case.expr))
    assert again == tree
    assert logql.kind(again) in Kind
