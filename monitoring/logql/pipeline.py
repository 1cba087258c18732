"""The stages of a query as one function on the lines of a chunk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from monitoring.labels import Matcher, matches_all
from monitoring.logql.errors import LogQLSyntaxError
from monitoring.logql.lines import Lines
from monitoring.logql.parser import parse as parse_text
from monitoring.logql.parser import parse_stages
from monitoring.logql.stages import dropping, logfmt, objects
from monitoring.logql.stages.captures import pattern_captures, regexp_captures
from monitoring.logql.stages.formats import (
    compile_label_format,
    compile_line_format,
    names_in,
)
from monitoring.logql.stages.labelfilters import compile_label_filter
from monitoring.logql.stages.linefilters import compile_line_filter, pushable
from monitoring.logql.syntax import (
    Both,
    Condition,
    Decolorize,
    Drop,
    Either,
    Expr,
    IpCondition,
    JsonParser,
    Keep,
    LabelFilter,
    LabelFormat,
    LineFilter,
    LineFormat,
    LogfmtParser,
    LogQuery,
    NumberCondition,
    PatternParser,
    RegexpParser,
    Stage,
    TextCondition,
    Unpack,
    Unwrap,
    log_queries,
)
from monitoring.telemetry import LineFilter as StoreFilter
from monitoring.telemetry import LogChunk

Step = Callable[[Lines], Lines]

# What leaves the line as it is stored, so that a filter behind it may come first.
_KEEPS_LINE = (
    LineFilter,
    LabelFilter,
    JsonParser,
    LogfmtParser,
    RegexpParser,
    PatternParser,
    LabelFormat,
    Drop,
    Keep,
)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Compiled stages, to be run on any chunk: from a store, or as lines arrive.

    `filters` can be left to the store; `steps` are all stages, `rest` those that
    remain behind the filters. `names` are the labels that any stage asks for.
    """

    matchers: tuple[Matcher, ...]
    filters: tuple[StoreFilter, ...]
    steps: tuple[Step, ...]
    rest: tuple[Step, ...]
    names: frozenset[str]

    def selects(self, chunk: LogChunk) -> bool:
        """Whether the query's selector takes the chunk's stream."""
        return matches_all(self.matchers, dict(chunk.stream))

    def run(self, chunk: LogChunk) -> Lines:
        """Return the lines of a chunk that pass all stages, with their labels."""
        return self.run_lines(Lines.of(chunk), self.steps)

    def run_stored(self, lines: Lines) -> Lines:
        """Do the same with lines that have passed `filters` already."""
        return self.run_lines(lines, self.rest)

    @staticmethod
    def run_lines(lines: Lines, steps: Iterable[Step]) -> Lines:
        for step in steps:
            if lines.count == 0:
                break
            lines.check()
            lines = step(lines)
        return lines


def parse(text: str) -> Expr:
    """Return the tree of a query, all of whose stages compile.

    Raises LogQLSyntaxError, and UnsupportedError for what Loki has but we have not.
    """
    expr = parse_text(text)
    for query in log_queries(expr):
        compile_stages((), [s for s in query.stages if not isinstance(s, Unwrap)])
    return expr


def compile_pipeline(text: str) -> Pipeline:
    """Compile a log query, or stages alone: `| json | level="error"`.

    A selector may be empty here, because nothing is read from a store.
    Raises LogQLSyntaxError, and UnsupportedError.
    """
    return compile_query(parse_stages(text))


def compile_query(query: LogQuery) -> Pipeline:
    """Raises LogQLSyntaxError."""
    return compile_stages(query.matchers, query.stages)


def compile_stages(matchers: tuple[Matcher, ...], stages: Sequence[Stage]) -> Pipeline:
    """Raises LogQLSyntaxError."""
    try:
        filters, rest = _split(stages)
        steps = tuple(_compile(stage) for stage in stages)
        names = frozenset[str]().union(*map(_names, stages))
    except ValueError as error:
        raise LogQLSyntaxError(str(error)) from None
    kept = tuple(steps[n] for n in rest)
    return Pipeline(matchers, tuple(filters), steps, kept, names)


def _split(stages: Sequence[Stage]) -> tuple[list[StoreFilter], list[int]]:
    """Return the filters that a store can apply, and the stages that remain.

    A filter behind a parser reads the same line as one before it; but an error that
    the parser would note on a line that is filtered out is then never seen.
    """
    filters: list[StoreFilter] = []
    rest: list[int] = []
    ahead = True
    for number, stage in enumerate(stages):
        found = pushable(stage) if ahead and isinstance(stage, LineFilter) else None
        if found is not None:
            filters.append(found)
        else:
            rest.append(number)
        ahead = ahead and isinstance(stage, _KEEPS_LINE)
    return filters, rest


def _compile(stage: Stage) -> Step:
    return _COMPILERS[type(stage)](stage)


def _structured(stage: JsonParser | LogfmtParser | Unpack) -> Step:
    if isinstance(stage, Unpack):
        return objects.unpack
    named = [(each.name, each.path) for each in stage.extractions]
    if isinstance(stage, JsonParser):
        if not named:
            return objects.parse_json
        paths = [(name, objects.parse_path(path)) for name, path in named]
        return lambda lines: objects.extract_json(lines, paths)
    strict, keep_empty = stage.strict, stage.keep_empty
    if not named:
        return lambda lines: logfmt.parse_logfmt(
            lines, strict=strict, keep_empty=keep_empty
        )
    return lambda lines: logfmt.extract_logfmt(
        lines, named, strict=strict, keep_empty=keep_empty
    )


def _names(stage: Stage) -> set[str]:
    match stage:
        case LabelFilter(condition):
            return _names_of(condition)
        case LineFormat(template):
            return names_in(template)
        case LabelFormat(assignments):
            found = [names_in(a.template or "") | {a.source} for a in assignments]
            return set().union(*found) - {""}
        case Drop(choices) | Keep(choices):
            return {choice.name for choice in choices}
    return set()


def _names_of(condition: Condition) -> set[str]:
    match condition:
        case TextCondition(matcher):
            return {matcher.name}
        case NumberCondition() | IpCondition():
            return {condition.name}
        case Both(left, right) | Either(left, right):
            return _names_of(left) | _names_of(right)


_COMPILERS: dict[type, Callable[[Any], Step]] = {
    Decolorize: lambda _: dropping.decolorize,
    Drop: lambda stage: dropping.compile_drop(stage.choices),
    JsonParser: _structured,
    Keep: lambda stage: dropping.compile_keep(stage.choices),
    LabelFilter: lambda stage: compile_label_filter(stage.condition),
    LabelFormat: lambda stage: compile_label_format(stage.assignments),
    LineFilter: compile_line_filter,
    LineFormat: lambda stage: compile_line_format(stage.template),
    LogfmtParser: _structured,
    PatternParser: lambda stage: pattern_captures(stage.pattern).run,
    RegexpParser: lambda stage: regexp_captures(stage.expression).run,
    Unpack: _structured,
}
