from __future__ import annotations

import pytest

from monitoring import logql
from monitoring.labels import make_labels
from monitoring.logql import Direction, Limits
from monitoring.telemetry import Level, LineFilter, LineOp
from tests.monitoring.logql.memory import Line, MemoryLogs, make_chunk

pytestmark = pytest.mark.unit

SECOND = 10**9
API = make_labels({"app": "api", "env": "prod"})


def _logs(count: int = 100, chunk_lines: int = 10) -> MemoryLogs:
    lines = [
        Line(n * SECOND, f'{{"n":{n}}}', {"trace": f"t{n}"}, Level.INFO)
        for n in range(count)
    ]
    return MemoryLogs({API: lines}, chunk_lines)


def _ask(querier: MemoryLogs, text: str, **more):
    return logql.range_query(querier, text, start_ns=0, end_ns=1000 * SECOND, **more)


def test_reading_stops_as_soon_as_the_limit_is_certain():
    querier = _logs()

    result = _ask(querier, '{app="api"} | json | n > 50', limit=5)

    assert [s.lines for s in result.streams] == [
        [f'{{"n":{n}}}'] for n in range(95, 100)
    ]
    assert querier.reads <= 2


def test_reading_forward_stops_as_well():
    querier = _logs()

    _ask(querier, '{app="api"}', limit=5, direction=Direction.FORWARD)

    assert querier.reads <= 2


def test_filters_are_left_to_the_store_also_from_behind_a_parser():
    querier = _logs()

    _ask(querier, '{app="api"} |= "1" | json != "zz" |~ "n.*" | line_format "x" |= "x"')

    assert list(querier.filters) == [
        LineFilter(LineOp.CONTAINS, ("1",)),
        LineFilter(LineOp.NOT_CONTAINS, ("zz",)),
        LineFilter(LineOp.MATCHES, ("n.*",)),
    ]


def test_a_pure_count_reads_no_line():
    querier = _logs()

    _ask(querier, 'sum by (app) (rate({app="api"} |= "n" [1m]))', step_ns=60 * SECOND)

    assert querier.reads == 0


def test_a_count_by_a_stored_field_reads_that_field_only():
    querier = _logs()

    _ask(querier, 'sum by (trace) (rate({app="api"}[1m]))', step_ns=60 * SECOND)

    assert querier.asked == ["trace"]


def test_a_metric_query_asks_for_the_fields_it_names():
    querier = _logs()

    text = 'max_over_time({app="api"} | json | a="" | unwrap n [1m]) by (host)'
    _ask(querier, text, step_ns=60 * SECOND)

    assert querier.asked == ["a", "host", "n"]


def test_lines_carry_their_fields_and_level_as_metadata():
    result = _ask(_logs(1), '{app="api"} | json')

    (stream,) = result.streams
    assert (stream.stream, stream.parsed) == (API, (("n", "0"),))
    assert stream.metadata == [(("detected_level", "info"), ("trace", "t0"))]


def test_a_rename_leaves_lines_without_the_label_as_they_were():
    lines = [Line(0, "x", {"a": "1", "n": "0"}), Line(1, "y", {"n": "2"})]

    result = _ask(MemoryLogs({API: lines}), '{app="api"} | label_format n=a')

    told = {s.lines[0]: (s.parsed, s.metadata) for s in result.streams}
    unknown = ("detected_level", "unknown")
    assert told == {
        "x": ((("n", "1"),), [(unknown,)]),
        "y": ((), [(unknown, ("n", "2"))]),
    }


def test_a_parsed_label_stands_for_the_field_of_its_name():
    line = Line(0, "trace=parsed", {"trace": "stored", "other": "o"})

    result = _ask(MemoryLogs({API: [line]}), '{app="api"} | logfmt')

    assert result.streams[0].metadata == [
        (("detected_level", "unknown"), ("other", "o"))
    ]
    assert result.streams[0].parsed == (("trace", "parsed"),)


def test_keep_empty_shows_labels_without_a_value():
    querier = MemoryLogs({API: [Line(0, "a= b c=1")]})

    result = _ask(querier, '{app="api"} | logfmt --keep-empty')

    assert result.streams[0].parsed == (("a", ""), ("b", ""), ("c", "1"))


