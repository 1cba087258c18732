"""What a reader looks for among the lines, in plain words or in LogQL, compiled."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from monitoring import logql
from monitoring.labels import Matcher, MatchOp
from monitoring.logql import Expr
from monitoring.logql.lines import DETECTED_LEVEL, ERROR
from monitoring.logql.pipeline import compile_query
from monitoring.logql.pretty import write
from monitoring.logql.syntax import (
    Drop,
    LabelChoice,
    LabelFilter,
    LineFilter,
    LogQuery,
    TextCondition,
)
from monitoring.services.logs import LogQuery as StoredQuery
from monitoring.store.interface import ALL_LEVELS
from monitoring.telemetry import Level, LineOp
from monitoring.telemetry import LineFilter as StoreFilter

__all__ = ["ALL_LEVELS", "Search", "compile_logql", "compile_words", "is_logql"]

_FUNCTIONS = (
    "rate|rate_counter|count_over_time|bytes_rate|bytes_over_time|absent_over_time|"
    "sum_over_time|avg_over_time|min_over_time|max_over_time|first_over_time|"
    "last_over_time|stddev_over_time|stdvar_over_time|quantile_over_time|sum|avg|min|"
    "max|count|stddev|stdvar|topk|bottomk|approx_topk|sort|sort_desc|label_replace|vector"
)
# A JSON line that somebody looks for begins with a quote behind its brace.
_LOGQL = re.compile(rf'\s*(\{{(?!\s*")|({_FUNCTIONS})\s*(by\s*|without\s*)?\()')


def is_logql(text: str) -> bool:
    """Whether a text means LogQL, as far as its beginning tells."""
    return _LOGQL.match(text) is not None


@dataclass(frozen=True, slots=True)
class Search:
    """Lines with all these labels, levels and filters; `metric` asks for numbers.

    `piped` is the whole query where it has stages that only LogQL's engine runs: the
    store answers the others, by which their lines have ids.
    """

    matchers: tuple[Matcher, ...] = ()
    levels: frozenset[Level] = ALL_LEVELS
    filters: tuple[StoreFilter, ...] = ()
    piped: LogQuery | None = None
    metric: Expr | None = None

    @property
    def marks(self) -> tuple[str, ...]:
        """The texts that every line has, or one of them."""
        ops = {LineOp.CONTAINS}
        return tuple(v for f in self.filters if f.op in ops for v in f.values if v)

    def stored(
        self, start_ns: int, end_ns: int, *, limit: int = 100, after: str | None = None
    ) -> StoredQuery:
        """Return what the store is asked, for a search that is not piped."""
        return StoredQuery(
            matchers=self.matchers,
            start_ns=start_ns,
            end_ns=end_ns,
            levels=self.levels,
            limit=limit,
            after=after,
            filters=self.filters,
        )

    def leveled(self) -> LogQuery:
        """Return the piped query with its levels, which it may drop later on."""
        if self.piped is None:
            raise ValueError("the store answers this search")
        if self.levels == ALL_LEVELS:
            return self.piped
        words = "|".join(sorted(level.word for level in self.levels))
        wanted = LabelFilter(TextCondition(_matches(DETECTED_LEVEL, words)))
        return replace(self.piped, stages=(wanted, *self.piped.stages))

    def by_level(self, step_seconds: int) -> str:
        """Return the metric query that counts the piped lines by their levels."""
        if self.piped is None:
            raise ValueError("the store counts this search")
        counted = _count(self.piped, f"{step_seconds}s")
        return f"sum by ({DETECTED_LEVEL}) ({counted})"


def _matches(name: str, expression: str) -> Matcher:
    return Matcher(name, MatchOp.REGEX, expression)


def _count(query: LogQuery, span: str) -> str:
    if any(not isinstance(stage, LineFilter) for stage in query.stages):
        # A line that a parser could not read is a line still.
        forgiving = Drop((LabelChoice(ERROR),))
        query = replace(query, stages=(*query.stages, forgiving))
    return f"count_over_time({write(query)} [{span}])"


def watchable(text: str) -> str:
    """Return the metric query that a rule asks about what the query finds.

    Raises LogQLError.
    """
    tree = logql.parse(text)
    return f"sum({_count(tree, '5m')})" if isinstance(tree, LogQuery) else text


def compile_words(
    text: str,
    *,
    matchers: Sequence[Matcher] = (),
    levels: frozenset[Level] = ALL_LEVELS,
) -> Search:
    filters = (StoreFilter(LineOp.CONTAINS, (text,)),) if text else ()
    return Search(tuple(matchers), levels, filters)


def compile_logql(
    text: str,
    *,
    matchers: Sequence[Matcher] = (),
    levels: frozenset[Level] = ALL_LEVELS,
) -> Search:
    """Return what a LogQL query looks for, narrowed by more matchers and levels.

    A metric query is not narrowed: it says itself what it counts. Raises LogQLError.
    """
    tree = logql.parse(text)
    if not isinstance(tree, LogQuery):
        return Search(metric=tree)
    tree = replace(tree, matchers=(*tree.matchers, *matchers))
    pipeline = compile_query(tree)
    piped = tree if pipeline.rest else None
    return Search(tree.matchers, levels, pipeline.filters, piped)