def test_streams_are_sorted_by_their_labels():
    querier = MemoryLogs({(("app", name),): [Line(0, name)] for name in "cab"})

    result = _ask(querier, '{app=~".+"}')

    assert [dict(stream.labels)["app"] for stream in result.streams] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("text", "limits", "complaint"),
    [
        ('{app="api"}', Limits(max_entries=10), "max entries limit per query exceeded"),
        ('{app="api"}', Limits(max_lines=20), "lines, more than the limit of 20"),
        (
            'count_over_time({app="api"} | json [1m])',
            Limits(max_series=5),
            "series, more than the limit of 5",
        ),
        (
            'sum_over_time({app="api"} | json | unwrap n [1m])',
            Limits(max_samples=5),
            "samples, more than the limit of 5",
        ),
        ("vector(1)", Limits(max_points=5), "points, more than the limit of 5"),
    ],
)
def test_a_query_that_takes_too_much_is_refused(text, limits, complaint):
    with pytest.raises(logql.TooMuchDataError, match=complaint):
        _ask(_logs(), text, limits=limits, step_ns=10 * SECOND)


def test_the_deadline_ends_a_query_between_chunks():
    calls = []

    def deadline() -> None:
        calls.append(None)
        if len(calls) > 3:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        _ask(_logs(), '{app="api"} | n="x"', limits=Limits(deadline=deadline))


def test_times_beyond_what_can_be_counted_are_refused():
    text = 'rate({app="api"} | logfmt [1h] offset -290y)'

    with pytest.raises(logql.EvaluationError, match="out of range"):
        logql.instant(_logs(), text, time_ns=10**18)


def test_a_template_cannot_make_half_a_character():
    querier = MemoryLogs({API: [Line(0, "x")]})

    result = _ask(querier, '{app="api"} | line_format `{{ printf "%c" 55296 }}`')

    assert dict(result.streams[0].parsed)["__error__"] == "TemplateFormatErr"


def test_the_answer_tells_what_was_read():
    result = _ask(
        _logs(), 'count_over_time({app="api"} | json [1m])', step_ns=500 * SECOND
    )

    assert (result.stats.lines, result.stats.chunks) == (100, 10)
    assert result.stats.bytes == sum(len(f'{{"n":{n}}}') for n in range(100))


def test_lines_with_more_labels_than_are_reasonable_are_refused():
    text = "{" + ",".join(f'"k{n}":"v"' for n in range(3000)) + "}"
    querier = MemoryLogs({API: [Line(0, text)]})

    with pytest.raises(logql.TooMuchDataError, match="different labels after parsing"):
        _ask(querier, 'count_over_time({app="api"} | json [1m])', step_ns=500 * SECOND)


def test_a_pipeline_runs_on_a_chunk_without_a_store():
    pipeline = logql.compile_pipeline('| json | n >= 2 | line_format "n is {{.n}}"')
    chunk = make_chunk(API, [Line(n, f'{{"n":{n}}}', {"t": "x"}) for n in range(4)])

    lines = pipeline.run(chunk)

    assert lines.text.to_pylist() == ["n is 2", "n is 3"]
    assert lines.rows.tolist() == [2, 3]
    assert logql.label_sets(lines) == [(("n", "2"),), (("n", "3"),)]
    assert logql.metadata_sets(lines)[0] == (("detected_level", "unknown"), ("t", "x"))


def test_a_pipeline_tells_the_streams_of_its_selector():
    pipeline = logql.compile_pipeline('{app=~"a.*"} |= "x"')

    assert pipeline.selects(make_chunk(API, [Line(0, "x")]))
    assert not pipeline.selects(make_chunk((("app", "db"),), [Line(0, "x")]))


@pytest.mark.parametrize(
    "line", ["[1", '2]"', '{"a":[{"b":1}', '{"c":1}]}', "\x00", "é" * 9]
)
def test_no_line_disturbs_the_parsing_of_its_neighbours(line):
    lines = [Line(0, '{"n":1}'), Line(1, line), Line(2, '{"n":2}')]
    chunk = make_chunk(API, lines)

    for text in ("| json", "| logfmt", "| unpack", "| pattern `<a> <b>`"):
        assert logql.compile_pipeline(text).run(chunk).count == 3
    found = logql.compile_pipeline("| json").run(chunk)
    assert found.value("n").to_pylist() == ["1", "", "2"]
